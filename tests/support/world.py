"""A policy's runner among doubles, on a clock and with measurements that a test sets."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from tests.support.around import ScriptedAround
from tests.support.builders import NOON, VALUES, spec
from tests.support.uids import same_uids

from governor.adapters.memory.authority import InMemoryAuthority
from governor.adapters.memory.events import InMemoryEventRecorder
from governor.adapters.memory.objects import InMemoryObjects
from governor.adapters.memory.orphan_store import InMemoryOrphanStore
from governor.adapters.memory.sink import InMemorySink
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.api.status import PolicyStatus
from governor.app.history import History
from governor.app.orphans import Orphans
from governor.app.ports import Kind, ObjectKey, Sink
from governor.app.running import PolicyRunner
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.probes.base import Probe
from governor.values.outcomes import Outcome


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now
        self.reads = 0

    def now(self) -> datetime:
        self.reads += 1
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class ScriptedMeasurer:
    """Measures what the test says; a check whose gate is closed takes until it opens."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.calls: Counter[str] = Counter()
        self.gates: dict[str, asyncio.Event] = {}

    async def measure(self, namespace: str, probe: Probe, at: datetime) -> Outcome:
        del namespace, at
        name = getattr(probe, "expression", "built-in").removeprefix("sli:")
        self.calls[name] += 1
        if name in self.gates:
            await self.gates[name].wait()
        return self.outcomes.get(name, VALUES["ok"])


class World:
    """One operator's application over doubles; the API server and sink outlive it."""

    def __init__(
        self,
        store: InMemoryStatusStore | None = None,
        *,
        real_sink: Sink | None = None,
        history: History | None = None,
    ) -> None:
        """Runs at once.

        Args:
            store: the API server's part; a new one if not given.
            real_sink: takes the place of the double, which then knows nothing.
            history: told every value; whoever gives it runs it.
        """
        self.store = store or InMemoryStatusStore(uids=uuid4 if real_sink else same_uids())
        self.sink = InMemorySink()
        self._real_sink = real_sink
        self._history = history
        self.events = InMemoryEventRecorder()
        self.telemetry = InMemoryTelemetry()
        self.clock = HandClock()
        self.measurer = ScriptedMeasurer()
        self.around = ScriptedAround()
        self.authority = InMemoryAuthority()
        self.left = InMemoryOrphanStore()
        """What deleted policies have left to tell."""
        self._begin()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.end()

    def _begin(self) -> None:
        services = Services(
            store=self.store,
            sink=self._real_sink or self.sink,
            events=self.events,
            measurer=self.measurer,
            telemetry=self.telemetry,
            clock=self.clock,
            around=self.around.around(),
            authority=self.authority,
            history=self._history,
        )
        # Each knows the other; a policy goes only later.
        self.scheduler = Scheduler(
            services,
            on_gone=self._bequeath,
            on_lost=self._lose,
        )
        self.orphans = Orphans(
            self.left, services, self.scheduler, InMemoryObjects({Kind.POLICIES: self.store})
        )
        self._inheriting = asyncio.create_task(self.orphans.run(), name="orphans")

    def _bequeath(self, runner: PolicyRunner) -> None:
        self.orphans.bequeath(runner)

    def _lose(self, runner: PolicyRunner) -> None:
        self.orphans.lost(runner)

    async def end(self) -> None:
        """The process ends, whatever it was doing."""
        await self.scheduler.stop()
        self._inheriting.cancel()
        await asyncio.gather(self._inheriting, return_exceptions=True)

    async def restart(self, *keys: ObjectKey) -> None:
        """The process ends, whatever it was doing, and another lists the policies."""
        await self.end()
        self._begin()
        for key in keys:
            self.scheduler.policy_seen(self.store.peek(key))

    def say(self, **outcomes: str | Outcome) -> None:
        """What checks measure from now on."""
        for name, outcome in outcomes.items():
            measured = VALUES[outcome] if isinstance(outcome, str) else outcome
            self.measurer.outcomes[name.replace("_", "-")] = measured

    def apply(self, *checks: dict[str, Any], name: str = "flywheel", **overrides: Any) -> ObjectKey:
        """Creates a policy and has the operator see it."""
        body = self.store.create("aiops", name, spec(*checks, **overrides))
        self.scheduler.policy_seen(body)
        meta = body["metadata"]
        return ObjectKey(uid=meta["uid"], namespace=meta["namespace"], name=meta["name"])

    def change(self, key: ObjectKey, *checks: dict[str, Any], **overrides: Any) -> None:
        """Changes its spec."""
        self.scheduler.policy_seen(self.store.change_spec(key, spec(*checks, **overrides)))

    def delete(self, key: ObjectKey) -> None:
        """Deletes it and has the operator see that."""
        self.store.delete(key)
        self.scheduler.policy_gone(key.uid)

    def slot(self, key: ObjectKey, seconds: float = 60) -> None:
        """Time goes on by a slot, and the timer ticks."""
        self.clock.forward(seconds)
        self.scheduler.policy_tick(key.uid, 60)

    async def status(self, key: ObjectKey) -> PolicyStatus:
        """The status as the API server has it."""
        return PolicyStatus.model_validate(self.store.peek(key).get("status") or {})

    async def settled(
        self, key: ObjectKey, verdict: str, *, told: bool = True, seconds: float = 30
    ) -> PolicyStatus:
        """Waits for a verdict in the API server, and that nothing waits to be told."""
        found = PolicyStatus()
        async with asyncio.timeout(seconds):
            while not (found.verdict == verdict and (not told or not found.pending)):
                await asyncio.sleep(0.002)
                found = await self.status(key)
        return found

    @staticmethod
    async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
        """Waits for a condition."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - conditions of many parts
                await asyncio.sleep(0.002)

    async def ticking(
        self, key: ObjectKey, condition: Callable[[], bool], seconds: float = 30
    ) -> None:
        """Waits for what rides on ticks: removals from the log while something is still owed."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.scheduler.policy_tick(key.uid, 60)
                await asyncio.sleep(0.002)

    def rows(self) -> list[tuple[str, str, bool]]:
        """The sink's rows: check, event type, resolved."""
        rows = sorted(self.sink.events.values(), key=lambda row: row["opened_at"])
        return [(row["check_name"], row["event_type"], row["resolved"]) for row in rows]

    def reasons(self) -> list[str]:
        """The reasons of all Events, in order."""
        return [event.reason for event in self.events.events.values()]
