"""Has told what deleted policies left, and keeps copies of what living ones can't get told.

A bequest is kept before it is told, and told only once a live read says that its policy is
no more (protocol, rule 20).
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from governor.api.loading import load_policy
from governor.api.log import Entry
from governor.app.apart import Apart
from governor.app.heirs import Heir, surely
from governor.app.ports import Json, Kind, LiveObjects, ObjectKey, Orphan, OrphanStore
from governor.app.resources import forever
from governor.app.running import PolicyRunner
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.app.turns import Turns
from governor.domain.bequests import bequest, legible, retold, stuck, unsaid
from governor.domain.entries import Decision
from governor.domain.policies import NONE_KNOWN, Policy, resolve
from governor.domain.surroundings import ChannelView
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
        self._heirs: set[Heir] = set()
        self._lost: list[PolicyRunner] = []
        self._taken_up = False
        self._taking_up = Apart("what a deleted policy left can't be taken up")
        self._copying = Apart("what a policy has waiting can't be copied")

    def bequeath(self, runner: PolicyRunner) -> None:
        """A policy was deleted: what its runner knew is all that is left of it."""
        self._begin(_orphan(runner, self._left_by(runner)))

    def lost(self, runner: PolicyRunner) -> None:
        """A policy was deleted when another may have led, and seen to it; told before `run`."""
        self._lost.append(runner)

    async def run(self) -> None:
        """Takes up what is kept, then looks for what is to be copied; until cancelled."""
        try:
            await self._take_up()
            await forever(self._copy, COPYING_SECONDS)
        finally:
            await self._turns.close()

    async def settle(self, seconds: float) -> None:
        """Waits until what was bequeathed is kept, and what is on its way told; but not longer."""
        telling = [asyncio.create_task(heir.finish()) for heir in self._heirs]
        try:
            if waiting := {*self._unkept, *telling}:
                await asyncio.wait(waiting, timeout=seconds)
        finally:
            for task in telling:
                task.cancel()

    def _left_by(self, runner: PolicyRunner) -> tuple[Entry, ...]:
        key, news = runner.subject.key, runner.courier.news
        return bequest(
            Decision(
                policy_uid=key.uid,
                generation=runner.subject.generation,
                at=self._services.clock.now(),
            ),
            runner.policy or NONE_KNOWN,
            runner.confirmed,
            delivered=frozenset(news.delivered),
            remediated=dict(news.remediated),
            channels=self._channels(key, runner.policy or NONE_KNOWN),
        )

    def _begin(self, orphan: Orphan) -> None:
        kept = asyncio.get_running_loop().create_future()
        self._unkept.add(kept)
        kept.add_done_callback(self._unkept.discard)
        deleted_at = self._services.clock.now()
        self._turns.take(orphan.key.uid, lambda: self._see_through(orphan, deleted_at, kept))

    async def _take_up(self) -> None:
        kept = {orphan.key.uid: orphan for orphan in await surely(self._store.all)}
        for runner in self._lost:
            key = runner.subject.key
            with self._taking_up.each(key):
                pending = self._with_ends(kept[key.uid]).pending if key.uid in kept else ()
                channels = self._channels(key, runner.policy or NONE_KNOWN)
                self._begin(_orphan(runner, retold(pending, self._left_by(runner), channels)))
        self._lost.clear()
        for uid, orphan in kept.items():
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
            await self._tell(orphan, since=deleted_at)
        else:  # it lives after all: its own log tells
            self._copied[uid] = frozenset(orphan.pending)

    async def _tell(self, orphan: Orphan, *, since: datetime) -> None:
        heir = Heir(orphan, self._store, self._services, since=since)
        self._heirs.add(heir)
        try:
            await heir.run()
        finally:
            self._heirs.discard(heir)

    async def _inherit(self, copy: Orphan) -> None:
        """Has a copy told, and the ends of what it tells of, if its policy is no more."""
        if not await surely(lambda: self._is_gone(copy.key)):
            return
        self._copied.pop(copy.key.uid, None)
        orphan, now = self._with_ends(copy), self._services.clock.now()
        if orphan != copy:
            await surely(lambda: self._store.put(orphan))
        await self._tell(orphan, since=now)

    def _with_ends(self, copy: Orphan) -> Orphan:
        policy = _policy(copy)
        decision = Decision(
            policy_uid=copy.key.uid,
            generation=max((entry.generation for entry in copy.pending), default=0),
            at=self._services.clock.now(),
        )
        channels = self._channels(copy.key, policy)
        ends = unsaid(decision, policy, copy.pending, channels=channels)
        return replace(copy, pending=(*copy.pending, *ends))

    async def _copy(self) -> None:
        """Copies what waits, where that has changed; takes away what waits no more."""
        now = self._services.clock.now()
        for runner in self._policies:
            key = runner.subject.key
            if not runner.confirmed.pending and key.uid not in self._copied:
                continue
            if key.uid not in self._policies.uids or key.uid in self._turns:
                continue  # it went while others were copied
            with self._copying.each(key):
                try:
                    await self._copy_of(runner, now)
                except StoreError as error:  # the API server is away
                    _log.warning("what waits can't be copied now", extra={"error": str(error)})
                    return

    async def _copy_of(self, runner: PolicyRunner, now: datetime) -> None:
        """Keeps what waits of one policy in place of an earlier copy.

        Raises:
            StoreError: not now.
        """
        uid = runner.subject.key.uid
        entries = stuck(uid, runner.confirmed.pending, now)
        if frozenset(entries) == self._copied.get(uid, frozenset()):
            return
        copy, failed = _orphan(runner, entries), list[Exception]()
        await self._turns.through(uid, partial(self._replace, copy, failed.append))
        for error in failed:
            raise error

    async def _replace(self, copy: Orphan, on_error: Callable[[Exception], None]) -> None:
        """Keeps a copy in place of an earlier one, or none."""
        uid = copy.key.uid
        try:
            if copy.pending:
                await self._store.put(copy)
                self._copied[uid] = frozenset(copy.pending)
            else:
                await self._store.remove(uid)
                self._copied.pop(uid, None)
        except Exception as error:  # noqa: BLE001 - whoever waits for the copy is told
            on_error(error)

    def _channels(self, key: ObjectKey, policy: Policy) -> Mapping[str, ChannelView]:
        return self._services.around.of(key, policy).channels

    async def _is_gone(self, key: ObjectKey) -> bool:
        """Whether the API server says that the policy is no more."""
        try:
            await self._objects.read(Kind.POLICIES, key)
        except GoneError:
            return True
        return False


def _orphan(runner: PolicyRunner, entries: tuple[Entry, ...]) -> Orphan:
    specs = legible(runner.courier.specs, entries)
    return Orphan(key=runner.subject.key, pending=entries, specs=specs)


def _policy(copy: Orphan) -> Policy:
    """As the newest spec that was copied says."""
    newest: Json = copy.specs[max(copy.specs)] if copy.specs else {}
    try:
        return resolve(load_policy({"spec": newest}))
    except SpecError:
        return NONE_KNOWN
