"""Has told what deleted policies left, and keeps copies of what living ones can't get told.

A bequest is kept before it is told, and told only once a live read says that its policy is
no more (protocol, rule 20).
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from datetime import datetime
from typing import Any

from governor.api.log import Entry
from governor.app.heirs import Heir, surely
from governor.app.ports import Kind, LiveObjects, ObjectKey, Orphan, OrphanStore
from governor.app.resources import forever
from governor.app.running import PolicyRunner
from governor.app.services import Services
from governor.domain.bequests import bequest, stuck
from governor.domain.entries import Decision
from governor.domain.policies import NONE_KNOWN
from governor.errors import GoneError, StoreError

COPYING_SECONDS = 15.0
"""Between two looks for what living policies can't get told."""

_log = logging.getLogger(__name__)


class Orphans:
    """Every bequest, and every copy."""

    def __init__(
        self,
        store: OrphanStore,
        services: Services,
        runners: Iterable[PolicyRunner],
        objects: LiveObjects,
    ) -> None:
        self._store = store
        self._objects = objects
        self._services = services
        self._runners = runners
        self._copied: dict[str, frozenset[Entry]] = {}
        self._heirs: dict[str, asyncio.Task[None]] = {}
        self._keeping: set[asyncio.Task[None]] = set()

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
        known = runner.courier.specs
        self._start(self._keep(Orphan(key=key, pending=entries, specs=known), at))

    async def run(self) -> None:
        """Takes up what is kept, then looks for what is to be copied; until cancelled."""
        try:
            await self._take_up()
            await forever(self._copy, COPYING_SECONDS)
        finally:
            tasks = {*self._keeping, *self._heirs.values()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settle(self, seconds: float) -> None:
        """Waits until what was bequeathed is kept, but not for longer."""
        if self._keeping:
            await asyncio.wait(self._keeping, timeout=seconds)

    async def _take_up(self) -> None:
        for orphan in await surely(self._store.all):
            if orphan.key.uid not in self._heirs:
                self._copied[orphan.key.uid] = frozenset(orphan.pending)
                self._start(self._take_over_if_gone(orphan))

    async def _take_over_if_gone(self, orphan: Orphan) -> None:
        uid = orphan.key.uid
        if await surely(lambda: self._is_gone(orphan.key)) and uid not in self._heirs:
            self._inherit(orphan, self._services.clock.now())

    async def _keep(self, orphan: Orphan, deleted_at: datetime) -> None:
        if not orphan.pending:
            if self._copied.pop(orphan.key.uid, None) is not None:
                await surely(lambda: self._store.remove(orphan.key.uid))
            return
        await surely(lambda: self._store.put(orphan))
        if await surely(lambda: self._is_gone(orphan.key)):
            self._inherit(orphan, deleted_at)
        else:  # it lives after all: its own log tells
            self._copied[orphan.key.uid] = frozenset(orphan.pending)

    def _inherit(self, orphan: Orphan, since: datetime) -> None:
        uid = orphan.key.uid
        self._copied.pop(uid, None)
        heir = Heir(orphan, self._store, self._services, since=since)
        task = self._heirs[uid] = asyncio.create_task(heir.run(), name=f"orphan {uid}")
        task.add_done_callback(lambda _: self._heirs.pop(uid, None))

    async def _copy(self) -> None:
        """Copies what waits, where that has changed; takes away what waits no more."""
        now = self._services.clock.now()
        for runner in self._runners:
            key = runner.subject.key
            entries = stuck(key.uid, runner.confirmed.pending, now)
            if key.uid in self._heirs or frozenset(entries) == self._copied.get(
                key.uid, frozenset()
            ):
                continue
            try:
                if entries:
                    await self._store.put(
                        Orphan(key=key, pending=entries, specs=runner.courier.specs)
                    )
                    self._copied[key.uid] = frozenset(entries)
                else:
                    await self._store.remove(key.uid)
                    self._copied.pop(key.uid, None)
            except StoreError as error:
                _log.warning("what waits can't be copied now", extra={"error": str(error)})
                return

    async def _is_gone(self, key: ObjectKey) -> bool:
        """Whether the API server says that the policy is no more."""
        try:
            await self._objects.read(Kind.POLICIES, key)
        except GoneError:
            return True
        return False

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="keeping a bequest")
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
