"""Values on their way to the table: batched, bounded, shed with a count, in nobody's way."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from tests.support.builders import VALUES, policy, slo
from tests.support.virtual_time import MIDNIGHT, VirtualClock, in_virtual_time

from governor.adapters.memory.authority import InMemoryAuthority
from governor.adapters.memory.measurements import InMemoryMeasurements
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.app.fencing import FencedMeasurements
from governor.app.history import BATCH, FLUSH_SECONDS, LONGEST_BACKOFF, History
from governor.app.ports import Added, ObjectKey
from governor.app.subjects import Understood
from governor.domain.episodes import Run
from governor.domain.measurements import MeasurementRecord

pytestmark = pytest.mark.no_cover  # it is long


KEY = ObjectKey(uid="u", namespace="aiops", name="flywheel")
POLICY = policy(slo("first"))
UNDERSTOOD = Understood(1, POLICY)
DAYS = 7


class Bench:
    """A history over doubles, in virtual time."""

    def __init__(self, **bounds: int) -> None:
        self.store = InMemoryMeasurements(now=VirtualClock().now)
        self.authority = InMemoryAuthority()
        self.telemetry = InMemoryTelemetry()
        fenced = FencedMeasurements(self.store, self.authority)
        self.history = History(fenced, VirtualClock(), self.telemetry, days=DAYS, **bounds)
        self.noted = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.history.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def note(self, count: int = 1, *, days_ago: float = 0) -> None:
        """So many slots, each a second after the one before."""
        for _ in range(count):
            slot = MIDNIGHT + timedelta(seconds=self.noted) - timedelta(days=days_ago)
            run = Run(check="first", slot=slot, at=slot, outcome=VALUES["ok"])
            self.history.note(KEY, UNDERSTOOD, [run])
            self.noted += 1

    def slots(self) -> list[int]:
        """Which of those that were noted are stored."""
        return sorted(int((key[3] - MIDNIGHT).total_seconds()) for key in self.store.rows)


@in_virtual_time
async def test_values_are_stored_every_few_seconds_in_one_batch() -> None:
    """Noting waits for nothing; one transaction takes what came together."""
    bench = Bench()
    async with bench.running():
        bench.note(30)
        assert bench.store.rows == {}
        await asyncio.sleep(FLUSH_SECONDS + 0.1)

        assert bench.slots() == list(range(30))
        assert bench.store.calls == 1
        await asyncio.sleep(10 * FLUSH_SECONDS)
        assert bench.store.calls == 1
    assert (bench.telemetry.stored, bench.telemetry.waiting, +bench.telemetry.shed) == (30, 0, {})


@in_virtual_time
async def test_a_full_batch_does_not_wait() -> None:
    """And many are stored one batch after the other."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(0.1)
        bench.note(2 * BATCH + 1)
        await asyncio.sleep(0.1)

        assert len(bench.store.rows) == 2 * BATCH + 1
        assert bench.store.calls == 3


@in_virtual_time
async def test_a_policy_that_is_not_understood_and_no_run_leave_nothing() -> None:
    """There is nothing to judge by, or nothing to judge."""
    bench = Bench()
    run = Run(check="first", slot=MIDNIGHT, at=MIDNIGHT, outcome=VALUES["ok"])
    async with bench.running():
        bench.history.note(KEY, Understood(1, None, "wrong"), [run])
        bench.history.note(KEY, UNDERSTOOD, [])
        await asyncio.sleep(2 * FLUSH_SECONDS)
    assert bench.store.calls == 0


@in_virtual_time
async def test_while_the_database_is_away_values_wait_and_the_oldest_are_shed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each is counted; it says once what is wrong, tries ever less often, and goes on."""
    bench = Bench(capacity=100)
    async with bench.running():
        bench.note()
        await asyncio.sleep(FLUSH_SECONDS + 1)
        bench.store.down = "connection refused"
        for _ in range(150):
            bench.note()
            await asyncio.sleep(10)
        assert bench.telemetry.shed == {"queue_full": 50}
        assert bench.telemetry.waiting <= 100
        tries = bench.store.calls
        assert tries <= 1 + 7 + 1500 / LONGEST_BACKOFF
        bench.store.down = None
        await asyncio.sleep(LONGEST_BACKOFF + 1)

        assert bench.slots() == [0, *range(51, 151)]
    assert bench.telemetry.stored == 101
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert said == ["can't deliver now"]
    assert bench.telemetry.shed == {"queue_full": 50}


@in_virtual_time
async def test_a_database_that_is_away_at_first_costs_nothing() -> None:
    """Nothing is offered before there is room for it."""
    bench = Bench()
    bench.store.down = "not yet"
    async with bench.running():
        bench.note(3)
        await asyncio.sleep(300)
        assert bench.store.calls == 0
        bench.store.down = None
        await asyncio.sleep(LONGEST_BACKOFF + 1)
        assert bench.slots() == [0, 1, 2]
    assert +bench.telemetry.shed == {}


@in_virtual_time
async def test_what_it_will_never_take_is_shed_and_the_rest_goes_on() -> None:
    """A batch that is refused for good is not tried again."""
    bench = Bench()
    async with bench.running():
        bench.store.refuses = "no such type"
        bench.note(3)
        await asyncio.sleep(FLUSH_SECONDS + 1)
        assert bench.telemetry.shed == {"rejected": 3}
        bench.store.refuses = None
        bench.note(2)
        await asyncio.sleep(FLUSH_SECONDS + 1)
        assert bench.slots() == [3, 4]


@in_virtual_time
async def test_slots_older_than_the_retention_are_not_offered() -> None:
    """The first run of a rare check may stand for a slot of long ago."""
    bench = Bench()
    async with bench.running():
        bench.note(2, days_ago=DAYS + 2)
        bench.note()
        await asyncio.sleep(FLUSH_SECONDS + 1)
    assert bench.telemetry.shed == {"too_old": 2}
    assert bench.slots() == [2]


@in_virtual_time
async def test_a_missing_day_is_counted_said_once_and_made_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Somebody dropped it by hand: the log says what to do, and a minute later it is there."""
    bench = Bench()
    async with bench.running():
        bench.note()
        await asyncio.sleep(FLUSH_SECONDS + 1)
        bench.store.days.clear()
        for _ in range(3):
            bench.note()
            await asyncio.sleep(FLUSH_SECONDS + 1)
        assert bench.telemetry.shed == {"no_partition": 3}
        await asyncio.sleep(70)
        bench.note()
        await asyncio.sleep(FLUSH_SECONDS + 1)
        assert bench.slots() == [0, 4]
    [said] = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert "there is no partition for 2026-11-22" in str(said.__dict__["error"])
    assert "make_measurement_partitions(7)" in str(said.__dict__["error"])


@in_virtual_time
async def test_days_come_and_go_while_it_runs() -> None:
    """There is always room for the day after tomorrow; old days go with their values."""
    bench = Bench()
    async with bench.running():
        bench.note()
        await asyncio.sleep(timedelta(days=30, hours=2).total_seconds())
        today = (MIDNIGHT + timedelta(days=30)).date()
        wanted = {today + timedelta(days=offset) for offset in range(-DAYS, 3)}
        assert bench.store.days == wanted
        assert bench.store.rows == {}


@in_virtual_time
async def test_who_does_not_lead_any_more_stores_nothing() -> None:
    """What waited is shed and counted when the term ends."""
    bench = Bench()
    async with bench.running():
        bench.note()
        await asyncio.sleep(FLUSH_SECONDS + 1)
        bench.authority.leads = False
        bench.note(4)
        await asyncio.sleep(300)
        await bench.history.settle(1)
        assert bench.slots() == [0]
    assert bench.telemetry.shed == {"term_ended": 4}
    assert bench.telemetry.waiting == 0


@in_virtual_time
async def test_at_an_orderly_end_what_waits_is_stored() -> None:
    """Nothing of the last seconds is lost."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(FLUSH_SECONDS + 1)
        bench.note(4)
        await bench.history.settle(0.5)
        assert bench.slots() == [0, 1, 2, 3]
    assert +bench.telemetry.shed == {}


class Hanging(InMemoryMeasurements):
    """Takes until it is let go."""

    def __init__(self) -> None:
        super().__init__(now=VirtualClock().now)
        self.go = asyncio.Event()

    async def add(self, records: list[MeasurementRecord]) -> Added:  # type: ignore[override]
        await self.go.wait()
        return await super().add(records)


@in_virtual_time
async def test_a_database_that_hangs_at_the_end_is_not_waited_for() -> None:
    """What was in its hands is counted, once."""
    store, telemetry = Hanging(), InMemoryTelemetry()
    bench = Bench()
    bench.history = History(store, VirtualClock(), telemetry, days=DAYS)
    async with bench.running():
        bench.note(3)
        await asyncio.sleep(FLUSH_SECONDS + 1)
        started = asyncio.get_running_loop().time()
        await bench.history.settle(0.5)
        assert asyncio.get_running_loop().time() - started < 0.6
    assert telemetry.shed == {"term_ended": 3}


@in_virtual_time
async def test_a_bug_in_storing_does_not_end_it() -> None:
    """It is said, and tried again."""
    bench = Bench()

    async def broken(_: object) -> Added:
        raise ValueError("a bug")

    async with bench.running():
        await asyncio.sleep(FLUSH_SECONDS + 1)
        healthy, bench.store.add = bench.store.add, broken  # type: ignore[method-assign]
        bench.note(2)
        await asyncio.sleep(FLUSH_SECONDS + 1)
        bench.store.add = healthy  # type: ignore[method-assign]
        await asyncio.sleep(LONGEST_BACKOFF)
        assert bench.slots() == [0, 1]


@in_virtual_time
async def test_days_that_can_not_be_dropped_now_keep_nothing_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Somebody reads there: it is tried again a minute later."""
    bench = Bench()
    dropping: list[int] = []

    async def refused(days: int) -> int:
        dropping.append(days)
        bench.store.down = "canceling statement due to lock timeout"
        try:
            return await InMemoryMeasurements.drop_old(bench.store, days)
        finally:
            bench.store.down = None

    bench.store.drop_old = refused  # type: ignore[method-assign]
    async with bench.running():
        bench.note(2)
        await asyncio.sleep(FLUSH_SECONDS + 1)
        assert bench.slots() == [0, 1]
        bench.note()
        await asyncio.sleep(70)
        assert bench.slots() == [0, 1, 2]
    assert len(dropping) == 2
    assert "lock timeout" in str(caplog.records[0].__dict__["error"])
