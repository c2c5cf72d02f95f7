"""One policy's decisions on their way to the API server, and statuses that others wrote."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import slo
from tests.support.virtual_time import in_virtual_time
from tests.support.world import World

from governor.api.status import PolicyStatus
from governor.domain.schedules import next_slot
from governor.domain.writes import RIDER_PERIOD
from governor.errors import ConflictError, StoreError, UnavailableError
from governor.values.durations import seconds
from governor.values.moments import in_seconds

SLO = "slo_autonomy_rate_violation"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


def assert_taken_over(after: PolicyStatus, before: PolicyStatus) -> None:
    """The same finding; as its row was there to be read, people are not told of it anew."""
    finding, known = after.checks[0].finding, before.checks[0].finding
    assert finding is not None
    assert known is not None
    assert finding.last_told_at is not None
    assert finding.model_copy(update={"last_told_at": known.last_told_at}) == known


def stored(status: PolicyStatus) -> list[datetime]:
    """When each check was evaluated, as the API server has it."""
    return [check.last_evaluated for check in status.checks if check.last_evaluated is not None]


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_write_whose_answer_is_lost_is_decided_again(world: World, fault: str) -> None:
    """Whether it was done or not: one finding, one row, one Event."""
    world.say(autonomy_rate="violated")
    world.store.fail(fault)  # type: ignore[arg-type]
    key = world.apply()
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]


async def test_a_conflict_is_decided_again_on_the_newer_version(world: World) -> None:
    """With the same measurements: the check is not measured twice."""
    world.say(autonomy_rate="violated")
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    key = world.apply()
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    world.store.annotate(key, {"somebody": "else"})  # the operator's cache is old now
    gate.set()
    await world.settled(key, "Violated")

    assert world.measurer.calls["autonomy-rate"] == 1
    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_a_run_that_could_not_be_written_is_measured_again(world: World) -> None:
    """The API server is away for a while: nothing is told until it took the status."""
    world.say(autonomy_rate="violated")
    world.store.fail(*["before"] * 4)
    key = world.apply()
    await world.settled(key, "Violated")

    assert world.measurer.calls["autonomy-rate"] > 1
    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_after_a_failed_write_nobody_is_measured_before_the_next_try(world: World) -> None:
    """Ticks, slots and sweeps wake it meanwhile: each would begin a chain of tries of its own."""
    world.store.fail(StoreError("forbidden"))
    key = world.apply()
    [runner] = world.scheduler
    await world.until(lambda: runner.attempts.failed_at is not None)
    for _ in range(20):
        world.scheduler.policy_tick(key.uid, 60)
        await asyncio.sleep(0)
    assert world.measurer.calls["autonomy-rate"] == 1
    assert not world.telemetry.statuses[key].checks

    await world.settled(key, "Ok")
    assert world.measurer.calls["autonomy-rate"] == 2


@in_virtual_time
async def test_after_a_failed_write_a_new_spec_is_tried_at_once() -> None:
    """What was wrong may be mended by it."""
    async with World() as world:
        world.store.fail(*(StoreError("too long") for _ in range(4)))
        key = world.apply()
        await world.until(lambda: world.measurer.calls["autonomy-rate"] == 3)
        [runner] = world.scheduler
        await world.until(lambda: runner.attempts.failed_at is not None)
        world.store.fail()
        world.change(key, slo(), slo("growth"))
        await world.until(lambda: world.measurer.calls["growth"] == 1, 0.5)


async def test_a_change_of_a_source_outlives_a_write_that_failed(world: World) -> None:
    """Its checks are measured again, though their slot is far."""
    key = world.apply(slo(interval="7d"))
    await world.settled(key, "Ok")
    world.store.fail(StoreError("forbidden"))
    world.say(autonomy_rate="violated")
    world.scheduler.source_changed("prometheus")
    await world.settled(key, "Violated")

    assert world.measurer.calls["autonomy-rate"] == 3


async def test_a_refused_status_is_reported_and_tried_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A 422 is a bug or a limit; it never ends the policy's life."""
    world.store.fail(StoreError("status.checks: too long"))
    key = world.apply()
    await world.settled(key, "Ok")

    (record,) = [r for r in caplog.records if "could not be written" in r.message]
    assert record.__dict__["error"] == "status.checks: too long"


async def test_a_status_that_the_server_never_takes_says_what_the_server_says(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As of a policy so large that its status has no room beside it."""

    async def refused(*_: object) -> Any:
        raise UnavailableError("PUT …/status: HTTP 500: etcdserver: request is too large")

    monkeypatch.setattr(world.store, "replace_status", refused)
    world.apply()
    await world.until(lambda: any("status could not be" in r.message for r in caplog.records))

    [said] = [r.__dict__["error"] for r in caplog.records if "status could not be" in r.message]
    assert "request is too large" in said


async def test_a_read_that_fails_after_a_conflict_ends_a_turn_and_not_the_policy(
    world: World,
) -> None:
    """It backs off and comes again."""
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    key = world.apply()
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    world.store.fail(*[ConflictError("busy") for _ in range(2)])
    gate.set()
    await world.settled(key, "Ok")

    assert world.store.writes == 1


async def test_a_wiped_status_opens_no_second_row(world: World) -> None:
    """The finding is taken over from the sink, and resolved under its old id."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    before = await world.settled(key, "Violated")
    body = await world.store.read(key)
    wiped = await world.store.replace_status(key, body["metadata"]["resourceVersion"], {})
    world.scheduler.policy_seen(wiped)
    after = await world.settled(key, "Violated")
    assert_taken_over(after, before)

    world.say(autonomy_rate="ok")
    world.slot(key)
    await world.settled(key, "Ok")
    assert world.rows() == [("autonomy-rate", SLO, True)]


async def test_a_status_edited_by_hand_opens_nothing_anew(world: World) -> None:
    """The sink is asked first: neither a second row nor a second Event."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    before = await world.settled(key, "Violated")
    world.clock.forward(1)
    body = world.store.peek(key)
    edited = {**body["status"], "checks": []}
    seen = await world.store.replace_status(key, body["metadata"]["resourceVersion"], edited)
    world.scheduler.policy_seen(seen)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await world.until(lambda: bool(world.telemetry.statuses[key].checks))
    after = await world.settled(key, "Violated")

    assert_taken_over(after, before)
    assert world.reasons() == ["FindingOpened"]


async def test_a_status_wiped_while_the_sink_is_down_adopts_its_row(world: World) -> None:
    """It decides without the sink; the index answers with the row that is open."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    before = await world.settled(key, "Violated")
    world.clock.forward(1)
    world.sink.down = "stopped"
    body = await world.store.read(key)
    wiped = await world.store.replace_status(key, body["metadata"]["resourceVersion"], {})
    world.scheduler.policy_seen(wiped)
    await world.settled(key, "Violated", told=False)
    world.sink.down = None
    after = await world.settled(key, "Violated")

    assert after.checks[0].finding == before.checks[0].finding
    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert ("sink", "adopted") in world.telemetry.deliveries


async def test_leaders_that_change_often_leave_no_status_behind(world: World) -> None:
    """Each has to make a status with a finding its own; that write says nothing new."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    for _ in range(4):
        for _ in range(3):
            calls = world.measurer.calls.total()
            world.slot(key)
            await world.until(lambda calls=calls: world.measurer.calls.total() > calls)
            await asyncio.sleep(0.05)
        await world.restart(key)
    status = await world.status(key)

    assert status.last_evaluated is not None
    assert world.clock.now() - status.last_evaluated <= RIDER_PERIOD + timedelta(minutes=1)


async def test_a_clock_that_was_ahead_stops_no_check(world: World) -> None:
    """What was evaluated in the future is evaluated again now."""
    world.clock.forward(26 * 3600)
    key = world.apply()
    await world.settled(key, "Ok")
    world.clock.forward(-26 * 3600)
    world.say(autonomy_rate="violated")
    await world.restart(key)
    status = await world.settled(key, "Violated")

    assert status.valid_until is not None
    assert status.valid_until < world.clock.now() + timedelta(hours=1)


async def test_a_new_process_takes_back_what_is_too_old_before_it_measures(world: World) -> None:
    """A slow check is not shown as it was hours ago, beside what is known now."""
    key = world.apply(slo(), slo("slow"))
    await world.settled(key, "Ok")
    world.clock.forward(3600)
    gate = world.measurer.gates["slow"] = asyncio.Event()
    world.measurer.gates["autonomy-rate"] = gate
    await world.restart(key)
    status = await world.settled(key, "NoData")

    compliant = next(c for c in status.conditions if c.type == "Compliant")
    assert (compliant.status, compliant.reason) == ("Unknown", "Stale")
    assert all("evaluating again" in check.message for check in status.checks)
    gate.set()
    await world.settled(key, "Ok")
    assert world.events.events == {}


async def test_an_error_that_stays_the_same_is_written_once_in_five_minutes(world: World) -> None:
    """Its retries come before the next slot, which may be an hour away."""
    world.say(autonomy_rate="error")
    key = world.apply(slo(interval="1h"))
    await world.settled(key, "Error")
    (runner,) = world.scheduler
    writes = world.store.writes
    for retry, wait in enumerate((30, 60, 120), 2):
        world.slot(key, wait)
        await world.until(lambda retry=retry: world.measurer.calls["autonomy-rate"] == retry)
        await world.until(lambda: runner.status.last_evaluated == world.clock.now())

    assert world.store.writes - writes <= 1


async def test_a_status_that_was_put_back_is_brought_up_to_date_with_the_next_run(
    world: World,
) -> None:
    """It says when it was evaluated: long ago, whatever we have written since."""
    key = world.apply()
    await world.settled(key, "Ok")
    (runner,) = world.scheduler
    old = world.store.peek(key)["status"]
    for _ in range(8):
        world.slot(key)
        await world.until(lambda: runner.status.last_evaluated == world.clock.now())
    version = world.store.peek(key)["metadata"]["resourceVersion"]
    world.scheduler.policy_seen(await world.store.replace_status(key, version, old))
    world.slot(key)

    now = in_seconds(world.clock.now())
    await world.until(lambda: world.store.peek(key)["status"]["lastEvaluated"] == now)


@in_virtual_time
@pytest.mark.parametrize("interval", ["5m", "2m", "7m", "10m"])
async def test_values_of_a_slow_check_are_stored_with_those_of_the_others(interval: str) -> None:
    """One write for both, though the quick one is decided on long before."""
    async with World() as world:
        key = world.apply(slo(interval=interval), slo("slow", interval=interval))
        await world.settled(key, "Ok")
        (runner,) = world.scheduler
        for _ in range(6):
            gate = world.measurer.gates["slow"] = asyncio.Event()
            slot = next_slot(key.uid, seconds(interval), world.clock.now())
            world.clock.time = slot
            writes = world.store.writes
            world.scheduler.policy_tick(key.uid, 60)
            await world.until(lambda slot=slot: runner.status.last_evaluated == slot)
            assert world.store.writes == writes
            world.clock.forward(5)
            gate.set()
            await asyncio.sleep(5)
            status = await world.status(key)

            assert [check.last_evaluated for check in runner.status.checks] == [slot, slot]
            assert world.store.writes <= writes + 1
            assert len(set(stored(status))) == 1
            assert slot - min(stored(status)) < RIDER_PERIOD


@in_virtual_time
@pytest.mark.parametrize("interval", ["1m", "2m", "7m"])
async def test_one_check_that_never_ends_keeps_no_values_of_others_from_being_stored(
    interval: str,
) -> None:
    """Its own has a verdict of its own, before long."""
    async with World() as world:
        key = world.apply(slo(interval=interval), slo("hangs", interval=interval))
        await world.settled(key, "Ok")
        (runner,) = world.scheduler
        world.measurer.gates["hangs"] = asyncio.Event()
        for _ in range(12):
            slot = next_slot(key.uid, seconds(interval), world.clock.now())
            world.clock.time = slot
            world.scheduler.policy_tick(key.uid, 60)
            await world.until(lambda slot=slot: runner.status.last_evaluated == slot)
            await asyncio.sleep(1)
        status = await world.status(key)

        assert slot - max(stored(status)) <= max(RIDER_PERIOD, timedelta(minutes=7))
