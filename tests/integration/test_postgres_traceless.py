"""No check leaves a trace in the next one, none can write, none outlives its deadline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from tests.support.governed import AT, Governed

from governor.adapters.postgres import PostgresInstrument
from governor.probes.sql import Sql
from governor.values.outcomes import Fault, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

PATIENCE_SECONDS = 10
SOURCE = {"sourceRef": {"name": "platform"}}

SESSIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'governor' AND state = $1
"""


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    made = Governed.create(governed_server)
    made.sql(
        "CREATE TABLE marks (mark int); GRANT ALL ON marks TO authoring;"
        " CREATE FUNCTION marking() RETURNS int LANGUAGE sql"
        " AS 'INSERT INTO marks VALUES (1) RETURNING mark';"
        " CREATE SCHEMA decoy; CREATE TABLE decoy.playbooks (n int);"
        " INSERT INTO decoy.playbooks VALUES (1), (2), (3);"
        " GRANT USAGE ON SCHEMA decoy TO authoring; GRANT SELECT ON decoy.playbooks TO authoring"
    )
    return made


@pytest.fixture(scope="module")
async def admin(governed: Governed) -> AsyncIterator[Any]:
    connection = await governed.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def one(governed: Governed) -> AsyncIterator[PostgresInstrument]:
    """An instrument of one connection: what one check leaves, the next one would meet."""
    async with governed.measuring(maxConnections=1, statementTimeout="2s") as made:
        yield made


async def ask(instrument: PostgresInstrument, query: str) -> Outcome:
    return await instrument.measure(Sql.model_validate({**SOURCE, "query": query}), AT)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits for a condition of the server's."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


def assert_fault(outcome: Outcome, reason: Reason) -> Fault:
    assert isinstance(outcome, Fault)
    assert outcome.reason is reason
    return outcome


async def test_the_same_connection_is_used_again(one: PostgresInstrument) -> None:
    """Else the tests of this file would prove nothing."""
    first = await ask(one, "SELECT pg_backend_pid()")

    assert isinstance(first, Measurement)
    assert await ask(one, "SELECT pg_backend_pid()") == first


async def test_a_search_path_does_not_reach_the_next_check(one: PostgresInstrument) -> None:
    """It would make the next check read another table of the same name."""
    trap = "SELECT length(set_config('search_path', 'decoy', false))"

    assert await ask(one, trap) == Measurement(value=5)
    assert await ask(one, "SELECT count(*) FROM playbooks") == Measurement(value=0)


@pytest.mark.parametrize("local", ["true", "false"])
async def test_no_setting_reaches_the_next_check(one: PostgresInstrument, local: str) -> None:
    """Neither the transaction's nor the session's; nor one that the author made up."""
    trap = f"SELECT length(set_config('TimeZone', 'Asia/Tokyo', {local}) || set_config('a.b', 'c', {local}))"  # noqa: E501 - one statement, the test's own

    assert await ask(one, trap) == Measurement(value=11)
    left = await ask(
        one,
        "SELECT (current_setting('TimeZone') = 'Asia/Tokyo')::int"
        " + length(coalesce(current_setting('a.b', true), ''))",
    )
    assert left == Measurement(value=0)


async def test_advisory_locks_do_not_stay(one: PostgresInstrument, admin: Any) -> None:
    """A session's lock survives its transaction, also one that failed."""
    assert isinstance(await ask(one, "SELECT length(pg_advisory_lock(42)::text)"), Measurement)
    assert_fault(
        await ask(one, "SELECT 1 / (pg_advisory_lock(43)::text = 'x')::int"), Reason.QUERY_INVALID
    )

    assert await admin.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


@pytest.mark.parametrize(
    "query",
    [
        "SELECT marking()",
        "WITH m AS (INSERT INTO marks VALUES (1) RETURNING mark) SELECT mark FROM m",
        "INSERT INTO marks VALUES (1) RETURNING mark",
        "SELECT mark FROM marks FOR UPDATE",
        "SELECT length(set_config('transaction_read_only', 'off', true)) + marking()",
        "SELECT length(set_config('transaction_read_only', 'off', false)) + marking()",
        "COMMIT; INSERT INTO marks VALUES (1)",
        "COMMIT; SELECT marking()",
        "SELECT 1; COMMIT; SELECT marking()",
        "COMMIT",
        "ROLLBACK AND CHAIN",
        "DO $$ BEGIN COMMIT; INSERT INTO marks VALUES (1); END $$",
        "SELECT 1) AS a (c0); COMMIT; SELECT (1",
        "SELECT 1) AS a (c0), (SELECT 2",
        "CALL nothing()",
        "SET statement_timeout = 0",
        "LISTEN changes",
        "COPY marks FROM PROGRAM 'id'",
        "SHOW search_path",
        "EXPLAIN SELECT 1",
        "SELECT $1::int",
        "SELECT 1 INTO TEMP kept",
        "-- nothing",
        "SELECT 1 /* left open",
        "SELECT 1\0; COMMIT",
    ],
)
async def test_nothing_but_one_select_that_only_reads_is_run(
    one: PostgresInstrument, governed: Governed, query: str
) -> None:
    """Whatever else an author writes is refused as the query's fault, and changes nothing."""
    fault = assert_fault(await ask(one, query), Reason.QUERY_INVALID)

    assert len(fault.message) <= 200
    assert governed.sql("SELECT count(*) FROM marks") == "0"
    assert await ask(one, "SELECT 1") == Measurement(value=1)


async def test_a_comment_at_the_end_is_harmless(one: PostgresInstrument) -> None:
    """It must not swallow what follows the query."""
    assert await ask(one, "SELECT 3 -- reviews") == Measurement(value=3)


async def test_a_statement_that_takes_too_long_times_out_and_is_gone(
    one: PostgresInstrument, admin: Any
) -> None:
    """Also on the server; and the connection can be used at once."""
    fault = assert_fault(await ask(one, "SELECT 1 FROM pg_sleep(60)"), Reason.TIMEOUT)

    assert "statementTimeout" in fault.message
    assert await admin.fetchval(SESSIONS, "active") == 0
    assert await ask(one, "SELECT 1") == Measurement(value=1)


async def test_a_check_that_lifts_its_own_timeout_is_cancelled_by_the_deadline(
    one: PostgresInstrument, admin: Any
) -> None:
    """A function can catch the server's cancellation by timeout once; our deadline comes after."""
    await admin.execute(
        "CREATE OR REPLACE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql AS $$"
        " BEGIN BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;"
        " PERFORM pg_sleep(60); RETURN 1; END $$"
    )

    fault = assert_fault(await ask(one, "SELECT stubborn()"), Reason.TIMEOUT)

    assert "within 4s" in fault.message
    assert await admin.fetchval(SESSIONS, "active") == 0
    assert await ask(one, "SELECT 1") == Measurement(value=1)


async def test_a_cancelled_measurement_is_cancelled_on_the_server(
    one: PostgresInstrument, admin: Any
) -> None:
    """As when the operator stops, or drops a run."""
    task = asyncio.create_task(ask(one, "SELECT 1 FROM pg_sleep(1.9)"))
    await until(lambda: _is(admin, "active", 1))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await until(lambda: _is(admin, "active", 0))
    assert await ask(one, "SELECT 1") == Measurement(value=1)


async def _is(admin: "asyncpg.Connection[asyncpg.Record]", state: str, count: int) -> bool:
    return bool(await admin.fetchval(SESSIONS, state) == count)
