"""The grid of slots, and what is due when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, UID, History, policy, slo, spec

from governor.domain.schedules import (
    TOLERANCE,
    due,
    next_slot,
    retry_delay,
    slot_at,
    stamp,
    tick_length,
    upcoming,
)
from governor.values.reasons import Reason

intervals = st.integers(1, 120_000).map(lambda n: 5 * n)
times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds


@given(st.uuids().map(str), intervals, times)
def test_slots_form_a_grid(uid: str, interval: int, at: datetime) -> None:
    """The latest slot is at most one interval ago, and the next one is one interval on."""
    slot = slot_at(uid, interval, at)

    assert timedelta(0) <= at - slot < timedelta(seconds=interval)
    assert next_slot(uid, interval, at) == slot + timedelta(seconds=interval)
    assert slot_at(uid, interval, slot) == slot
    assert slot_at(uid, interval, slot - timedelta(milliseconds=1)) < slot


def test_the_grid_is_the_same_in_every_process() -> None:
    """The phase is a digest, not Python's salted hash: this very slot, always."""
    assert slot_at(UID, 60, NOON) == datetime(2026, 11, 22, 11, 59, 25, 987000, tzinfo=UTC)
    assert slot_at("another", 60, NOON) == datetime(2026, 11, 22, 11, 59, 45, 325000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "length"),
    [
        (spec(slo(interval="1h")), 60),
        (spec(slo(interval="90s")), 30),
        (spec(slo(interval="45s")), 15),
        (spec(slo(interval="70s")), 10),
        (spec(slo(interval="25s")), 5),
        (spec(slo(interval="7s")), 5),
        (spec(slo("a", interval="1h"), slo("b", interval="15s")), 15),
        (spec(slo("a", interval=None), slo("b", interval=None), interval="30s"), 30),
        (spec(slo(interval=None)), 60),
        (spec(slo(interval="5s"), suspend=True), 60),
        ({}, 60),
        ({"checks": None}, 60),
        ({"checks": [{"interval": "soon"}]}, 60),
        ({"checks": ["x"]}, 60),
    ],
)
def test_the_longest_timer_that_divides_all_intervals(raw: dict[str, object], length: int) -> None:
    """Ticks hit every slot; what can't be understood or is suspended ticks slowly."""
    assert tick_length(raw) == length


def test_a_new_policy_is_due_at_once() -> None:
    """It stands for the latest slot, and is no scheduled run."""
    life = History()

    (each,) = due(UID, life.policy, life.status, NOON)

    assert each.slot == slot_at(UID, 60, NOON + TOLERANCE)
    assert not each.scheduled


def test_a_check_is_due_once_a_slot() -> None:
    """After a run nothing is due until the next slot, and then exactly once."""
    life = History()
    life.decide(autonomy_rate="ok")
    slot = next_slot(UID, 60, life.now)

    assert due(UID, life.policy, life.status, slot - TOLERANCE - timedelta(milliseconds=1)) == ()
    (early,) = due(UID, life.policy, life.status, slot - TOLERANCE)
    assert early.slot == slot
    assert early.scheduled

    life.now = slot - TOLERANCE
    life.status = life.status.model_copy(
        update={
            "checks": (
                life.check().model_copy(update={"last_evaluated": stamp(life.now, early.slot)}),
            )
        }
    )
    assert due(UID, life.policy, life.status, slot) == ()


def test_missed_slots_coalesce_into_the_latest() -> None:
    """An hour of outage is made up by one run."""
    life = History()
    life.decide(autonomy_rate="ok")

    (each,) = due(UID, life.policy, life.status, life.now + timedelta(hours=1))

    assert each.slot == slot_at(UID, 60, life.now + timedelta(hours=1) + TOLERANCE)


def test_an_extra_run_stands_for_the_latest_slot() -> None:
    """Only the named check, and not as a scheduled run."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a="ok", b="ok")

    (each,) = due(UID, life.policy, life.status, life.now, extra=frozenset({"b", "absent"}))

    assert each.check.name == "b"
    assert not each.scheduled


def test_a_check_of_another_spec_is_due_at_once() -> None:
    """What was evaluated under the old spec does not count."""
    life = History()
    life.decide(autonomy_rate="ok")
    life.turn(policy(slo(objective={"direction": "Above", "redLine": 0.6})))

    assert len(due(UID, life.policy, life.status, life.now)) == 1


def test_nothing_is_due_of_a_suspended_policy() -> None:
    """Neither slots nor extra runs, and nothing is armed."""
    sleeping = policy(suspend=True)
    extra = frozenset({"autonomy-rate"})

    assert due(UID, sleeping, History().status, NOON, extra=extra) == ()
    assert upcoming(UID, sleeping, NOON, timedelta(hours=1)) == ()


def test_upcoming_slots_are_armed_once_and_in_order() -> None:
    """Checks that share an interval share their slots; the end of the window belongs to it."""
    mixed = policy(slo("a", interval="5s"), slo("b", interval="5s"), slo("c", interval="15s"))
    start = slot_at(UID, 5, NOON)

    slots = upcoming(UID, mixed, start, timedelta(seconds=15))

    assert slots == tuple(sorted(set(slots)))
    assert len([s for s in slots if slot_at(UID, 5, s) == s]) == 3
    assert start not in slots
    assert start + timedelta(seconds=15) in slots


@pytest.mark.parametrize(
    ("reason", "attempt", "interval", "wait"),
    [
        (Reason.UNREACHABLE, 0, 3600, 30),
        (Reason.UNREACHABLE, 1, 3600, 60),
        (Reason.UNREACHABLE, 6, 3600, 1920),
        (Reason.UNREACHABLE, 7, 3600, 3600),
        (Reason.UNREACHABLE, 10_000, 3600, 3600),
        (Reason.TIMEOUT, 0, 5, 5),
        (Reason.QUERY_INVALID, 0, 3600, 3600),
    ],
)
def test_retries_double_up_to_the_interval(
    reason: Reason, attempt: int, interval: int, wait: int
) -> None:
    """30 s at first; a query that is wrong waits for its turn."""
    assert retry_delay(reason, attempt, interval) == timedelta(seconds=wait)
