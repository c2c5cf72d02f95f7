"""Measurements without a database, for tests: days and slots as the real one keeps them."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from governor.adapters.sink.measurements import COLUMNS, row
from governor.app.ports import Added
from governor.domain.measurements import MeasurementRecord, one_a_slot
from governor.errors import DeliveryError, RejectedError

Key = tuple[str, str, str, datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class InMemoryMeasurements:
    """Implements `app.ports.Measurements`. Several may share `rows` and `days`, as clusters do."""

    def __init__(
        self,
        cluster: str = "test",
        *,
        rows: dict[Key, dict[str, Any]] | None = None,
        days: set[date] | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Nothing is there, and room for nothing; or what another has."""
        self.rows = {} if rows is None else rows
        self.days = set() if days is None else days
        """What there is room for."""
        self.down: str | None = None
        """Why the database can't be reached; None while it can."""
        self.refuses: str | None = None
        """Why it will never take a row; None while it takes them."""
        self.calls = 0
        """How often something was added, or tried to be."""
        self._cluster = cluster
        self._now = now

    async def add(self, records: Sequence[MeasurementRecord]) -> Added:
        """As the port says."""
        self.calls += 1
        self._reach()
        if self.refuses is not None:
            raise RejectedError(self.refuses)
        stored, homeless = 0, []
        for record in one_a_slot(records):
            day = record.slot.astimezone(UTC).date()
            if day not in self.days:
                homeless.append(day)
                continue
            stored += self._store(dict(zip(COLUMNS, row(record, self._cluster), strict=True)))
        return Added(
            stored=stored, homeless=len(homeless), homeless_day=min(homeless, default=None)
        )

    async def make_room(self, days: int) -> int:
        """As the port says."""
        self._reach()
        today = self._now().astimezone(UTC).date()
        wanted = {today + timedelta(days=offset) for offset in range(-days, 3)}
        made = len(wanted - self.days)
        self.days |= wanted
        return made

    async def drop_old(self, days: int) -> int:
        """As the port says."""
        self._reach()
        oldest = self._now().astimezone(UTC).date() - timedelta(days=days)
        old = {day for day in self.days if day < oldest}
        self.days -= old
        for key in [key for key in self.rows if key[3].astimezone(UTC).date() in old]:
            del self.rows[key]
        return len(old)

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _reach(self) -> None:
        if self.down is not None:
            raise DeliveryError(self.down)

    def _store(self, fields: dict[str, Any]) -> bool:
        """Whether anything of the table changed."""
        key = (fields["cluster"], fields["policy_uid"], fields["check_name"], fields["slot"])
        before = self.rows.get(key)
        if before is not None and not (before["value"] is None and fields["value"] is not None):
            return False
        self.rows[key] = fields
        return True
