"""When a check should have run, and when it did."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from tests.support.recording_prometheus import Query

from governor.domain.schedules import next_slot, slot_at

HALF = 2
"""A run belongs to the slot that is nearest."""


def nearest_slot(uid: str, interval: int, at: datetime) -> datetime:
    """The slot that is nearest to a time."""
    return slot_at(uid, interval, at + timedelta(seconds=interval) / HALF)


def runs_by_slot(queries: Iterable[Query], uid: str, interval: int) -> dict[datetime, list[Query]]:
    """Queries by the slot that is nearest to the start of their run."""
    found: dict[datetime, list[Query]] = {}
    for query in queries:
        found.setdefault(nearest_slot(uid, interval, query.time), []).append(query)
    return found


def coming_slots(uid: str, interval: int, count: int) -> Sequence[datetime]:
    """The next slots from now on."""
    first = next_slot(uid, interval, datetime.now(UTC))
    return [first + number * timedelta(seconds=interval) for number in range(count)]
