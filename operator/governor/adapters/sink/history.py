"""Reads what was measured, for people: the last values of a policy's checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from governor.adapters.sink.cleaning import clean_text
from governor.adapters.sink.faults import delivering
from governor.adapters.sink.tables import MEASUREMENTS, measurements, revisions
from governor.values.objectives import Direction, Objective
from governor.values.reasons import Verdict

_ROLE = "governor_reader"
_PARTITIONED = text(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits "
    "WHERE inhparent = pg_catalog.to_regclass(:table))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One slot of a check."""

    slot: datetime
    measured_at: datetime
    seconds: float
    verdict: Verdict
    reason: str
    value: float | None
    samples: int | None
    objective: Objective
    """What it was judged by; the fewest samples are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The last values of a check, oldest first."""

    check: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the database has of a policy."""

    series: tuple[Series, ...]
    """By check."""
    clusters: tuple[str, ...]
    """Whose values these are: of one cluster, unless several have such a policy."""
    known: bool
    """Whether a policy of the name was ever seen."""
    keeps: bool
    """Whether there is room for any value at all."""


class PostgresHistory:
    """Reads the table of measurements."""

    def __init__(self, engine: AsyncEngine, schema: str, *, deadline: float = 10.0) -> None:
        """Connects when it is first used.

        Args:
            engine: as `make_engine` builds it.
            schema: where `governor migrate` made the tables.
            deadline: seconds for one call.
        """
        self._engine = engine.execution_options(schema_translate_map={None: schema})
        self._deadline = deadline
        self._table = f"{engine.dialect.identifier_preparer.quote(schema)}.{MEASUREMENTS}"

    async def read(
        self,
        namespace: str,
        policy: str,
        *,
        last: int,
        check: str | None = None,
        since: datetime | None = None,
        cluster: str | None = None,
    ) -> Found:
        """The last values of each check of a policy, or of one of them.

        Args:
            namespace: the policy's.
            policy: its name.
            last: so many at most of each check.
            check: a check's name; None: each that has values.
            since: none of an earlier slot.
            cluster: the uid of a cluster; None: of any.

        Raises:
            DeliveryError: the database can't be reached or refuses.
        """
        conditions = [
            measurements.c.namespace == clean_text(namespace),
            measurements.c.policy == clean_text(policy),
        ]
        if since is not None:
            conditions.append(measurements.c.slot >= since)
        if cluster is not None:
            conditions.append(measurements.c.cluster == clean_text(cluster))
        series: list[Series] = []
        clusters: set[str] = set()
        async with delivering(self._deadline, role=_ROLE), self._engine.connect() as connection:
            names = await _names(connection, conditions) if check is None else [clean_text(check)]
            for name in names:
                rows = await _rows(
                    connection, [*conditions, measurements.c.check_name == name], last
                )
                clusters.update(row.cluster for row in rows)
                if rows:
                    series.append(Series(check=name, values=tuple(map(_value, rows))))
            known = select(revisions.c.generation).where(
                revisions.c.namespace == clean_text(namespace),
                revisions.c.policy == clean_text(policy),
            )
            return Found(
                series=tuple(series),
                clusters=tuple(sorted(clusters)),
                known=await connection.scalar(known.limit(1)) is not None,
                keeps=bool(await connection.scalar(_PARTITIONED, {"table": self._table})),
            )

    async def close(self) -> None:
        """Lets go of the connection."""
        await self._engine.dispose()


async def _names(
    connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]]
) -> list[str]:
    """The checks that have values, each by a jump in the index: there may be millions of rows."""
    column = measurements.c.check_name
    names: list[str] = []
    while True:
        further = [column > names[-1]] if names else []
        first = select(column).where(*conditions, *further).order_by(column).limit(1)
        found = await connection.scalar(first)
        if found is None:
            return names
        names.append(found)


async def _rows(
    connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]], last: int
) -> Sequence[Any]:
    """The last rows, oldest first."""
    wanted = select(measurements).where(*conditions)
    found = await connection.execute(wanted.order_by(measurements.c.slot.desc()).limit(last))
    return found.all()[::-1]


def _value(row: Any) -> Value:
    return Value(
        slot=row.slot,
        measured_at=row.measured_at,
        seconds=row.duration_seconds,
        verdict=Verdict(row.verdict),
        reason=row.reason,
        value=row.value,
        samples=row.samples,
        objective=Objective(
            direction=Direction(row.direction), red_line=row.red_line, target=row.target
        ),
    )
