"""One policy's findings on their way to the sink and to Events, through outages and restarts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.api.log import Target
from governor.app.ports import DispatchOrder, Episode, OpenFinding

SLO = "slo_autonomy_rate_violation"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


async def test_a_finding_is_told_everywhere_once_and_cleared(world: World) -> None:
    """Row and Event follow the write; the log is empty again after the second one."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    status = await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]
    assert status.checks[0].finding is not None
    assert status.checks[0].finding.id in world.sink.events
    assert world.store.writes == 2

    world.say(autonomy_rate="ok")
    world.slot(key)
    status = await world.settled(key, "Ok")
    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert world.reasons() == ["FindingOpened", "FindingResolved"]
    assert world.store.writes == 4


async def test_the_sink_down_stops_no_verdict(world: World) -> None:
    """Status and Events go on; the row comes when the sink is back, exactly once."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    status = await world.settled(key, "Violated", told=False)
    await world.until(lambda: world.reasons() == ["FindingOpened"])
    assert len(status.pending) == 1

    world.say(autonomy_rate="ok")
    world.slot(key)
    await world.settled(key, "Ok", told=False)
    world.sink.down = None
    await world.settled(key, "Ok")

    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert ("sink", "retried") in world.telemetry.deliveries
    assert world.reasons() == ["FindingOpened", "FindingResolved"]


async def test_what_ails_a_target_is_logged_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at each retry; and once more when it delivers again."""
    caplog.set_level("INFO")
    world.sink.down = "run `governor migrate`"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.until(lambda: world.telemetry.deliveries.count(("sink", "retried")) >= 2)
    world.sink.down = None
    await world.settled(key, "Violated")

    said = [(r.message, r.__dict__.get("error")) for r in caplog.records if "deliver" in r.message]
    assert said == [("can't deliver now", "run `governor migrate`"), ("delivers again", None)]


async def test_a_fault_that_nobody_foresaw_ends_no_delivery(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink's driver raises something of its own: it is tried again like any outage."""
    record, calls = world.sink.record, 0

    async def broken_once(
        episode: Episode, dispatch: DispatchOrder | None = None
    ) -> OpenFinding | None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError
        return await record(episode, dispatch)

    monkeypatch.setattr(world.sink, "record", broken_once)
    world.say(autonomy_rate="violated")
    await world.settled(world.apply(), "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_a_restart_before_delivery_tells_what_was_decided(world: World) -> None:
    """The next process finds it in the status."""
    world.sink.down = "stopped"
    world.events.fail(*["before"] * 3)
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    await world.restart(key)
    world.sink.down = None
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]


async def test_what_an_earlier_leader_left_is_told_once_the_status_is_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Having read it fences nothing: another may lead by now (protocol, rule 26)."""
    world.sink.down = "stopped"
    world.events.fail(*["before"] * 3)
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    await world.end()
    world.sink.down = None
    replace, tried, may_write = world.store.replace_status, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> Any:
        tried.set()
        await may_write.wait()
        return await replace(*args)

    monkeypatch.setattr(world.store, "replace_status", slow)
    told_before = len(world.telemetry.deliveries)
    await world.restart(key)
    await tried.wait()
    for _ in range(3):
        world.slot(key)
        await asyncio.sleep(0.05)
    assert (world.rows(), world.reasons()) == ([], [])
    assert len(world.telemetry.deliveries) == told_before

    may_write.set()
    await world.settled(key, "Violated")
    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]


async def test_a_restart_between_delivery_and_clearing_tells_nothing_twice(world: World) -> None:
    """Row and Event are there already; the receivers deduplicate."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.until(lambda: bool(world.rows()) and bool(world.reasons()))
    await world.restart(key)
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]


async def test_a_refused_event_is_dropped_and_counted(world: World) -> None:
    """A namespace that is being terminated takes none; the row is stored all the same."""
    world.events.terminate("aiops")
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert ("event", "rejected") in world.telemetry.deliveries


async def test_a_forged_entry_is_not_told(world: World) -> None:
    """Neither by the operator that runs nor by the next one; it is counted."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    body = await world.store.read(key)
    entry = {
        "id": "00000000-0000-5000-8000-000000000001",
        "finding": "00000000-0000-5000-8000-000000000002",
        "transition": "open",
        "check": "autonomy-rate",
        "eventType": "forged",
        "openedAt": "2026-11-22T12:00:00Z",
        "decidedAt": "2026-11-22T12:00:00Z",
        "generation": 1,
        "severity": "critical",
        "reason": "Forged",
        "targets": ["sink", "event"],
    }
    forged = {**body["status"], "pending": [entry]}
    await world.store.replace_status(key, body["metadata"]["resourceVersion"], forged)
    await world.restart(key)
    await world.settled(key, "Violated")

    assert [row[1] for row in world.rows()] == [SLO]
    assert world.reasons() == ["FindingOpened"]
    assert ("log", "dropped") in world.telemetry.deliveries


async def test_three_applies_within_a_slot_make_two_rows(world: World) -> None:
    """Open, resolve, reopen: in the order of decision, also under one unique index."""
    world.say(autonomy_rate="warning")
    lines = (0.8, 0.5, 0.78)
    key = world.apply(slo(objective={"direction": "Above", "redLine": lines[0]}))
    await world.settled(key, "Violated", told=False)
    world.clock.forward(0.1)
    world.change(key, slo(objective={"direction": "Above", "redLine": lines[1]}))
    await world.settled(key, "Ok", told=False)
    world.clock.forward(0.1)
    world.change(key, slo(objective={"direction": "Above", "redLine": lines[2]}))
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, True), ("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened", "FindingResolved", "FindingOpened"]


async def test_each_generation_is_kept_as_a_revision(world: World) -> None:
    """Who changed which threshold when."""
    key = world.apply()
    await world.settled(key, "Ok")
    world.change(key, slo(severity="critical"))
    await world.until(lambda: len(world.sink.revisions) == 2)

    generations = sorted(generation for _, _, generation in world.sink.revisions)
    assert generations == [1, 2]


async def test_a_suspended_policy_measures_nothing_and_still_tells(world: World) -> None:
    """What was decided before is delivered; findings stay as they are."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    world.change(key, suspend=True)
    await world.settled(key, "Suspended", told=False)
    world.sink.down = None
    calls = world.measurer.calls["autonomy-rate"]
    world.slot(key)
    status = await world.settled(key, "Suspended")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert status.checks[0].finding is not None
    assert world.measurer.calls["autonomy-rate"] == calls


async def test_stopping_tells_what_can_be_told(world: World) -> None:
    """The sink is back, but its lane still waits: the end does not wait for it."""
    world.say(autonomy_rate="violated")
    world.sink.down = "stopped"
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    await world.until(lambda: ("sink", "retried") in world.telemetry.deliveries)
    world.sink.down = None

    await world.scheduler.stop(grace_seconds=5)

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert (await world.status(key)).pending == ()


async def test_stopping_does_not_wait_for_a_sink_that_is_down(world: World) -> None:
    """What can't be told stays in the log, for the next process."""
    world.say(autonomy_rate="violated")
    world.sink.down = "stopped"
    key = world.apply()
    await world.settled(key, "Violated", told=False)

    async with asyncio.timeout(2):
        await world.scheduler.stop(grace_seconds=60)

    assert world.rows() == []
    [entry] = (await world.status(key)).pending
    assert entry.targets == (Target.SINK,)
