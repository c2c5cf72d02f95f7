"""Has told what deleted policies left, and keeps copies of what living ones can't get told.

A bequest is kept before it is told, and told only once a live read says that its policy is
no more (protocol, rule 20).
"""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime
from functools import partial

from governor.api.loading import load_policy
from governor.api.log import Entry
from governor.app.heirs import Heir, surely
from governor.app.ports import Json, Kind, LiveObjects, ObjectKey, Orphan, OrphanStore
from governor.app.resources import forever
from governor.app.running import PolicyRunner
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.app.turns import Turns
from governor.domain.bequests import bequest, legible, stuck, unsaid
from governor.domain.entries import Decision
from governor.domain.policies import NONE_KNOWN, Policy, resolve
from governor.errors import GoneError, SpecError, StoreError

COPYING_SECONDS = 15.0
"""Between two looks for what living policies can't get told."""

_log = logging.getLogger(__name__)


class Orphans:
    """Every bequest, and every copy."""

    def __init__(
        self,
        store: OrphanStore,
        services: Services,
        policies: Scheduler,
        objects: LiveObjects,
    ) -> None:
        self._store = store
        self._objects = objects
        self._services = services
        self._policies = policies
        self._copied: dict[str, frozenset[Entry]] = {}
        self._turns = Turns()
        """One policy's orphan is written by one at a time, in order."""
        self._unkept: set[asyncio.Future[None]] = set()
        self._taken_up = False

    def bequeath(self, runner: PolicyRunner) -> None:
        """A policy was deleted: what its runner knew is all that is left of it."""
        key, news = runner.subject.key, runner.courier.news
        at, around = self._services.clock.now(), self._services.around
        policy = runner.policy or NONE_KNOWN
        entries = bequest(
            Decision(policy_uid=key.uid, generation=runner.subject.generation, at=at),
            policy,
            runner.confirmed,
            delivered=frozenset(news.delivered),
            remediated=dict(news.remediated),
            channels=around.of(key, policy).channels,
        )
        orphan = _orphan(key, entries, runner)
        kept = asyncio.get_running_loop().create_future()
        self._unkept.add(kept)
        kept.add_done_callback(self._unkept.discard)
        self._turns.take(key.uid, lambda: self._see_through(orphan, at, kept))

    async def run(self) -> None:
        """Takes up what is kept, then looks for what is to be copied; until cancelled."""
        try:
            await self._take_up()
            await forever(self._copy, COPYING_SECONDS)
        finally:
            await self._turns.close()

    async def settle(self, seconds: float) -> None:
        """Waits until what was bequeathed is kept, but not for longer."""
        if self._unkept:
            await asyncio.wait(self._unkept, timeout=seconds)

    async def _take_up(self) -> None:
        for orphan in await surely(self._store.all):
            uid = orphan.key.uid
            if uid in self._turns:
                continue  # its bequest takes the copy's place
            self._copied[uid] = frozenset(orphan.pending)
            if uid not in self._policies.uids:  # else its runner knows more, if it is gone
                self._turns.take(uid, partial(self._inherit, orphan))
        self._taken_up = True

    async def _see_through(
        self, orphan: Orphan, deleted_at: datetime, kept: asyncio.Future[None]
    ) -> None:
        """Keeps a bequest, then has it told."""
        uid = orphan.key.uid
        if orphan.pending:
            await surely(lambda: self._store.put(orphan))
        elif uid in self._copied or not self._taken_up:
            await surely(lambda: self._store.remove(uid))
        self._copied.pop(uid, None)
        kept.set_result(None)
        if not orphan.pending:
            return
        if await surely(lambda: self._is_gone(orphan.key)):
            await Heir(orphan, self._store, self._services, since=deleted_at).run()
        else:  # it lives after all: its own log tells
            self._copied[uid] = frozenset(orphan.pending)

    async def _inherit(self, copy: Orphan) -> None:
        """Has a copy told, and the ends of what it tells of, if its policy is no more."""
        if not await surely(lambda: self._is_gone(copy.key)):
            return
        self._copied.pop(copy.key.uid, None)
        now, policy = self._services.clock.now(), _policy(copy)
        generation = max((entry.generation for entry in copy.pending), default=0)
        ends = unsaid(
            Decision(policy_uid=copy.key.uid, generation=generation, at=now),
            policy,
            copy.pending,
            channels=self._services.around.of(copy.key, policy).channels,
        )
        orphan = replace(copy, pending=(*copy.pending, *ends))
        if ends:
            await surely(lambda: self._store.put(orphan))
        await Heir(orphan, self._store, self._services, since=now).run()

    async def _copy(self) -> None:
        """Copies what waits, where that has changed; takes away what waits no more."""
        now = self._services.clock.now()
        for runner in self._policies:
            uid = runner.subject.key.uid
            if uid not in self._policies.uids or uid in self._turns:
                continue  # it went while others were copied
            entries = stuck(uid, runner.confirmed.pending, now)
            if frozenset(entries) == self._copied.get(uid, frozenset()):
                continue
            orphan = _orphan(runner.subject.key, entries, runner)
            await self._turns.through(uid, partial(self._replace, orphan))
            if frozenset(entries) != self._copied.get(uid, frozenset()):
                return  # the API server is away

    async def _replace(self, copy: Orphan) -> None:
        """Keeps a copy in place of an earlier one, or none."""
        uid = copy.key.uid
        try:
            if copy.pending:
                await self._store.put(copy)
                self._copied[uid] = frozenset(copy.pending)
            else:
                await self._store.remove(uid)
                self._copied.pop(uid, None)
        except StoreError as error:
            _log.warning("what waits can't be copied now", extra={"error": str(error)})

    async def _is_gone(self, key: ObjectKey) -> bool:
        """Whether the API server says that the policy is no more."""
        try:
            await self._objects.read(Kind.POLICIES, key)
        except GoneError:
            return True
        return False


def _orphan(key: ObjectKey, entries: tuple[Entry, ...], runner: PolicyRunner) -> Orphan:
    return Orphan(key=key, pending=entries, specs=legible(runner.courier.specs, entries))


def _policy(copy: Orphan) -> Policy:
    """As the newest spec that was copied says."""
    newest: Json = copy.specs[max(copy.specs)] if copy.specs else {}
    try:
        return resolve(load_policy({"spec": newest}))
    except SpecError:
        return NONE_KNOWN
