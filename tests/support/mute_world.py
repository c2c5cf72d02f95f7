"""The directory of mutes over doubles, on a clock that a test can step."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.builders import policy, slo

from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.app.mutes import MuteDirectory, Pace
from governor.app.ports import Json, ObjectKey
from governor.domain.policies import Policy

BORN = datetime(2026, 1, 1, tzinfo=UTC)
"""When the double of the API server creates everything."""

NS = "aiops"
FLYWHEEL = (NS, "flywheel")
TICK = 0.01
FAST = Pace(gathering=TICK, looking=TICK, settling=TICK, retrying=TICK)
PATIENT = Pace(gathering=TICK)


class Clock:
    """Goes as the running loop's does, from noon of the day of birth, and can be stepped."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._ahead = timedelta(hours=12)

    def now(self) -> datetime:
        """As the port says."""
        loop = asyncio.get_running_loop().time()
        if self._begun is None:
            self._begun = loop
        return BORN + self._ahead + timedelta(seconds=loop - self._begun)

    def step(self, by: timedelta) -> None:
        """The wall clock jumps."""
        self._ahead += by


def spec(
    *checks: str, ends: timedelta = timedelta(days=30), of: str = "flywheel", owner: str = "sre"
) -> Json:
    """A mute that ends so long after its birth."""
    named: Json = {"checks": list(checks)} if checks else {}
    ending = {"expiresAt": (BORN + ends).isoformat()}
    return {"policyRef": {"name": of}, "reason": "a migration", "owner": owner, **ending, **named}


def key_of(body: Json) -> ObjectKey:
    """Which mute."""
    metadata = body["metadata"]
    return ObjectKey(uid=metadata["uid"], namespace=NS, name=metadata["name"])


@dataclass
class World:
    """A directory, and everything around it."""

    pace: Pace = FAST
    store: InMemoryStatusStore = field(
        default_factory=lambda: InMemoryStatusStore(kind="GovernanceMute")
    )
    telemetry: InMemoryTelemetry = field(default_factory=InMemoryTelemetry)
    clock: Clock = field(default_factory=Clock)
    changes: list[tuple[str, str]] = field(default_factory=list)
    policies: dict[tuple[str, str], Policy] = field(
        default_factory=lambda: {FLYWHEEL: policy(slo("first"), slo("second", severity="critical"))}
    )

    def __post_init__(self) -> None:
        self.directory = MuteDirectory(
            store=self.store,
            clock=self.clock,
            telemetry=self.telemetry,
            policy_of=lambda namespace, name: self.policies.get((namespace, name)),
            on_change=lambda namespace, name: self.changes.append((namespace, name)),
            pace=self.pace,
        )

    def create(self, spec: Json, name: str = "quiet") -> ObjectKey:
        """Somebody creates a mute, and the watch brings it."""
        body = self.store.create(NS, name, spec)
        self.directory.seen(body)
        return key_of(body)

    def change(self, key: ObjectKey, spec: Json) -> None:
        """Somebody changes it, and the watch brings it."""
        self.directory.seen(self.store.change_spec(key, spec))

    def delete(self, key: ObjectKey) -> None:
        """Somebody deletes it, and the watch tells."""
        self.store.delete(key)
        self.directory.gone(key.uid)

    def names(self, policy: str = "flywheel") -> list[str]:
        """The mutes that are honoured for a policy."""
        return [mute.name for mute in self.directory.of(NS, policy)]

    def conditions(self, key: ObjectKey) -> dict[str, tuple[str, str]]:
        """Status and reason of each condition, as kubectl shows them."""
        status: dict[str, Any] = self.store.peek(key).get("status") or {}
        return {c["type"]: (c["status"], c["reason"]) for c in status.get("conditions", ())}

    def says(self, key: ObjectKey, reason: str) -> bool:
        """Whether the status says that it is accepted, or refused for that reason."""
        truth = "True" if reason == "Accepted" else "False"
        active = "Muting" if reason == "Accepted" else reason
        expected = {"Accepted": (truth, reason), "Active": (truth, active)}
        return self.conditions(key) == expected

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The directory at work, everything listed."""
        self.directory.listed()
        task = asyncio.create_task(self.directory.run())
        try:
            yield
            assert not task.done(), "it ended by itself"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    """Waits for a condition.

    Raises:
        TimeoutError: it never held.
    """
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - whatever makes it true sends no event
            await asyncio.sleep(TICK / 2)
