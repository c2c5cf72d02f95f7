"""Stands for leadership, and works only while it is held.

    stand ──► lead: renew every 2 s, until it is lost or given back ──► stand …

Another replica may take over 15 s after it last saw the Lease change; this one stops
10 s after it last began a renewal that succeeded. Between the two nobody acts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from governor.app.ports import Clock, LeaseStore, Telemetry
from governor.domain.leases import (
    LOOK_SECONDS,
    RENEW_SECONDS,
    RETRY_SECONDS,
    Lease,
    Sighting,
    released,
    renewed,
    same_term,
    seen,
    taken,
)
from governor.errors import ConflictError, NotLeadingError, StoreError

REQUEST_SECONDS = 5.0
"""So long may one request take: two fit before a renewal is too late."""

RELEASE_SECONDS = 2.0
"""So long may giving it back take."""

_NEVER = float("-inf")
_log = logging.getLogger(__name__)


class Term(Protocol):
    """The work of one time of leading."""

    async def run(self) -> None:
        """Works until cancelled; then ends within a moment."""

    async def finish(self) -> None:
        """Starts nothing more, and lets what is under way end; within bounds."""


class Leadership:
    """Whether this replica leads (`app.ports.Authority`)."""

    def __init__(
        self,
        store: LeaseStore,
        *,
        identity: str,
        clock: Clock,
        monotonic: Callable[[], float],
        highest_epoch: Callable[[], int],
        telemetry: Telemetry,
    ) -> None:
        """Leads nothing yet.

        Args:
            store: holds the Lease.
            identity: what this replica is called; a process that is started again in
                its place has the same, and need not wait for its own Lease to be over.
            clock: the wall clock, for people and for epochs.
            monotonic: seconds that never jump, and go on while a machine sleeps.
            highest_epoch: the highest epoch that was seen in a status.
            telemetry: told whether this replica leads.
        """
        self._store = store
        self._identity = identity
        self._clock = clock
        self._monotonic = monotonic
        self._highest_epoch = highest_epoch
        self._telemetry = telemetry
        self._sighting: Sighting | None = None
        self._looked = False
        self._until = _NEVER
        self.trouble = ""
        """Why the Lease can't be read or written; empty: it can."""

    @property
    def leads(self) -> bool:
        """Whether this replica leads at this very moment."""
        return self._monotonic() < self._until

    @property
    def epoch(self) -> int:
        """The number of the present term, or of the last one that was seen."""
        return self._sighting.lease.epoch if self._sighting else 0

    @property
    def holder(self) -> str:
        """Who leads, as last seen; empty: nobody."""
        return self._sighting.lease.holder if self._sighting else ""

    @property
    def role(self) -> str:
        """`leader`, `standby`; or `unknown` before the Lease was first seen."""
        if self.leads:
            return "leader"
        return "standby" if self._looked else "unknown"

    def require(self) -> None:
        """As `app.ports.Authority` says."""
        if not self.leads:
            raise NotLeadingError("this replica does not lead: nothing was done")

    async def run(self, new_term: Callable[[], Term], stop: asyncio.Event) -> None:
        """Stands, leads, and stands again; until told to stop, then gives the Lease back.

        Raises:
            Exception: a term ended by itself, which is a bug; the process must end too.
        """
        try:
            while not stop.is_set():
                await self._stand(stop)
                if self.leads:
                    await self._lead(new_term(), stop)
        finally:
            await self._release()

    async def _stand(self, stop: asyncio.Event) -> None:
        """Returns when this replica leads, or is told to stop."""
        pause = 0.0
        while not self.leads and not await _within(stop, pause):
            await self._attempt(self._take_if_over)
            pause = LOOK_SECONDS

    async def _lead(self, term: Term, stop: asyncio.Event) -> None:
        _log.info("leads", extra={"identity": self._identity, "epoch": self.epoch})
        self._telemetry.leads(leading=True)
        working = asyncio.create_task(term.run(), name="term")
        keeping = asyncio.create_task(self._keep(), name="renewing the Lease")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        parts: set[asyncio.Task[object]] = {working, keeping, stopping}
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set() and self.leads and not working.done():
                await term.finish()
        finally:
            if not self.leads:
                _log.warning("leads no more", extra={"holder": self.holder or "unknown"})
            for part in (working, stopping):
                part.cancel()
            # The Lease is held on to until the work has ended; but never longer than it may be.
            await asyncio.wait({working, stopping})
            keeping.cancel()
            await asyncio.wait({keeping})
            self._telemetry.leads(leading=False)
        if not working.cancelled():
            working.result()

    async def _keep(self) -> None:
        """Renews until this replica leads no more."""
        while self.leads:
            await asyncio.sleep(min(RETRY_SECONDS, self._left()))
            if self.leads:
                await self._attempt(self._renew)

    async def _take_if_over(self) -> None:
        started = self._monotonic()
        found = await self._store.read()
        mine = False
        if found is not None:
            self._sighting = seen(self._sighting, *found, self._monotonic())
            mine = not self._looked and self._sighting.lease.holder == self._identity
        self._looked = True
        # One that somebody deleted is not over for that: its holder leads on, and writes it anew.
        before = self._sighting
        if before is not None and not (mine or before.over(self._monotonic())):
            return
        lease = taken(
            before.lease if before else None,
            self._identity,
            self._clock.now(),
            highest_epoch=self._highest_epoch(),
        )
        if found is None:
            version = await self._store.create(lease)
        else:
            version = await self._store.replace(found[0], lease)
        self._confirm(version, lease, started)

    async def _renew(self) -> None:
        started, ours = self._monotonic(), self._held
        lease = renewed(ours.lease, self._clock.now(), highest_epoch=self._highest_epoch())
        try:
            version = await self._store.replace(ours.version, lease)
        except ConflictError:  # somebody wrote to it; or we did, and the answer was lost
            found = await self._store.read()
            if found is None:
                return
            self._sighting = seen(ours, *found, self._monotonic())
            if not same_term(found[1], ours.lease):
                self._until = _NEVER
                return
            version = await self._store.replace(found[0], lease)
        self._confirm(version, lease, started)

    async def _release(self) -> None:
        """So that another need not wait until it is over."""
        if not self.leads:
            return
        ours, self._until = self._held, _NEVER  # from here on nothing is done
        given_back = released(ours.lease, self._clock.now())
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                try:
                    await self._store.replace(ours.version, given_back)
                except ConflictError:  # a renewal was under way, and got there first
                    found = await self._store.read()
                    if found is None or not same_term(found[1], ours.lease):
                        return
                    await self._store.replace(found[0], given_back)
                _log.info("gave the Lease back", extra={"identity": self._identity})

    @property
    def _held(self) -> Sighting:
        if self._sighting is None:
            raise NotLeadingError("this replica has never led")
        return self._sighting

    def _confirm(self, version: str, lease: Lease, started: float) -> None:
        """The API server has our Lease; it counts from before we asked."""
        self._sighting = Sighting(version=version, lease=lease, since=started)
        self._until = started + RENEW_SECONDS

    def _left(self) -> float:
        return max(0.0, self._until - self._monotonic())

    async def _attempt(self, step: Callable[[], Awaitable[None]]) -> None:
        """Takes a step in time; what is in the way is said once."""
        seconds = min(REQUEST_SECONDS, self._left()) if self.leads else REQUEST_SECONDS
        try:
            async with asyncio.timeout(seconds):
                await step()
        except (StoreError, TimeoutError) as error:
            trouble = str(error) or f"no answer within {REQUEST_SECONDS:g} s"
            if trouble != self.trouble:
                _log.warning("the Lease can't be used now", extra={"error": trouble})
            self.trouble = trouble
        else:
            self.trouble = ""


async def _within(stop: asyncio.Event, seconds: float) -> bool:
    """Whether it is told to stop within so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()
