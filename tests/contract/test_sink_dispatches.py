"""The port Sink, held by every implementation: findings that become work items."""

import logging
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.sinks import (
    EXECUTOR,
    T0,
    Closing,
    Row,
    Subject,
    ended,
    opening,
    order,
    reopened,
)

from governor.api.status import DispatchState, DispatchStatus
from governor.app.ports import DispatchRecord
from governor.errors import RejectedError

CLAIMED: tuple[DispatchState, ...] = ("dispatched", "executing")
ENDS: tuple[DispatchState, ...] = ("succeeded", "failed", "skipped", "cancelled")


async def test_opening_and_its_work_item_are_stored_together(
    subject: Subject, sink: Closing, cluster: str
) -> None:
    """The work item says what it is for, waits, and is nobody's yet."""
    finding, work = opening(), order(max_attempts=3, decision_context={"note": "a\x00b"})

    assert await sink.record(finding, work) is None

    assert await subject.row(finding.id) is not None
    row = await subject.work_item(work.id)
    assert row is not None
    expected = {
        "governance_event_id": finding.id,
        "event_type": "knowledge_degradation",
        "cluster": cluster,
        "policy_uid": finding.policy_uid,
        "check_name": "knowledge",
        "executor_type": EXECUTOR,
        "dispatch_status": "pending",
        "attempts": 0,
        "max_attempts": 3,
        "decision_context": {"note": "a\ufffdb"},
        "created_by": "governor",
        "created_at": T0,
        "lease_until": None,
        "finished_at": None,
    }
    assert {name: row[name] for name in expected} == expected


async def test_repetition_creates_no_second_one(subject: Subject, sink: Closing) -> None:
    """The id is the work item: however far it has gone, it is not created again."""
    finding, work = opening(), order()
    await sink.record(finding, work)
    await sink.record(finding, work)
    await subject.move(work.id, "dispatched", "succeeded")

    await sink.record(finding, work)

    (record,) = await sink.dispatches(finding.policy_uid)
    assert (record.dispatch.id, record.dispatch.status) == (work.id, "succeeded")


@pytest.mark.parametrize("status", ["pending", *CLAIMED])
async def test_one_is_active_at_a_time(
    subject: Subject, sink: Closing, status: DispatchState, caplog: pytest.LogCaptureFixture
) -> None:
    """A second one is not created: that is logged, and the finding is stored all the same."""
    first, work, second = opening(), order(), order()
    await sink.record(first, work)
    await subject.move(work.id, *CLAIMED[: ("pending", *CLAIMED).index(status)])
    other = replace(first, id=uuid4(), event_type="governance_check_blind")

    with caplog.at_level(logging.INFO):
        assert await sink.record(other, second) is None

    assert await subject.work_item(second.id) is None
    assert await subject.row(other.id) is not None
    said = [log for log in caplog.records if log.name.startswith("governor")]  # not SQLAlchemy
    assert [(log.levelname, log.message) for log in said] == [
        ("INFO", "no work item created: one is active")
    ]
    assert said[0].__dict__["active"] == str(work.id)


@pytest.mark.parametrize("status", ENDS)
async def test_after_its_end_comes_the_next(
    subject: Subject, sink: Closing, status: DispatchState
) -> None:
    """Only an active work item is in the way of another."""
    finding, work, again = opening(), order(), order(created_at=T0 + timedelta(hours=4))
    await sink.record(finding, work)
    await subject.move(work.id, "dispatched", status)

    await sink.record(finding, again)

    (record,) = await sink.dispatches(finding.policy_uid)
    assert record.dispatch.id == again.id


@pytest.mark.parametrize("other", [{"check_name": "other"}, {"policy_uid": "another"}])
async def test_work_of_others_is_not_in_the_way(
    subject: Subject, sink: Closing, other: Row
) -> None:
    """Policy, check and executor tell work items apart; so do clusters."""
    first, work = opening(), order()
    await sink.record(first, work)
    theirs = replace(first, id=uuid4(), **other)
    orders = [order(), order(executor="another"), order()]

    await sink.record(theirs, orders[0])
    await sink.record(first, orders[1])
    await subject.sink_of(f"other-{uuid4()}").record(replace(first, id=uuid4()), orders[2])

    assert all([await subject.work_item(each.id) for each in orders])


async def test_rival_of_an_open_finding_brings_no_work(subject: Subject, sink: Closing) -> None:
    """Where the finding is not stored, neither is its work item."""
    first, work = opening(), order()
    await sink.record(first)

    assert await sink.record(reopened(first), work) is not None

    assert await subject.work_item(work.id) is None


@pytest.mark.parametrize("sequence", ["r o+", "r+", "o r o+"])
async def test_resolved_finding_gets_no_work(
    subject: Subject, sink: Closing, sequence: str
) -> None:
    """An opening that comes late, or an end that brings an order: nothing is left to do."""
    first, work = opening(), order()

    for step in sequence.split():
        episode = first if step[0] == "o" else ended(first)
        await sink.record(episode, work if step.endswith("+") else None)

    assert await subject.work_item(work.id) is None


async def test_resolution_cancels_what_waits(subject: Subject, sink: Closing) -> None:
    """In the same transaction, by the operator; repeating it changes nothing."""
    first, work = opening(), order()
    await sink.record(first, work)

    await sink.record(ended(first))
    cancelled = await subject.work_item(work.id)
    await sink.record(ended(first))

    assert cancelled is not None
    assert cancelled["dispatch_status"] == "cancelled"
    assert cancelled["decided_by"] == "governor"
    assert cancelled["finished_at"] is not None
    assert await subject.work_item(work.id) == cancelled


@pytest.mark.parametrize("status", [*CLAIMED, *ENDS])
async def test_resolution_leaves_what_was_claimed(
    subject: Subject, sink: Closing, status: DispatchState
) -> None:
    """An executor finishes what it has begun, and what has ended stays as it ended."""
    first, work = opening(), order()
    await sink.record(first, work)
    await subject.move(work.id, "dispatched", *([status] if status != "dispatched" else []))

    await sink.record(ended(first))

    row = await subject.work_item(work.id)
    assert row is not None
    assert row["dispatch_status"] == status


async def test_resolution_leaves_the_work_of_other_findings(
    subject: Subject, sink: Closing
) -> None:
    """Only what is for the resolved finding is cancelled."""
    first, second = opening(), opening()
    work, other = order(), order()
    await sink.record(first, work)
    await sink.record(second, other)

    await sink.record(ended(first))

    (record,) = await sink.dispatches(second.policy_uid)
    assert record.dispatch.status == "pending"


async def test_broken_order_leaves_nothing_behind(subject: Subject, sink: Closing) -> None:
    """Finding and work item are one transaction."""
    finding, work = opening(), order(max_attempts=0)

    with pytest.raises(RejectedError):
        await sink.record(finding, work)

    assert await subject.row(finding.id) is None
    assert await subject.work_item(work.id) is None


async def test_latest_of_each_check_and_executor_is_told(subject: Subject, sink: Closing) -> None:
    """The active one, even if a clock was wrong, else the youngest; of one policy."""
    finding = opening()
    early, late = order(), order(created_at=T0 + timedelta(hours=1))
    other = order(executor="another", created_at=T0 - timedelta(days=1))
    await sink.record(finding, late)
    await subject.move(late.id, "dispatched", "failed")
    await sink.record(finding, other)
    told = {r.dispatch.executor: r.dispatch for r in await sink.dispatches(finding.policy_uid)}
    assert {each.id for each in told.values()} == {late.id, other.id}
    assert told[EXECUTOR].finished_at is not None

    await sink.record(finding, early)

    records = {r.dispatch.executor: r for r in await sink.dispatches(finding.policy_uid)}
    assert records[EXECUTOR] == DispatchRecord(
        check_name="knowledge",
        dispatch=DispatchStatus(
            id=early.id,
            executor=EXECUTOR,
            status="pending",
            finding=finding.id,
            attempts=0,
            created_at=T0,
        ),
    )
    await subject.move(early.id, "dispatched", "failed")
    records = {r.dispatch.executor: r for r in await sink.dispatches(finding.policy_uid)}
    assert records[EXECUTOR].dispatch.id == late.id
    assert await sink.dispatches("unknown") == []
    assert await subject.sink_of("another").dispatches(finding.policy_uid) == []


async def test_expired_lease_returns_the_work(subject: Subject, sink: Closing) -> None:
    """It waits again, and the attempt is given back; a lease that holds is left alone."""
    finding, expired, held, theirs = opening(), order(), order(executor="another"), order()
    other = subject.sink_of(f"other-{uuid4()}")
    await sink.record(finding, expired)
    await sink.record(finding, held)
    await other.record(replace(finding, id=uuid4()), theirs)
    over = timedelta(seconds=-1)
    await subject.move(expired.id, *CLAIMED, lease=over)
    await subject.move(theirs.id, *CLAIMED, lease=over)
    await subject.move(held.id, *CLAIMED)

    assert await sink.release_expired() == 1
    assert await sink.release_expired() == 0

    told = {r.dispatch.executor: r.dispatch for r in await sink.dispatches(finding.policy_uid)}
    assert (told[EXECUTOR].status, told[EXECUTOR].attempts) == ("pending", 0)
    assert (told["another"].status, told["another"].attempts) == ("executing", 1)
    assert await other.release_expired() == 1


async def test_expired_lease_of_a_resolved_finding_is_no_work_again(
    subject: Subject, sink: Closing
) -> None:
    """Nobody needs to start anew on what has passed."""
    finding, work = opening(), order()
    await sink.record(finding, work)
    await subject.move(work.id, "dispatched", lease=timedelta(seconds=-1))
    await sink.record(ended(finding))

    assert await sink.release_expired() == 1

    (record,) = await sink.dispatches(finding.policy_uid)
    assert record.dispatch.status == "cancelled"
