"""Measurements in PostgreSQL, for one cluster.

Rows are copied to an unlogged table, from which a function of the schema takes them on in
the same transaction: COPY alone can't leave out what is there already. So it works behind
PgBouncer in transaction mode, and the login may insert nowhere else.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from governor.adapters.sink.cleaning import clean_text
from governor.adapters.sink.faults import delivering
from governor.adapters.sink.tables import INCOMING, incoming
from governor.app.ports import Added
from governor.domain.measurements import MeasurementRecord, one_a_slot

COLUMNS = tuple(incoming.columns.keys())

_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)
# A server that crashes may lose the last second of values; a commit costs no wait for a disk.
_LAZY = text("SET LOCAL synchronous_commit = off")


class PostgresMeasurements:
    """Implements `app.ports.Measurements`."""

    def __init__(
        self, engine: AsyncEngine, schema: str, cluster: str, *, deadline: float = 10.0
    ) -> None:
        """Connects when it is first used.

        Args:
            engine: as `make_engine` builds it, for nothing else, so that nothing waits for it.
            schema: where `governor migrate` made the tables.
            cluster: the uid that tells this cluster's rows apart.
            deadline: seconds for one call, waiting for a connection included.
        """
        self._engine = engine
        self._schema = schema
        self._cluster = clean_text(cluster)
        self._deadline = deadline
        place = engine.dialect.identifier_preparer.quote(schema)
        self._store = text(f"SELECT * FROM {place}.store_measurements()")  # noqa: S608 - quoted
        self._make = text(f"SELECT {place}.make_measurement_partitions(:days)")
        self._drop = text(f"SELECT {place}.drop_measurement_partitions(:days)")

    async def add(self, records: Sequence[MeasurementRecord]) -> Added:
        """As the port says.

        Raises:
            DeliveryError: not now.
            RejectedError: never.
        """
        rows = [row(record, self._cluster) for record in one_a_slot(records)]
        async with delivering(self._deadline), self._engine.begin() as connection:
            await connection.execute(_LAZY)  # and begins the transaction
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
            await driver.copy_records_to_table(
                INCOMING, schema_name=self._schema, columns=COLUMNS, records=rows
            )
            stored = (await connection.execute(self._store)).one()
        return Added(
            stored=stored.stored, homeless=stored.homeless, homeless_day=stored.homeless_day
        )

    async def make_room(self, days: int) -> int:
        """Makes the partitions of so many days back, and of the next two; how many.

        Raises:
            DeliveryError: not now.
        """
        return await self._call(self._make, days)

    async def drop_old(self, days: int) -> int:
        """Drops the partitions of days longer ago than that; how many.

        Raises:
            DeliveryError: not now.
        """
        return await self._call(self._drop, days)

    async def close(self) -> None:
        """Lets go of the connection."""
        await self._engine.dispose()

    async def _call(self, function: Any, days: int) -> int:
        async with delivering(self._deadline), self._engine.begin() as connection:
            return int(await connection.scalar(function, {"days": days}))


def row(record: MeasurementRecord, cluster: str) -> tuple[Any, ...]:
    """The record as a row, in the order of `COLUMNS`."""
    samples, objective = record.samples, record.objective
    return (
        cluster,
        clean_text(record.namespace),
        clean_text(record.policy),
        clean_text(record.policy_uid),
        record.generation,
        clean_text(record.check_name),
        record.slot,
        record.measured_at,
        record.seconds,
        record.verdict,
        record.reason,
        record.value,
        # A query may say that it has more samples than a bigint has room for.
        None if samples is None else min(max(samples, _SMALLEST), _LARGEST),
        objective.direction,
        objective.red_line,
        objective.target,
    )
