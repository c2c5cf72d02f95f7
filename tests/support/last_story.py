"""What a deleted policy leaves, told by processes that die at any of their effects."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from tests.support.builders import VALUES, slo, spec
from tests.support.crashes import PATIENCE, Crash, Life, Platform, Port
from tests.support.uids import same_uids
from tests.support.world import HandClock, ScriptedMeasurer

from governor.adapters.memory.authority import InMemoryAuthority
from governor.adapters.memory.events import InMemoryEventRecorder
from governor.adapters.memory.objects import InMemoryObjects
from governor.adapters.memory.orphan_store import InMemoryOrphanStore
from governor.adapters.memory.sink import InMemorySink
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.api.status import PolicyStatus
from governor.app.around import Around
from governor.app.orphans import Orphans
from governor.app.ports import Kind, ObjectKey
from governor.app.running import PolicyRunner
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.errors import DeliveryError


class LastStory:
    """A policy with an open finding is deleted; each process has seen that, as replicas do."""

    def __init__(self, *crashes: Crash, told: bool) -> None:
        """Nothing happens before `run`.

        Args:
            crashes: of the process that is told of the deletion, of the next, and so on; the
                last lives on.
            told: whether sink and channels have heard of the opening.
        """
        self.sink = InMemorySink()
        self.events = InMemoryEventRecorder()
        self.left = InMemoryOrphanStore()
        self.platform = Platform()
        self.lives: list[Life] = []
        self._crashes = crashes
        self._told = told
        self._store = InMemoryStatusStore(uids=same_uids())
        self._clock = HandClock()
        self._measurer = ScriptedMeasurer()
        self._measurer.outcomes["autonomy-rate"] = VALUES["violated"]
        channels = {"channels": [{"name": "chat"}, {"name": "bus"}]}
        self._body = self._store.create("aiops", "flywheel", spec(slo(), notify=channels))
        self._key = ObjectKey.of(self._body)

    async def run(self) -> None:
        """From the opening to the end of what the policy left.

        Raises:
            TimeoutError: it does not come to its end.
        """
        life = Life(None)
        scheduler, orphans = self._process(life)
        self._up(up=self._told)
        scheduler.policy_seen(self._body)
        async with asyncio.timeout(PATIENCE):
            while not self._opened():  # noqa: ASYNC110 - the double tells nobody
                await asyncio.sleep(0.001)
        self._body = self._store.peek(self._key)
        self._store.delete(self._key)
        self._up(up=True)
        life.crash, life.effects = next(iter(self._crashes), None), []
        scheduler.policy_gone(self._key.uid)
        self.lives.append(life)
        while not await self._ended(life, scheduler, orphans):
            number = len(self.lives)
            life = Life(self._crashes[number] if number < len(self._crashes) else None)
            self.lives.append(life)
            scheduler, orphans = self._process(life)
            scheduler.policy_lost(self._body)

    def heard(self, channel: str) -> list[tuple[str, UUID]]:
        """What a channel was told, in order: transitions, and their ids."""
        return [(n.transition.value, n.id) for name, n in self.platform.told if name == channel]

    def _process(self, life: Life) -> tuple[Scheduler, Orphans]:
        services = Services(
            store=self._store,
            sink=Port(life, self.sink, "record"),
            events=Port(life, self.events, "record"),
            measurer=self._measurer,
            telemetry=InMemoryTelemetry(),
            clock=self._clock,
            around=Around(
                cluster="testing",
                mutes=self.platform,
                channels=Port(life, self.platform, "offer"),
                remedies=self.platform,
            ),
            authority=InMemoryAuthority(epoch=len(self.lives) + 1),
        )

        def gone(runner: PolicyRunner) -> None:
            orphans.bequeath(runner)

        def lost(runner: PolicyRunner) -> None:
            orphans.lost(runner)

        scheduler = Scheduler(services, on_gone=gone, on_lost=lost)
        kept = Port(life, self.left, "put", "remove")
        orphans = Orphans(kept, services, scheduler, InMemoryObjects({Kind.POLICIES: self._store}))
        return scheduler, orphans

    def _up(self, *, up: bool) -> None:
        self.sink.down = None if up else "stopped"
        names: Sequence[str] = () if up else ("chat", "bus")
        self.platform.dead = {name: DeliveryError("down") for name in names}

    def _opened(self) -> bool:
        status = PolicyStatus.model_validate(self._store.peek(self._key).get("status") or {})
        return status.verdict == "Violated" and not (self._told and status.pending)

    async def _ended(self, life: Life, scheduler: Scheduler, orphans: Orphans) -> bool:
        """Whether all is told and nothing is kept, before the process died."""
        running = asyncio.create_task(orphans.run())
        try:
            async with asyncio.timeout(PATIENCE):
                while not life.died.is_set():
                    if life.effects[-1:] == ["remove"] and not self.left.kept:
                        return True
                    await asyncio.sleep(0.001)
            return False
        finally:
            await scheduler.stop()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
