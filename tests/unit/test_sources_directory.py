"""The directory over doubles: who is measured, with what, when that changes, and what is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.api.source import SourceSpec
from governor.app.ports import Deprecation, Json, ObjectKey
from governor.app.resources import Namespaces
from governor.app.sources import Pace, SourceDirectory
from governor.errors import UnavailableError
from governor.probes.base import Probe, SourceRef
from governor.probes.promql import Promql
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Fault, FaultError, Measurement, Outcome
from governor.values.reasons import Reason

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TICK = 0.01
FAST = Pace(secrets=TICK, reading=1.0, probing=TICK, retrying=TICK, patience=1.0, gathering=TICK)

OPEN = {"allowedNamespaces": {"from": "All"}, "prometheus": {"url": "http://p:9090"}}
CLOSED = {
    "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "aiops"}}},
    "prometheus": {"url": "http://p:9090"},
}
SECRET = {
    "allowedNamespaces": {"from": "All"},
    "prometheus": {"url": "http://p:9090", "bearerSecretRef": {"name": "s", "key": "token"}},
}


def probe(source: str = "prom") -> Promql:
    return Promql(source_ref=SourceRef(name=source), query="up")


class Clock:
    def now(self) -> datetime:
        return AT


@dataclass
class Instrument:
    """Measures 1 for its first build, 2 for its second, and so on."""

    number: int
    secrets: Mapping[str, Mapping[str, bytes]]
    gate: asyncio.Event
    fault: Exception | None = None
    measured: int = 0
    closed: bool = False

    async def measure(self, probe: Probe, at: datetime) -> Outcome:  # noqa: ARG002 - the port's
        self.measured += 1
        await self.gate.wait()
        assert not self.closed, "closed while it was measuring"
        if self.fault:
            raise self.fault
        return Measurement(value=self.number)

    async def deprecate(self, probe: TrustDrift, ids: Sequence[str], at: datetime) -> Deprecation:
        raise AssertionError(f"nobody asked for it: {probe}, {ids}, {at}")

    async def version(self) -> str:
        await self.gate.wait()
        if self.fault:
            raise self.fault
        return f"3.{self.number}"

    async def close(self) -> None:
        self.closed = True


@dataclass
class World:
    """A directory and everything around it."""

    store: InMemoryStatusStore = field(
        default_factory=lambda: InMemoryStatusStore(kind="GovernanceSource")
    )
    telemetry: InMemoryTelemetry = field(default_factory=InMemoryTelemetry)
    secrets: dict[str, Mapping[str, bytes] | Exception] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    built: list[Instrument] = field(default_factory=list)
    build_fault: Exception | None = None
    instrument_fault: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    namespaces: Namespaces = field(default_factory=Namespaces)

    def __post_init__(self) -> None:
        self.gate.set()
        self.directory = SourceDirectory(
            maker=self,
            secrets=self,
            namespaces=self.namespaces,
            store=self.store,
            clock=Clock(),
            telemetry=self.telemetry,
            on_change=self.changes.append,
            pace=FAST,
        )

    def make(
        self,
        name: str,  # noqa: ARG002 - the port's
        spec: SourceSpec,  # noqa: ARG002 - the port's
        secrets: Mapping[str, Mapping[str, bytes]],
    ) -> Instrument:
        if self.build_fault:
            raise self.build_fault
        number = len(self.built) + 1
        self.built.append(Instrument(number, secrets, self.gate, self.instrument_fault))
        return self.built[-1]

    async def read(self, name: str) -> tuple[str, Mapping[str, bytes]] | None:
        self.reads.append(name)
        found = self.secrets.get(name)
        if isinstance(found, Exception):
            raise found
        return None if found is None else ("1", found)

    def create(self, spec: Json, name: str = "prom") -> ObjectKey:
        body = self.store.create("", name, spec)
        self.directory.seen(body)
        return ObjectKey(uid=body["metadata"]["uid"], namespace="", name=name)

    def change(self, key: ObjectKey, spec: Json) -> None:
        self.directory.seen(self.store.change_spec(key, spec))

    async def measure(self, source: str = "prom", namespace: str = "aiops") -> Outcome:
        return await self.directory.measure(namespace, probe(source), AT)

    async def ready(self, key: ObjectKey) -> dict[str, Any]:
        status = (await self.store.read(key)).get("status") or {}
        conditions = status.get("conditions") or [{}]
        return {**status, **conditions[0]}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.directory.run())
        try:
            yield
            assert not task.done(), "the background task died"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.gate.set()
            await self.directory.close()


async def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition; pytest's timeout ends a vain wait."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - whatever makes it true sends no event
            await asyncio.sleep(TICK / 2)


@pytest.fixture
async def world() -> World:
    """Nothing in it yet."""
    return World()


def reason(outcome: Outcome) -> Reason:
    assert isinstance(outcome, Fault), outcome
    return outcome.reason


async def test_a_source_is_measured_with_one_instrument(world: World) -> None:
    """However many measurements, one instrument; each is told to the telemetry."""
    world.create(OPEN)

    outcomes = await asyncio.gather(*(world.measure() for _ in range(5)))

    assert outcomes == [Measurement(value=1)] * 5
    assert len(world.built) == 1
    assert {(p.kind, p.source) for p in world.telemetry.probings} == {("promql", "prom")}
    assert len(world.telemetry.probings) == 5


async def test_a_missing_source(world: World) -> None:
    """SourceNotFound, and it is counted as a probe."""
    assert reason(await world.measure("other")) is Reason.SOURCE_NOT_FOUND
    assert world.telemetry.probings[0].source == "other"


async def test_a_source_that_is_gone(world: World) -> None:
    """Its instrument is closed; a stale farewell leaves a new source of that name alone."""
    old = world.create(OPEN)
    await world.measure()
    world.store.delete(old)
    new = world.create(OPEN)
    world.directory.gone(old.uid)

    assert await world.measure() == Measurement(value=2)

    world.directory.gone(new.uid)
    assert reason(await world.measure()) is Reason.SOURCE_NOT_FOUND
    await world.directory.close()
    assert all(instrument.closed for instrument in world.built)


async def test_late_word_of_a_source_that_is_no_more_harms_none_of_its_name(world: World) -> None:
    """Kopf tells of each object in a line of its own."""
    old = world.create(OPEN)
    word = await world.store.read(old)
    world.store.delete(old)
    world.create(OPEN)
    world.directory.seen(word)
    world.directory.gone(old.uid)

    assert await world.measure() == Measurement(value=1)


async def test_who_is_not_allowed_reaches_nothing(world: World) -> None:
    """A refused policy neither builds nor asks an instrument, nor reads a Secret."""
    world.create(CLOSED)
    world.namespaces.seen("web", {"team": "web"})

    assert reason(await world.measure(namespace="web")) is Reason.SOURCE_FORBIDDEN
    assert reason(await world.measure(namespace="unknown")) is Reason.SOURCE_FORBIDDEN
    assert (world.built, world.reads) == ([], [])


async def test_a_namespace_changes_its_labels(world: World) -> None:
    """Permission follows the labels, and only a change of permission is announced."""
    world.create(CLOSED)
    world.create(OPEN, name="open")
    world.namespaces.seen("aiops", {"team": "web"})
    world.directory.listed()
    async with world.running():
        assert reason(await world.measure()) is Reason.SOURCE_FORBIDDEN
        world.namespaces.seen("aiops", {"team": "aiops", "more": "x"})
        await until(lambda: bool(world.changes))
        assert await world.measure() == Measurement(value=1)
        world.namespaces.seen("aiops", {"team": "aiops"})
        world.namespaces.gone("aiops")

        assert reason(await world.measure()) is Reason.SOURCE_FORBIDDEN
    assert world.changes == ["prom"]


async def test_what_was_listed_is_not_announced(world: World) -> None:
    """After the first listing only changes are, each once however often it happened."""
    key = world.create(OPEN)
    assert not world.directory.synced.is_set()
    world.directory.listed()
    assert world.directory.synced.is_set()
    async with world.running():
        world.create(OPEN, name="late")
        world.change(key, CLOSED)
        world.change(key, OPEN)
        await until(lambda: len(world.changes) == 2)
        world.directory.gone(key.uid)
        await until(lambda: len(world.changes) == 3)
    assert sorted(world.changes) == ["late", "prom", "prom"]


async def test_a_status_write_changes_nothing(world: World) -> None:
    """The source's own status comes back from the watch: same instrument, no announcement."""
    key = world.create(OPEN)
    world.directory.listed()
    await world.measure()
    body = await world.store.read(key)
    version = body["metadata"]["resourceVersion"]
    world.directory.seen(await world.store.replace_status(key, version, {"serverVersion": "3"}))
    async with world.running():
        assert await world.measure() == Measurement(value=1)
        await until(lambda: "prom" in world.telemetry.sources)
    assert world.changes == []


async def test_a_changed_source_gets_another_instrument_after_the_old_one_is_idle(
    world: World,
) -> None:
    """Measurements under way end on the instrument they began with."""
    key = world.create(OPEN)
    world.gate.clear()
    under_way = asyncio.create_task(world.measure())
    await until(lambda: bool(world.built) and world.built[0].measured == 1)
    world.change(key, {**OPEN, "prometheus": {"url": "http://other:9090"}})
    late = asyncio.create_task(world.measure())
    await until(lambda: len(world.built) == 2)

    assert not world.built[0].closed
    world.gate.set()
    assert await under_way == Measurement(value=1)
    assert await late == Measurement(value=2)
    await until(lambda: world.built[0].closed)
    await world.directory.close()


async def test_a_changed_secret_gets_another_instrument(world: World) -> None:
    """Within a reading: a new instrument, the old one closed, the policies told."""
    world.secrets["s"] = {"token": b"one"}
    world.create(SECRET)
    world.directory.listed()
    async with world.running():
        assert await world.measure() == Measurement(value=1)
        world.secrets["s"] = {"token": b"two"}
        await until(lambda: world.changes == ["prom"])

        assert await world.measure() == Measurement(value=2)
        assert world.built[1].secrets == {"s": {"token": b"two"}}
        await until(lambda: world.built[0].closed)


async def test_a_secret_is_read_once_for_everybody(world: World) -> None:
    """Many sources and many measurements share one reading of a Secret."""
    world.secrets["s"] = {"token": b"one"}
    for number in range(5):
        world.create(SECRET, name=f"prom-{number}")

    await asyncio.gather(*(world.measure(f"prom-{n % 5}") for n in range(20)))

    assert world.reads == ["s"]


async def test_a_secret_that_cannot_be_read_now_stays_as_it_was(world: World) -> None:
    """Measuring goes on with the last known Secret while the API server is down."""
    world.secrets["s"] = {"token": b"one"}
    world.create(SECRET)
    world.directory.listed()
    async with world.running():
        assert await world.measure() == Measurement(value=1)
        world.secrets["s"] = UnavailableError("down")
        seen = len(world.reads)
        await until(lambda: len(world.reads) > seen + 3)

        assert await world.measure() == Measurement(value=1)
    assert (len(world.built), world.changes) == (1, [])


async def test_a_secret_that_was_never_read(world: World) -> None:
    """SecretInvalid until it can be read; then the source works without another change."""
    world.secrets["s"] = UnavailableError("down")
    world.create(SECRET)

    outcome = await world.measure()
    assert reason(outcome) is Reason.SECRET_INVALID
    assert isinstance(outcome, Fault)
    assert "Secret s" in outcome.message

    world.secrets["s"] = {"token": b"one"}
    assert await world.measure() == Measurement(value=1)


async def test_a_missing_secret_that_appears(world: World) -> None:
    """The maker decides what a missing Secret means; its appearance is a change."""
    world.build_fault = FaultError(Reason.SECRET_INVALID, "there is no Secret s")
    world.create(SECRET)
    world.directory.listed()
    async with world.running():
        assert reason(await world.measure()) is Reason.SECRET_INVALID
        world.build_fault = None
        world.secrets["s"] = {"token": b"one"}
        await until(lambda: world.changes == ["prom"])

        assert await world.measure() == Measurement(value=1)


async def test_a_source_that_cannot_be_understood(world: World) -> None:
    """Its checks get a reason, its status says Ready=False, other sources go on."""
    key = world.create({"allowedNamespaces": {"from": "Nobody"}})
    world.create(OPEN, name="good")
    async with world.running():
        assert reason(await world.measure()) is Reason.SOURCE_NOT_FOUND
        assert await world.measure("good") == Measurement(value=1)
        await until(lambda: world.telemetry.sources == {"prom": False, "good": True})
        await until(lambda: world.store.writes == 2)

        ready = await world.ready(key)
    assert (ready["status"], ready["reason"]) == ("False", "SourceNotFound")
    assert "can't be understood" in ready["message"]


@pytest.mark.parametrize("where", ["build_fault", "instrument_fault"])
async def test_a_bug_is_a_fault_of_one_check(world: World, where: str) -> None:
    """An unforeseen exception is ServerError; its text may hold a secret and is not told."""
    setattr(world, where, ValueError("postgres://ana:secret@db"))
    world.create(OPEN)

    outcome = await world.measure()

    assert reason(outcome) is Reason.SERVER_ERROR
    assert isinstance(outcome, Fault)
    assert "ValueError" in outcome.message
    assert "secret" not in outcome.message


async def test_cancelling_passes(world: World) -> None:
    """A cancelled measurement is no outcome, and the instrument is given back."""
    world.create(OPEN)
    world.gate.clear()
    task = asyncio.create_task(world.measure())
    await until(lambda: bool(world.built))
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await world.directory.close()
    assert world.built[0].closed
    assert world.telemetry.probings == []


async def test_readiness_is_written_once_and_then_only_news(world: World) -> None:
    """Probing goes on, writing does not; an outage and a recovery are news."""
    key = world.create(OPEN)
    async with world.running():
        await until(lambda: world.store.writes == 1)
        ready = await world.ready(key)
        assert (ready["type"], ready["status"], ready["serverVersion"]) == ("Ready", "True", "3.1")
        assert (ready["observedGeneration"], ready["lastProbed"]) == (1, "2026-11-22T12:00:00Z")

        world.built[0].fault = FaultError(Reason.UNREACHABLE, "refused")
        await until(lambda: world.store.writes == 2)
        assert (await world.ready(key))["reason"] == "Unreachable"
        assert world.telemetry.sources == {"prom": False}

        world.built[0].fault = None
        await until(lambda: world.store.writes == 3)
        assert (await world.ready(key))["status"] == "True"
    assert world.store.writes == 3


async def test_readiness_survives_conflicts_and_outages(world: World) -> None:
    """A write that meets a newer version is decided anew; a lost one is repeated."""
    key = world.create(OPEN)
    world.store.annotate(key, {"by": "somebody"})
    world.store.fail("before", "before")
    async with world.running():
        await until(lambda: world.store.writes == 1)
    assert (await world.ready(key))["status"] == "True"


async def test_readiness_of_a_deleted_source_is_dropped(world: World) -> None:
    """A source that is gone before the watch says so disturbs nobody."""
    gone = world.create(OPEN)
    key = world.create(OPEN, name="other")
    world.store.delete(gone)
    async with world.running():
        await until(lambda: world.store.writes == 1)
        world.directory.gone(gone.uid)

        assert (await world.ready(key))["status"] == "True"
        await until(lambda: world.telemetry.sources == {"other": True})


async def test_readiness_of_a_version_that_was_not_seen_yet(world: World) -> None:
    """A status never speaks of a spec that has changed meanwhile."""
    key = world.create(OPEN)
    body = world.store.change_spec(key, CLOSED)
    async with world.running():
        await until(lambda: "prom" in world.telemetry.sources)
        assert world.store.writes == 0
        world.directory.seen(body)
        await until(lambda: world.store.writes == 1)
    assert (await world.ready(key))["observedGeneration"] == 2


async def test_a_status_that_nobody_understands_is_replaced(world: World) -> None:
    """Whatever stood there, the status is whole afterwards."""
    key = world.create(OPEN)
    body = await world.store.read(key)
    version = body["metadata"]["resourceVersion"]
    world.directory.seen(await world.store.replace_status(key, version, {"conditions": "x"}))
    async with world.running():
        await until(lambda: world.store.writes == 2)
    assert (await world.ready(key))["status"] == "True"


async def test_a_source_that_is_not_ready_is_probed_sooner(world: World) -> None:
    """It says that it is ready soon after that is so, not when a ready one would be probed."""
    world.directory._readiness._pace = Pace(probing=3600, retrying=TICK)
    world.instrument_fault = FaultError(Reason.TIMEOUT, "no answer")
    key = world.create(OPEN)
    async with world.running():
        await until(lambda: world.store.writes == 1)
        assert (await world.ready(key))["reason"] == "Timeout"

        world.built[0].fault = None
        await until(lambda: world.store.writes == 2)
        assert (await world.ready(key))["reason"] == "Reachable"


async def test_a_bug_in_probing_is_told(world: World) -> None:
    """Ready=False names the kind of bug, and probing goes on."""
    world.instrument_fault = ValueError("secret")
    key = world.create(OPEN)
    async with world.running():
        await until(lambda: world.store.writes == 1)
        ready = await world.ready(key)
        assert (ready["status"], ready["reason"]) == ("False", "ServerError")
        assert "ValueError" in ready["message"]
        assert "secret" not in ready["message"]

        world.built[0].fault = None
        await until(lambda: world.store.writes == 2)


async def test_a_store_with_a_bug_does_not_end_the_watch(world: World) -> None:
    """An unforeseen exception in writing is logged, and the next probing writes."""
    key = world.create(OPEN)
    replace = world.store.replace_status
    failed: list[Any] = []

    async def fail_once(*of: Any) -> Json:
        if not failed:
            failed.append(of)
            raise ValueError
        return await replace(*of)

    world.store.replace_status = fail_once  # type: ignore[assignment, method-assign]
    async with world.running():
        await until(lambda: world.store.writes == 1)
    assert (await world.ready(key))["status"] == "True"


async def test_a_hanging_source_delays_no_other(world: World) -> None:
    """Its readiness becomes Timeout; the other one's is told meanwhile."""
    hanging = world.create(OPEN, name="hanging")
    async with world.running():
        await until(lambda: world.store.writes == 1)
        world.built[0].gate = asyncio.Event()
        key = world.create(OPEN, name="other")
        await until(lambda: world.telemetry.sources.get("other") is True)
        assert (await world.ready(key))["status"] == "True"
        await until(lambda: world.telemetry.sources["hanging"] is False)
        await until(lambda: world.store.writes == 3)

        assert (await world.ready(hanging))["reason"] == "Timeout"
        world.built[0].gate.set()


async def test_a_changed_source_is_probed_at_once() -> None:
    """Not only when its turn comes."""
    world = World()
    key = world.create(OPEN)
    world.directory._readiness._pace = Pace(probing=3600)
    async with world.running():
        await until(lambda: world.store.writes == 1)
        world.change(key, {**OPEN, "prometheus": {"url": "http://other:9090"}})
        await until(lambda: world.store.writes == 2)

        ready = await world.ready(key)
    assert (ready["serverVersion"], ready["observedGeneration"]) == ("3.2", 2)


async def test_a_deaf_listener_does_not_end_the_announcements(world: World) -> None:
    """A callback that raises is logged; later changes are told."""
    key = world.create(OPEN)
    world.directory.listed()
    heard: list[str] = []

    def listen(name: str) -> None:
        heard.append(name)
        raise ValueError(name)

    world.directory._announcer._on_change = listen
    async with world.running():
        world.change(key, CLOSED)
        await until(lambda: len(heard) == 1)
        world.change(key, OPEN)
        await until(lambda: len(heard) == 2)
