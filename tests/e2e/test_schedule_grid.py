"""Checks run on their grid, whatever else hangs, and on the same one after a restart.

The five minutes go by before the first of these tests.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median

import pytest
from tests.support.cluster import eventually
from tests.support.five_minutes import HUNG, INTERVAL, NAMESPACE, PATIENCE, FiveMinutes
from tests.support.grid import coming_slots, runs_by_slot, slot_of
from tests.support.recording_prometheus import Query

from governor.adapters.moments import TENTH

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

RUNS = 60
BOUND = timedelta(seconds=1)
"""How late a run may be, unless the machine stood still."""
ALMOST_ALL = 0.95
"""Of the runs that must be in time: a busy machine stands still now and then."""
AFTERWARDS = 5
"""So many slots after the restart are looked at."""


def within(queries: Iterable[Query], five_minutes: FiveMinutes) -> list[Query]:
    """The queries of runs that belong to a slot of the five minutes."""
    start, end = five_minutes.start, five_minutes.end
    slots = ((query, slot_of(five_minutes.uid, INTERVAL, query.time)) for query in queries)
    return [query for query, slot in slots if start <= slot < end]


def lateness(queries: Iterable[Query], uid: str) -> list[timedelta]:
    """How long after its slot each run began, or the tenth of a second in which it began ended."""
    return [query.time - slot_of(uid, INTERVAL, query.time) for query in queries]


def delays(queries: Iterable[Query], uid: str) -> list[timedelta]:
    """How long after its run's slot each query came in."""
    return [query.arrived - slot_of(uid, INTERVAL, query.time) for query in queries]


def punctual(late: Collection[timedelta]) -> float:
    """The share of these that are within the bound."""
    return sum(each <= BOUND for each in late) / len(late)


def test_a_check_of_5_seconds_runs_60_times_in_5_minutes(five_minutes: FiveMinutes) -> None:
    """Give or take one; once a slot, and on the slot."""
    queries = within(five_minutes.steady(), five_minutes)

    assert abs(len(queries) - RUNS) <= 1
    runs = runs_by_slot(queries, five_minutes.uid, INTERVAL)
    assert [slot for slot, found in runs.items() if len(found) > 1] == []
    late = lateness(queries, five_minutes.uid)
    assert punctual(late) >= ALMOST_ALL, sorted(late)


def test_a_hanging_prometheus_delays_no_other_policy(five_minutes: FiveMinutes) -> None:
    """All checks of one policy hang for all of the time; the other's are not even late."""
    hung = within(five_minutes.hung(), five_minutes)
    steady = within(five_minutes.steady(), five_minutes)

    assert len(hung) > RUNS
    checks = five_minutes.cluster.status(HUNG, NAMESPACE)["checks"]
    assert {check["reason"] for check in checks} == {"Timeout"}
    late = delays(steady, five_minutes.uid)
    assert punctual(late) >= ALMOST_ALL, sorted(late)


def test_a_restart_keeps_the_grid(five_minutes: FiveMinutes) -> None:
    """The slots of a policy follow from its uid alone."""
    five_minutes.operator.stop()
    five_minutes.operator.start()
    slots = coming_slots(five_minutes.uid, INTERVAL, AFTERWARDS)
    eventually(lambda: five_minutes.steady()[-1].time > slots[-1], PATIENCE)

    runs = runs_by_slot(five_minutes.steady(), five_minutes.uid, INTERVAL)
    found = {slot: runs.get(slot, []) for slot in slots}
    assert all(one_run(queries, slot, five_minutes.uid) for slot, queries in found.items()), found
    late = [late for queries in found.values() for late in lateness(queries, five_minutes.uid)]
    assert median(late) <= BOUND, late


def one_run(queries: Sequence[Query], slot: datetime, uid: str) -> bool:
    """Whether one run stands for a slot, as far as the queries can tell.

    A query's time is up to 0.1 s after its run began. So the run of the start, which is on no
    grid, may tell the slot after its own.
    """
    sure = [query for query in queries if slot_of(uid, INTERVAL, query.time - TENTH) == slot]
    return len(sure) <= 1 <= len(queries)
