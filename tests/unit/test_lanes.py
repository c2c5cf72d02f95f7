"""Lanes of one policy: bugs end none, places complain for themselves, late lanes stand still."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from tests.support.builders import NOON, slo
from tests.support.deciding import mute
from tests.support.virtual_time import in_virtual_time
from tests.support.world import World

from governor.api.status import FindingRef, PolicyStatus
from governor.app import channel_lanes
from governor.app.delivering import Complaints
from governor.app.lanes import MOST_REVISIONS
from governor.app.ports import Episode, ObjectKey
from governor.domain.identity import finding_id
from governor.domain.surroundings import ChannelKind
from governor.domain.takeovers import Known
from governor.errors import DeliveryError, RejectedError

SLO_GONE = "slo_gone_violation"
NOTIFY = {"channels": [{"name": "events"}]}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy, with a receiver of events."""
    async with World() as made:
        made.around.channel("events", ChannelKind.EVENTS)
        yield made


async def test_a_bug_in_one_lane_ends_neither_it_nor_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be rendered is tried again, while rows and Events are told."""
    render, bugs = channel_lanes.notice, [ZeroDivisionError(), ZeroDivisionError()]

    def broken(*args: Any, **kwargs: Any) -> Any:
        if bugs:
            raise bugs.pop()
        return render(*args, **kwargs)

    monkeypatch.setattr(channel_lanes, "notice", broken)
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=NOTIFY)
    await world.until(lambda: world.reasons() == ["FindingOpened"] and len(world.rows()) == 1)
    await world.settled(key, "Violated")

    assert world.around.heard("events") == [("open", "autonomy-rate")]
    assert world.telemetry.deliveries.count(("channel/events", "retried")) == 2


async def test_a_channel_that_is_first_owed_something_in_the_last_turn_is_the_next_process_s(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mute ends while the sink is told at a stop: no lane is opened any more, no turn fails."""
    record, may_record = world.sink.record, asyncio.Event()

    async def slow(*args: Any) -> Any:
        await may_record.wait()
        return await record(*args)

    monkeypatch.setattr(world.sink, "record", slow)
    world.around.standing["aiops", "flywheel"] = (mute(),)
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=NOTIFY)
    await world.until(lambda: sorted(world.reasons()) == ["FindingOpened", "FindingOpened"])
    stop = asyncio.create_task(world.scheduler.stop(grace_seconds=5))
    await world.until(lambda: _targets(world, key) == [("sink",), ("sink",)])  # the turn at a stop
    world.around.standing.clear()
    may_record.set()
    await stop
    assert ("channel/events",) in _targets(world, key)
    assert not [record for record in caplog.records if "turn" in record.message]

    await world.restart(key)
    await world.settled(key, "Violated")
    assert world.around.heard("events") == [("open", "autonomy-rate")]


async def test_rows_that_come_in_during_a_turn_are_for_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison with the sink is not lost because a decision is just being taken."""
    key = world.apply()
    await world.settled(key, "Ok")
    replace, writing, may_write = world.store.replace_status, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> Any:
        writing.set()
        await may_write.wait()
        return await replace(*args)

    monkeypatch.setattr(world.store, "replace_status", slow)
    world.say(autonomy_rate="warning")
    world.slot(key)
    await writing.wait()
    [runner] = world.scheduler
    runner.heal((_row_of_a_check_that_is_gone(key.uid),))
    may_write.set()
    await world.until(lambda: bool(world.rows()))

    assert world.rows() == [("gone", SLO_GONE, True)]


async def test_a_spec_that_the_sink_refuses_for_good_holds_back_no_row(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows only refer to it; it is said once, and not tried again."""

    async def refused(_: object) -> None:
        raise RejectedError("the database will never take this row: \\u0000")

    monkeypatch.setattr(world.sink, "record_revision", refused)
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    await world.until(lambda: len(world.rows()) == 1)

    said = [record for record in caplog.records if "spec was refused" in record.message]
    assert [(record.__dict__["policy"], record.__dict__["generation"]) for record in said] == [
        (key.name, 1)
    ]


async def test_two_rows_that_never_get_through_hold_back_no_third(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two failures end a pass, as if the sink were down; the next one begins with others."""
    record = world.sink.record

    async def choosy(row: Episode, *args: Any) -> Any:
        if row.check_name in {"slo-0", "slo-1"}:
            raise ZeroDivisionError
        return await record(row, *args)

    monkeypatch.setattr(world.sink, "record", choosy)
    checks = [slo(f"slo-{number}") for number in range(4)]
    world.say(**{f"slo_{number}": "violated" for number in range(4)})
    world.apply(*checks)
    await world.until(lambda: len(world.rows()) == 2)

    assert sorted(check for check, *_ in world.rows()) == ["slo-2", "slo-3"]


@in_virtual_time
async def test_a_restored_sink_gives_its_name_to_what_is_said_again() -> None:
    """Once: what was said under another name is said no more, and holds back no end."""
    async with World() as world:
        world.say(a="violated", b="violated")
        key = world.apply(slo("a"), slo("b"))
        await world.settled(key, "Violated")
        [older] = [row for row in world.sink.events.values() if row["check_name"] == "a"]
        backup = dict(older)
        world.change(key, slo("b"))  # the status forgets the finding of the check that went
        await world.settled(key, "Violated")
        world.change(key, slo("a"), slo("b"))
        world.slot(key)
        await world.until(lambda: _open(world, "a") not in (None, backup["id"]))
        await world.settled(key, "Violated")
        del world.sink.events[_open(world, "a")]
        world.sink.events[backup["id"]] = backup

        [runner] = world.scheduler
        runner.heal(())
        await world.until(lambda: _status_has(world, key, backup["id"]))
        reads = world.clock.reads
        await asyncio.sleep(60)
        assert world.clock.reads - reads < 20
        world.say(a="ok", b="ok")
        world.slot(key)
        await world.settled(key, "Ok")

        assert all(resolved for *_, resolved in world.rows())


def _open(world: World, check: str) -> UUID | None:
    rows = world.sink.events.items()
    mine = (each for each, row in rows if row["check_name"] == check and not row["resolved"])
    return next(mine, None)


def _status_has(world: World, key: ObjectKey, finding: UUID) -> bool:
    status = PolicyStatus.model_validate(world.store.peek(key)["status"])
    return any(check.finding and check.finding.id == finding for check in status.checks)


def test_a_place_that_delivers_says_nothing_of_another(caplog: pytest.LogCaptureFixture) -> None:
    """A namespace that is refused, beside one that is served, does not fill the log."""
    caplog.set_level("INFO")
    complaints = Complaints()
    for _ in range(3):
        complaints.failed("channel/x from a", DeliveryError("not from here"))
        complaints.delivered("channel/x from b")
    complaints.delivered("channel/x from a")

    assert _said(caplog) == [
        ("can't deliver now", "channel/x from a"),
        ("delivers again", "channel/x from a"),
    ]


def _said(caplog: pytest.LogCaptureFixture) -> Sequence[tuple[str, str]]:
    return [(record.message, record.__dict__["target"]) for record in caplog.records]


def _row_of_a_check_that_is_gone(policy_uid: str) -> Known:
    found = finding_id(policy_uid, SLO_GONE, "gone", NOON)
    return Known(check="gone", finding=FindingRef(id=found, event_type=SLO_GONE, opened_at=NOON))


def _targets(world: World, key: ObjectKey) -> list[tuple[str, ...]]:
    status = PolicyStatus.model_validate(world.store.peek(key).get("status") or {})
    return [entry.targets for entry in status.pending]


async def test_a_spec_that_changes_without_end_takes_no_more_memory(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """While the sink is away the newest wait, and the log says which are not stored."""
    world.sink.down = "stopped"
    key = world.apply(slo())
    await world.settled(key, "Ok")
    for n in range(MOST_REVISIONS + 10):
        world.change(key, slo(objective={"direction": "Above", "redLine": 0.001 * n}))
    world.sink.down = None
    newest = world.store.peek(key)["metadata"]["generation"]
    await world.until(lambda: newest in {known[2] for known in world.sink.revisions})

    kept = sorted(generation for _, _, generation in world.sink.revisions)
    assert kept == list(range(newest - MOST_REVISIONS + 1, newest + 1))
    dropped = [vars(r)["generation"] for r in caplog.records if "too many specs" in r.message]
    assert dropped == list(range(1, newest - MOST_REVISIONS + 1))
