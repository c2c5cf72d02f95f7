"""When a check should have run, and when it did."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from tests.support.recording_prometheus import Query

from governor.domain.schedules import TOLERANCE, next_slot, slot_at


def slot_of(uid: str, interval: int, at: datetime) -> datetime:
    """The slot that a run stands for: its start's latest, or the next if that is due already."""
    return slot_at(uid, interval, at + TOLERANCE)


def runs_by_slot(queries: Iterable[Query], uid: str, interval: int) -> dict[datetime, list[Query]]:
    """Queries by the slot that their run stands for."""
    found: dict[datetime, list[Query]] = {}
    for query in queries:
        found.setdefault(slot_of(uid, interval, query.time), []).append(query)
    return found


def coming_slots(uid: str, interval: int, count: int) -> Sequence[datetime]:
    """The next slots from now on."""
    first = next_slot(uid, interval, datetime.now(UTC))
    return [first + number * timedelta(seconds=interval) for number in range(count)]
