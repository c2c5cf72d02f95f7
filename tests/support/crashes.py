"""One finding's story, told by processes that die at any of their effects.

A process that dies stops everywhere at once: whatever it sends after that never arrives. The
next one finds what the API server, the sink and the receivers had by then.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.support.around import ScriptedAround
from tests.support.builders import drift, drifted, spec
from tests.support.world import HandClock, ScriptedMeasurer

from governor.adapters.memory.authority import InMemoryAuthority
from governor.adapters.memory.events import InMemoryEventRecorder
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.api.status import PolicyStatus
from governor.app.around import Around
from governor.app.ports import Deprecation, ObjectKey, Sink
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.domain.surroundings import ChannelKind
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Measurement

PATIENCE = 30.0
CHOSEN = ("pb-1", "pb-2")
WELL = Measurement(
    value=0.0,
    samples=100,
    facts={"drifted_count": 0, "total_playbooks": 100, "would_deprecate_count": 0},
    lists={"would_deprecate_ids": (), "sample_playbook_ids": ()},
)


@dataclass(frozen=True, slots=True)
class Crash:
    """A process dies at its effect of that number, before it is done or after."""

    number: int
    before: bool


@dataclass
class Life:
    """One process: counts its effects, and dies at one of them, or never."""

    crash: Crash | None
    effects: list[str] = field(default_factory=list)
    died: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """An effect is done, or it died: what there is to see may be other than before."""

    async def pass_by(self, name: str, effect: Callable[[], Any]) -> Any:
        """Has an effect done, unless this process is dead by then."""
        if self.died.is_set():
            await asyncio.Event().wait()
        self.effects.append(name)
        mine = self.crash is not None and len(self.effects) == self.crash.number
        if mine and self.crash is not None and self.crash.before:
            await self._die()
        answer = await effect()
        self.moved.set()
        if mine or self.died.is_set():
            await self._die()
        return answer

    async def _die(self) -> None:
        self.died.set()
        self.moved.set()
        await asyncio.Event().wait()


class Port:
    """A port whose effects are passed by; what only reads is not counted."""

    def __init__(self, life: Life, inner: Any, *effects: str) -> None:
        self._life = life
        self._inner = inner
        self._effects = effects

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in self._effects:
            return method

        async def passed(*arguments: Any) -> Any:
            return await self._life.pass_by(name, lambda: method(*arguments))

        return passed


class Platform(ScriptedAround):
    """Channels, and playbooks that know whether they are deprecated."""

    def __init__(self) -> None:
        super().__init__()
        self.channel("chat", ChannelKind.CHAT)
        self.channel("bus", ChannelKind.EVENTS)
        self.touched: list[str] = []

    async def deprecate(
        self, namespace: str, probe: TrustDrift, ids: Sequence[str], at: datetime
    ) -> Deprecation:
        del namespace, probe, at
        changed = tuple(each for each in ids if each not in self.touched)
        already = tuple(each for each in ids if each in self.touched)
        self.touched.extend(changed)
        return Deprecation(changed=changed, already=already, kept=())


class Story:
    """A finding opens, is told, worked on and remediated; then all is well again."""

    def __init__(self, sink: Sink, *crashes: Crash) -> None:
        """Nothing happens before `run`.

        Args:
            sink: keeps the rows.
            crashes: of the first process, of the next one, and so on; the last lives on.
        """
        self.store = InMemoryStatusStore()
        self.sink = sink
        self.events = InMemoryEventRecorder()
        self.platform = Platform()
        self.clock = HandClock()
        self.lives: list[Life] = []
        self._crashes = crashes
        self._measurer = ScriptedMeasurer()
        check = drift(dispatch={"executor": "hermes"})
        channels = {"channels": [{"name": "chat"}, {"name": "bus"}]}
        self.key = ObjectKey.of(
            self.store.create("aiops", "drift", spec(check, enforcement="Enforce", notify=channels))
        )
        self._scheduler: Scheduler | None = None

    @property
    def status(self) -> PolicyStatus:
        """As the API server has it."""
        return PolicyStatus.model_validate(self.store.peek(self.key).get("status") or {})

    async def run(self) -> None:
        """From the opening to the recovery, through as many processes as it takes.

        Raises:
            TimeoutError: it does not come to its end.
        """
        for outcome, verdict in ((drifted(*CHOSEN), "Violated"), (WELL, "Ok")):
            self._measurer.outcomes["built-in"] = outcome
            self.clock.forward(60)
            while not await self._reaches(verdict):
                await self._end()
        await self._end()

    async def _reaches(self, verdict: str) -> bool:
        """Whether it came to that, with nothing left to tell, before the process died."""
        scheduler = self._scheduler or self._begin()
        scheduler.policy_tick(self.key.uid, 60)
        life = self.lives[-1]
        async with asyncio.timeout(PATIENCE):
            while not life.died.is_set():
                life.moved.clear()
                status = self.status
                if status.verdict == verdict and not status.pending:
                    return True
                await life.moved.wait()
        return False

    async def _end(self) -> None:
        if self._scheduler is not None:
            await self._scheduler.stop()
        self._scheduler = None

    def _begin(self) -> Scheduler:
        """The next process, which lists the policy."""
        number = len(self.lives)
        life = Life(self._crashes[number] if number < len(self._crashes) else None)
        self.lives.append(life)
        self._scheduler = Scheduler(
            Services(
                store=Port(life, self.store, "replace_status"),
                sink=Port(life, self.sink, "record", "record_remediation", "record_revision"),
                events=Port(life, self.events, "record"),
                measurer=self._measurer,
                telemetry=InMemoryTelemetry(),
                clock=self.clock,
                around=Around(
                    cluster="testing",
                    mutes=self.platform,
                    channels=Port(life, self.platform, "offer"),
                    remedies=Port(life, self.platform, "deprecate"),
                ),
                authority=InMemoryAuthority(epoch=number + 1),
            )
        )
        self._scheduler.policy_seen(self.store.peek(self.key))
        return self._scheduler

    def heard(self, channel: str) -> list[tuple[str, UUID]]:
        """What a channel was told, in order: transitions, and their ids."""
        return [(n.transition.value, n.id) for name, n in self.platform.told if name == channel]
