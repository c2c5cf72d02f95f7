"""When a finding becomes a work item."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, knowledge, policy, slo
from tests.support.deciding import CHAT, WELL, Told, found, mute, notify, work

from governor.api.log import Entry, Target, Transition
from governor.api.status import DispatchStatus
from governor.domain.dispatching import SUCCEEDED_RESTS, LookUp
from governor.domain.plans import NOTHING_LEARNED, Feedback
from governor.values.outcomes import Measurement

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
WEEK = SUCCEEDED_RESTS


def life(*, reminders: str | None = None, **check: Any) -> Told:
    """A knowledge check whose findings become work, violated at noon, with its work item made."""
    told = Told(policy(knowledge(**check), notify=notify(reminderInterval=reminders)), chat=CHAT)
    told.decide(knowledge="violated")
    return told


def orders(told: Told) -> list[Entry]:
    """Which entries asked for a work item."""
    return told.to(Target.DISPATCH)


def of_now(told: Told) -> Any:
    """The open finding."""
    return told.check("knowledge").finding


def test_a_finding_that_opens_becomes_work_without_a_look_up() -> None:
    """With its row, in one entry: so in one transaction."""
    told = life()

    (entry,) = orders(told)
    assert entry.transition is Transition.OPEN
    assert entry.targets == ("sink", "event", "dispatch", "channel/chat") or set(entry.targets) == {
        "sink",
        "event",
        "dispatch",
        "channel/chat",
    }
    told.slots("violated", check="knowledge")
    assert len(orders(told)) == 1


def test_without_dispatch_there_is_no_work() -> None:
    """Whatever the sink tells, and however long it lasts."""
    told = Told(policy(slo(), notify=notify()), chat=CHAT)
    for _ in range(3):
        told.tick()
        told.decide(found(check="autonomy-rate"), autonomy_rate="violated")

    assert orders(told) == []


@pytest.mark.parametrize(
    ("status", "age", "fields", "new"),
    [
        (None, HOUR, {}, True),
        ("pending", 99 * WEEK, {}, False),
        ("dispatched", 99 * WEEK, {}, False),
        ("executing", 99 * WEEK, {}, False),
        ("failed", 4 * HOUR - MINUTE, {}, False),
        ("failed", 4 * HOUR, {}, True),
        ("failed", 4 * HOUR, {"finished_at": NOON + 4 * HOUR}, True),
        ("succeeded", WEEK - MINUTE, {}, False),
        ("succeeded", WEEK, {}, True),
        ("succeeded", WEEK + HOUR, {"finished_at": NOON + 2 * HOUR}, False),
        ("succeeded", WEEK + HOUR, {"finished_at": NOON + HOUR}, True),
        ("skipped", 99 * WEEK, {}, False),
        ("cancelled", 99 * WEEK, {}, False),
    ],
    ids=str,
)
def test_a_new_work_item_for_the_same_finding(
    status: str | None, age: timedelta, fields: dict[str, Any], new: bool
) -> None:
    """As checks.md says, state by state."""
    told = life()
    latest = None if status is None else work(of_now(told), status, **fields)
    told.tick(age.total_seconds())
    told.decide(found(latest), knowledge="violated")

    assert [entry.transition for entry in orders(told)[1:]] == (["dispatch"] if new else [])


@pytest.mark.parametrize(
    ("status", "new"),
    [
        ("pending", False),
        ("dispatched", False),
        ("executing", False),
        ("succeeded", True),
        ("failed", True),
        ("skipped", True),
        ("cancelled", True),
    ],
)
def test_the_work_item_of_an_earlier_finding(status: str, new: bool) -> None:
    """While an executor is at it there is no second; then this finding gets its own."""
    told = life()
    told.tick()
    told.decide(found(work(uuid4(), status)), knowledge="violated")

    assert len(orders(told)[1:]) == int(new)


def test_a_failed_one_is_followed_once_a_reminder_interval() -> None:
    """The policy's own, counted from when it was created."""
    told = life(reminders="10m")
    latest = work(of_now(told), "failed")
    for minute in range(1, 31):
        told.tick()
        told.decide(found(latest), knowledge="violated")
        if told.to(Target.DISPATCH)[-1].decided_at == told.now:
            latest = work(of_now(told), "failed", created_at=told.now)
        assert len(orders(told)) == 1 + minute // 10


def test_without_notify_the_default_reminder_interval_counts() -> None:
    """Four hours."""
    told = Told(policy(knowledge()))
    told.decide(knowledge="violated")
    latest = work(of_now(told), "failed")
    for hours, orders_so_far in ((3, 1), (1, 2)):
        told.tick(hours * 3600)
        told.decide(found(latest), knowledge="violated")
        assert len(orders(told)) == orders_so_far


@pytest.mark.parametrize("outcome", [WELL, "nodata", "error", None], ids=str)
def test_only_a_violated_run_asks_again(outcome: str | Measurement | None) -> None:
    """Not a decision without a run, nor one without a verdict that counts."""
    told = life(successThreshold=3)
    told.tick()
    told.decide(found(), **({} if outcome is None else {"knowledge": outcome}))

    assert len(orders(told)) == 1


def test_a_look_up_that_failed_asks_for_nothing() -> None:
    """And what was last known stays."""
    told = life()
    told.tick()
    told.decide(found(work(of_now(told), "executing")), knowledge="violated")
    told.tick(30 * 86400)
    told.decide(NOTHING_LEARNED, knowledge="violated")

    assert len(orders(told)) == 1
    assert told.check("knowledge").dispatch.status == "executing"
    assert told.check("knowledge").suppressed == "OpenReview"


def test_what_is_asked_for_is_asked_for_once() -> None:
    """The sink is down: the log holds one order, however many runs there are."""
    told = life()
    told.down |= {Target.DISPATCH}
    for _ in range(3):
        told.tick()
        told.decide(found(), knowledge="violated")

    assert [e.transition for e in told.status.pending if "dispatch" in e.targets] == ["dispatch"]


def test_each_opening_asks_for_work_while_the_sink_is_down() -> None:
    """In order: the first is cancelled with its finding, and the second has its own."""
    told = Told(policy(knowledge()))
    told.down |= {Target.DISPATCH, Target.SINK}
    told.slots("violated", WELL, "violated", check="knowledge")

    assert [e.transition for e in told.status.pending if "dispatch" in e.targets] == [
        "open",
        "open",
    ]


def test_a_muted_finding_becomes_work_after_the_mute() -> None:
    """On the next violated run, after a look-up."""
    told = Told(policy(knowledge()))
    told.surround(mutes=(mute(ends=MINUTE),))
    told.decide(knowledge="violated")
    told.tick(59)
    told.decide(found(), knowledge="violated")
    assert orders(told) == []
    told.tick(1)
    told.decide(NOTHING_LEARNED, knowledge="violated")
    assert orders(told) == []
    told.decide(found(), knowledge="violated")

    assert [entry.transition for entry in orders(told)] == ["dispatch"]


def test_the_state_of_the_work_item_is_shown() -> None:
    """As last told; none where there is none, or the executor is another now."""
    told = life()
    item = work(of_now(told), "executing", attempts=2)
    told.decide(found(item))
    assert told.check("knowledge").dispatch == item
    told.decide()
    assert told.check("knowledge").dispatch == item
    told.decide(found())
    assert told.check("knowledge").dispatch is None

    told.decide(found(item))
    told.turn(policy(knowledge(dispatch={"executor": "another"})))
    told.decide()
    assert told.check("knowledge").dispatch is None
    told.turn(policy(knowledge(dispatch=None)))
    told.decide(found(item))
    assert told.check("knowledge").dispatch is None


STATES = st.sampled_from(
    ["pending", "dispatched", "executing", "succeeded", "failed", "skipped", "cancelled"]
)


@given(st.lists(st.tuples(st.sampled_from(["violated", WELL, "error"]), STATES), max_size=8))
def test_there_is_never_an_order_while_one_is_under_way(
    story: list[tuple[str | Measurement, str]],
) -> None:
    """Except with an opening, where the database keeps it at one."""
    told = Told(policy(knowledge()))
    latest: DispatchStatus | None = None
    for outcome, state in story:
        told.tick(3600)
        before = len(orders(told))
        told.decide(
            Feedback(found=LookUp(dispatches={"knowledge": latest} if latest else {})),
            knowledge=outcome,
        )
        for entry in orders(told)[before:]:
            active = latest and latest.status in {"pending", "dispatched", "executing"}
            assert entry.transition is Transition.OPEN or not active
            latest = work(entry.finding, "pending", created_at=told.now)  # type: ignore[arg-type]
        if latest:
            latest = latest.model_copy(update={"status": state})
