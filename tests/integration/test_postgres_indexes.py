"""deploy/database/platform-indexes.sql: with it, no built-in check reads a whole table."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.big_tables import PROBES, fill, index
from tests.support.governed import AT, Governed

from governor.adapters.postgres.relations import relations
from governor.values.outcomes import Measurement
from governor_local.postgresql import PostgresServer

ROWS = 100_000
"""Enough for the planner to prefer an index wherever there is a use for one."""

LATEST = ("incident_evidence", "auto_repair_executions")
"""Of these, a check looks at the latest 100 rows."""


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    made = Governed.create(governed_server)
    for table in PROBES:
        fill(made, table, ROWS)
    return made


async def plan(governed: Governed, table: str) -> list[dict[str, Any]]:
    """Every node of the plan of a table's check, with what it really read."""
    query = PROBES[table].query(relations(None), AT)
    connection = await governed.connect()
    try:
        said = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {query.text}", *query.parameters
        )
    finally:
        await connection.close()
    return list(_nodes(json.loads(said)[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


async def test_the_indexes_are_what_the_checks_need(governed: Governed) -> None:
    """Without them whole tables are read, with them none is; and the values are the same."""
    async with governed.measuring() as instrument:
        before = {table: await instrument.measure(probe, AT) for table, probe in PROBES.items()}
        for table in PROBES:
            kinds = {node["Node Type"] for node in await plan(governed, table)}
            assert "Seq Scan" in kinds or "Parallel Seq Scan" in kinds, table

        for _ in range(2):  # as often as you like
            index(governed)

        for table in PROBES:
            nodes = await plan(governed, table)
            assert not [node for node in nodes if "Seq Scan" in node["Node Type"]], table
            assert [node for node in nodes if node["Node Type"] == "Index Only Scan"], table
        for table in LATEST:
            read = max(node["Actual Rows"] for node in await plan(governed, table))
            assert read <= 110, table  # the window, and those that share its last moment
        after = {table: await instrument.measure(probe, AT) for table, probe in PROBES.items()}
    assert after == before
    assert all(isinstance(outcome, Measurement) for outcome in after.values())
