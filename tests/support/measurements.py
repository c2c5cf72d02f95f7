"""Stores of measurements under test: each implementation of the port, and how to look behind it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from governor.adapters.memory.measurements import InMemoryMeasurements
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.measurements import PostgresMeasurements
from governor.adapters.sink.tables import measurements
from governor.app.ports import Measurements
from governor.domain.measurements import MeasurementRecord
from governor.values.objectives import Direction, Objective
from governor.values.reasons import Reason, Verdict

Row = dict[str, Any]
OBJECTIVE = Objective(direction=Direction.BELOW, red_line=0.5, target=0.25)
_DAYS = """
SELECT right(inhrelid::regclass::text, 8) FROM pg_inherits
WHERE inhparent = 'governance.governance_measurements'::regclass
"""


class Closing(Measurements, Protocol):
    """What a store offers beside the port."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Kept:
    """An implementation under test, and how to look behind it."""

    of: Callable[[str], Closing]
    """A store for the cluster of that name; all of them share one table."""
    rows: Callable[[str], Awaitable[list[Row]]]
    """A cluster's rows, by check and slot."""
    days: Callable[[], Awaitable[set[date]]]
    """What there is room for."""


def in_memory() -> Kept:
    shared = InMemoryMeasurements()

    async def rows(cluster: str) -> list[Row]:
        mine = [row for row in shared.rows.values() if row["cluster"] == cluster]
        return sorted(mine, key=lambda row: (row["check_name"], row["slot"]))

    async def days() -> set[date]:
        return shared.days

    return Kept(
        lambda cluster: InMemoryMeasurements(cluster, rows=shared.rows, days=shared.days),
        rows,
        days,
    )


def in_postgres(url: str) -> Kept:
    """One whose schema `governance` is migrated; the login may do everything."""
    engine = make_engine(url, tls_mode="Disable")

    async def days() -> set[date]:
        async with engine.connect() as connection:
            found = await connection.exec_driver_sql(_DAYS)
            return {datetime.strptime(day, "%Y%m%d").date() for (day,) in found}  # noqa: DTZ007

    return Kept(
        lambda cluster: PostgresMeasurements(engine, "governance", cluster),
        lambda cluster: rows_of(engine, cluster),
        days,
    )


async def rows_of(engine: AsyncEngine, cluster: str) -> list[Row]:
    """A cluster's rows, by check and slot."""
    table = measurements
    translated = engine.execution_options(schema_translate_map={None: "governance"})
    wanted = select(table).where(table.c.cluster == cluster)
    async with translated.connect() as connection:
        found = await connection.execute(wanted.order_by(table.c.check_name, table.c.slot))
        return [dict(row._mapping) for row in found]


def at(minutes: float = 0, days: float = 0) -> datetime:
    """A slot so long before now; whole seconds, so that every database has it exactly."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes, days=days)


def record(**changes: Any) -> MeasurementRecord:
    """A measured value of a policy of its own."""
    slot = changes.get("slot") or at()
    usual: Row = {
        "namespace": "aiops",
        "policy": "flywheel",
        "policy_uid": str(uuid4()),
        "generation": 3,
        "check_name": "open-review-ratio",
        "slot": slot,
        "measured_at": slot,
        "seconds": 0.25,
        "verdict": Verdict.WARNING,
        "reason": Reason.PAST_TARGET,
        "value": 0.3,
        "samples": 40,
        "objective": OBJECTIVE,
    }
    return MeasurementRecord(**{**usual, **changes})


def blind(verdict: Verdict = Verdict.ERROR, **changes: Any) -> MeasurementRecord:
    """A run that gave no number."""
    reason = Reason.TIMEOUT if verdict is Verdict.ERROR else Reason.NON_FINITE
    return record(verdict=verdict, reason=reason, value=None, samples=None, **changes)
