"""Checks run on their grid, whatever else hangs, and on the same one after a restart.

The five minutes go by before the first of these tests.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from tests.support.cluster import eventually
from tests.support.five_minutes import HUNG, INTERVAL, NAMESPACE, PATIENCE, FiveMinutes
from tests.support.grid import coming_slots, runs_by_slot, slot_of
from tests.support.recording_prometheus import Query

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

RUNS = 60
BOUND = timedelta(seconds=1)
"""How late a run may be."""


def within(queries: Iterable[Query], five_minutes: FiveMinutes) -> list[Query]:
    """The queries of runs that belong to a slot of the five minutes."""
    start, end = five_minutes.start, five_minutes.end
    slots = ((query, slot_of(five_minutes.uid, INTERVAL, query.time)) for query in queries)
    return [query for query, slot in slots if start <= slot < end]


def lateness(moments: Iterable[datetime], uid: str) -> list[timedelta]:
    """How long after its slot each moment came."""
    return [moment - slot_of(uid, INTERVAL, moment) for moment in moments]


def test_a_check_of_5_seconds_runs_60_times_in_5_minutes(five_minutes: FiveMinutes) -> None:
    """Give or take one; once a slot, and on the slot."""
    queries = within(five_minutes.steady(), five_minutes)

    assert abs(len(queries) - RUNS) <= 1
    runs = runs_by_slot(queries, five_minutes.uid, INTERVAL)
    assert [slot for slot, found in runs.items() if len(found) > 1] == []
    late = lateness([query.time for query in queries], five_minutes.uid)
    assert max(late) <= BOUND


def test_a_hanging_prometheus_delays_no_other_policy(five_minutes: FiveMinutes) -> None:
    """All checks of one policy hang for all of the time; the other's are not even late."""
    hung = within(five_minutes.hung(), five_minutes)
    steady = within(five_minutes.steady(), five_minutes)

    assert len(hung) > RUNS
    checks = five_minutes.cluster.status(HUNG, NAMESPACE)["checks"]
    assert {check["reason"] for check in checks} == {"Timeout"}
    assert max(lateness([query.arrived for query in steady], five_minutes.uid)) <= BOUND


def test_a_restart_keeps_the_grid(five_minutes: FiveMinutes) -> None:
    """The slots of a policy follow from its uid alone."""
    five_minutes.operator.stop()
    five_minutes.operator.start()
    slots = coming_slots(five_minutes.uid, INTERVAL, 3)
    eventually(lambda: five_minutes.steady()[-1].time > slots[-1], PATIENCE)

    runs = runs_by_slot(five_minutes.steady(), five_minutes.uid, INTERVAL)
    late = [
        lateness([query.time for query in runs.get(slot, [])], five_minutes.uid) for slot in slots
    ]
    assert all(len(found) == 1 for found in late), late
    assert max(late) <= [BOUND]
