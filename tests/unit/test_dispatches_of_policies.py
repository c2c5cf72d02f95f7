"""One policy's findings become work items, and their course is followed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import slo, spec
from tests.support.world import World

from governor.api.status import CheckStatus, DispatchState, PolicyStatus
from governor.app.ports import DispatchRecord, ObjectKey
from governor.domain.surroundings import ChannelKind

EXECUTOR = "hermes"
DAY = 24 * 3600


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy, with a receiver of events."""
    async with World() as made:
        made.around.channel("events", ChannelKind.EVENTS)
        yield made


def working(**dispatch: Any) -> dict[str, Any]:
    """A check whose findings become work items."""
    return slo(dispatch={"executor": EXECUTOR, **dispatch})


def items(world: World) -> list[tuple[str, bool]]:
    """Every work item, in order: its status, and whether its finding is resolved."""
    rows = sorted(world.sink.work_items.rows.values(), key=lambda row: row["created_at"])
    return [
        (row["dispatch_status"], world.sink.events[row["governance_event_id"]]["resolved"])
        for row in rows
    ]


def move(world: World, *ways: DispatchState) -> None:
    """An executor, or a person, moves the youngest work item."""
    youngest = max(world.sink.work_items.rows.values(), key=lambda row: row["created_at"])
    for way in ways:
        world.sink.work_items.move(youngest["id"], way)
    if youngest["finished_at"] is not None:
        youngest["finished_at"] = world.clock.now()


def check(world: World, key: ObjectKey) -> CheckStatus:
    """The check's status, as the API server has it."""
    return PolicyStatus.model_validate(world.store.peek(key)["status"]).checks[0]


def state(world: World, key: ObjectKey) -> str | None:
    """The work item's, as the status says."""
    found = check(world, key).dispatch
    return found.status if found else None


async def opened(world: World, **dispatch: Any) -> ObjectKey:
    """A policy with a finding, and a work item that its status knows."""
    world.say(autonomy_rate="violated")
    notify = {"channels": [{"name": "events"}], "reminderInterval": "1h"}
    key = world.apply(working(**dispatch), notify=notify)
    await world.settled(key, "Violated")
    await cycles(world, key)
    assert state(world, key) == "pending"
    return key


async def cycles(world: World, key: ObjectKey, count: int = 1, seconds: float = 60) -> None:
    """So many further runs, each with all that follows from it."""
    for _ in range(count):
        before = world.measurer.calls["autonomy-rate"]
        world.slot(key, seconds)
        await world.until(lambda n=before: world.measurer.calls["autonomy-rate"] > n)
        runner = world.scheduler.named("aiops", "flywheel")
        assert runner is not None
        # A slot within its tolerance is due already, and the run is stamped with it.
        await world.until(lambda r=runner: r.status.last_evaluated >= world.clock.now())
        await world.until(lambda: not world.store.peek(key)["status"].get("pending"))


async def test_an_opening_brings_its_work_item_and_three_more_cycles_bring_none(
    world: World,
) -> None:
    """With the row of the finding, in one transaction; its status shows it."""
    key = await opened(world, maxAttempts=3)
    await cycles(world, key, 3)

    assert items(world) == [("pending", False)]
    [row] = world.sink.work_items.rows.values()
    [event] = world.sink.events.values()
    assert row["governance_event_id"] == event["id"]
    assert row["max_attempts"] == 3
    assert row["created_at"] == event["opened_at"]
    shown = check(world, key).dispatch
    assert shown is not None
    assert (shown.id, shown.executor, shown.finding) == (row["id"], EXECUTOR, event["id"])


async def test_none_is_declared_and_none_is_created_nor_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question would end in an error here, and the run with it."""
    monkeypatch.setattr(world.sink, "dispatches", None)
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    await cycles(world, key, 3)

    assert items(world) == []


async def test_recovery_cancels_what_nobody_has_claimed(world: World) -> None:
    """And shows it; the next finding has a work item of its own."""
    key = await opened(world)
    world.say(autonomy_rate="ok")
    await cycles(world, key)
    assert items(world) == [("cancelled", True)]
    await cycles(world, key)
    assert state(world, key) == "cancelled"

    world.say(autonomy_rate="violated")
    await cycles(world, key)
    assert items(world) == [("cancelled", True), ("pending", False)]


async def test_a_claimed_one_stays_with_its_executor_and_the_next_finding_waits_for_it(
    world: World,
) -> None:
    """Active is active, whichever finding it is for; once it is over, a new one is created."""
    key = await opened(world)
    move(world, "dispatched", "executing")
    world.say(autonomy_rate="ok")
    await cycles(world, key)
    world.say(autonomy_rate="violated")
    await cycles(world, key, 3)
    assert items(world) == [("executing", True)]

    move(world, "succeeded")
    await cycles(world, key)
    assert items(world) == [("succeeded", True), ("pending", False)]


@pytest.mark.parametrize(
    ("ways", "wait", "count"),
    [
        (("dispatched", "executing", "failed"), 1800, 1),
        (("dispatched", "executing", "failed"), 3600, 2),
        (("dispatched", "executing", "succeeded"), 6 * DAY, 1),
        (("dispatched", "executing", "succeeded"), 7 * DAY, 2),
        (("skipped",), 30 * DAY, 1),
        (("cancelled",), 30 * DAY, 1),
        (("dispatched", "executing"), 30 * DAY, 1),
    ],
)
async def test_what_came_of_it_says_whether_the_same_finding_gets_another(
    world: World, ways: tuple[DispatchState, ...], wait: float, count: int
) -> None:
    """Failed: one per reminder interval; succeeded: after 7 days; by a person: none."""
    key = await opened(world)
    move(world, *ways)
    await cycles(world, key)
    await cycles(world, key, seconds=wait)
    await cycles(world, key)

    assert len(items(world)) == count
    assert state(world, key) == ("pending" if count > 1 else ways[-1])


async def test_reminders_rest_while_a_review_is_open(world: World) -> None:
    """The opening itself is told; `suppressed` says why nothing follows."""
    key = await opened(world, suppressWhileOpen=True)
    await cycles(world, key, 2, seconds=3600)
    assert check(world, key).suppressed == "OpenReview"
    assert world.around.heard("events") == [("open", "autonomy-rate")]

    move(world, "skipped")
    await cycles(world, key, 2)
    assert check(world, key).suppressed is None
    assert world.around.heard("events")[1:] == [("reminder", "autonomy-rate")]


async def test_a_look_up_that_fails_stops_nothing_and_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was last known stands: neither a second work item nor a reminder."""
    monkeypatch.setattr("governor.app.looking_up.PATIENCE", 0.05)
    key = await opened(world, suppressWhileOpen=True)
    move(world, "skipped")
    dispatches = world.sink.dispatches

    async def hanging(policy_uid: str) -> Any:
        await asyncio.Event().wait()

    world.sink.down = "stopped"
    await cycles(world, key, 2, seconds=3600)
    world.sink.down = None
    monkeypatch.setattr(world.sink, "dispatches", hanging)
    await cycles(world, key, 2, seconds=3600)
    assert (state(world, key), check(world, key).suppressed) == ("pending", "OpenReview")
    assert world.around.heard("events") == [("open", "autonomy-rate")]

    monkeypatch.setattr(world.sink, "dispatches", dispatches)
    await cycles(world, key)
    assert state(world, key) == "skipped"
    assert items(world) == [("skipped", False)]


async def test_the_sink_down_all_along_changes_nothing_in_the_end(world: World) -> None:
    """One row, one work item; both come when it is back."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply(working())
    await world.settled(key, "Violated", told=False)
    for _ in range(3):
        world.slot(key)
        await world.until(
            lambda: world.telemetry.statuses[key].checks[0].last_evaluated >= world.clock.now()
        )
    await world.restart(key)
    world.sink.down = None
    await world.settled(key, "Violated")
    await cycles(world, key)

    assert items(world) == [("pending", False)]


async def test_opened_and_recovered_while_the_sink_is_down_leaves_no_work(world: World) -> None:
    """Its row is stored, resolved; nobody is asked to work on what is over."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply(working())
    await world.settled(key, "Violated", told=False)
    world.say(autonomy_rate="ok")
    world.slot(key)
    await world.settled(key, "Ok", told=False)
    world.sink.down = None
    await world.settled(key, "Ok")

    assert [resolved for _, _, resolved in world.rows()] == [True]
    assert items(world) == [("cancelled", True)]


async def test_two_operators_that_race_create_one(world: World) -> None:
    """On one API server and one sink, with clocks a little apart."""
    async with World(world.store) as rival:
        rival.sink, rival.clock.time = world.sink, world.clock.now() + timedelta(seconds=1)
        await rival.restart()
        world.say(autonomy_rate="violated")
        rival.say(autonomy_rate="violated")
        gates = [asyncio.Event(), asyncio.Event()]
        world.measurer.gates["autonomy-rate"], rival.measurer.gates["autonomy-rate"] = gates
        key = world.apply(working())
        rival.scheduler.policy_seen(world.store.peek(key))
        await world.until(lambda: world.measurer.calls.total() == rival.measurer.calls.total() == 1)
        for gate in gates:
            gate.set()
        await world.settled(key, "Violated")
        for each in (world, rival):
            each.scheduler.policy_seen(world.store.peek(key))
            each.slot(key)
        await world.until(lambda: world.measurer.calls.total() == rival.measurer.calls.total() == 2)
        await world.settled(key, "Violated")

    assert items(world) == [("pending", False)]
    assert [resolved for _, _, resolved in world.rows()] == [False]


async def test_measurements_of_an_old_spec_are_dropped_also_during_a_look_up(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The spec changes while the sink is asked: nothing is judged by another spec's lines."""
    key = await opened(world)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(policy_uid: str) -> list[DispatchRecord]:
        asked.set()
        await answer.wait()
        return []

    monkeypatch.setattr(world.sink, "dispatches", slow)
    world.slot(key)
    await asked.wait()
    world.say(autonomy_rate="ok")
    world.scheduler.policy_seen(world.store.change_spec(key, spec(slo("other"))))
    answer.set()
    world.say(other="ok")
    status = await world.settled(key, "Ok")

    assert not [record for record in caplog.records if record.levelname != "INFO"]
    assert [each.name for each in status.checks] == ["other"]
    assert [row["resolved_reason"] for row in world.sink.events.values()] == ["CheckRemoved"]
