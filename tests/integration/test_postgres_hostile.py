"""A policy author as an attacker: no sql check writes, sees more than granted, or stays behind.

What survives a check on its connection, and what is no SELECT: test_postgres_traceless.py.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.governed import AT, AUTHOR, Governed

from governor.adapters.postgres import PostgresInstrument
from governor.probes.sql import Sql
from governor.values.outcomes import Fault, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

SOURCE = {"sourceRef": {"name": "platform"}}
HEALTHY = Measurement(value=1)

TARGETS = """
CREATE TABLE written (n int); GRANT ALL ON written TO PUBLIC;
CREATE SEQUENCE numbers; GRANT ALL ON numbers TO PUBLIC;
CREATE FUNCTION definer() RETURNS int LANGUAGE sql SECURITY DEFINER
  AS 'INSERT INTO public.written VALUES (1) RETURNING n';
CREATE FUNCTION committer() RETURNS int LANGUAGE plpgsql
  AS 'BEGIN COMMIT; INSERT INTO public.written VALUES (1); RETURN 1; END';
CREATE FUNCTION writable() RETURNS int LANGUAGE plpgsql SECURITY DEFINER
  AS 'BEGIN SET TRANSACTION READ WRITE; INSERT INTO public.written VALUES (1); RETURN 1; END';
CREATE TABLE payroll (salary int); INSERT INTO payroll VALUES (1);
CREATE SCHEMA closed; CREATE TABLE closed.plans (n int); INSERT INTO closed.plans VALUES (1);
GRANT SELECT ON closed.plans TO PUBLIC;
CREATE TABLE people (id int, salary int); INSERT INTO people VALUES (1, 1);
GRANT SELECT (id) ON people TO authoring;
CREATE TABLE tenants (owner text); ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
INSERT INTO tenants VALUES ('authoring'), ('another'); GRANT SELECT ON tenants TO authoring;
CREATE POLICY own ON tenants USING (owner = current_user)
"""
"""Whatever could be written, writable for everybody; whatever must not be seen."""


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    made = Governed.create(governed_server)
    made.sql(TARGETS)
    return made


@pytest.fixture
async def one(governed: Governed) -> AsyncIterator[PostgresInstrument]:
    """An instrument of one connection."""
    async with governed.measuring(maxConnections=1, statementTimeout="1s") as made:
        yield made


@pytest.fixture
async def admin(governed: Governed) -> AsyncIterator[Any]:
    connection = await governed.connect()
    yield connection
    await connection.close()


async def ask(instrument: PostgresInstrument, query: str) -> Outcome:
    return await instrument.measure(Sql.model_validate({**SOURCE, "query": query}), AT)


def xml(statement: str) -> str:
    """A SELECT that has a function run another statement."""
    return f"SELECT length(query_to_xml($${statement}$$, true, false, '')::text)"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT definer()",
        "SELECT committer()",
        "SELECT writable()",
        "SELECT n FROM (SELECT definer() AS n) AS hidden",
        "SELECT count(*) FROM generate_series(1, 3) AS n WHERE definer() = n",
        "SELECT 1 FROM written ORDER BY definer() + n LIMIT (SELECT definer())",
        xml("INSERT INTO written VALUES (1) RETURNING n"),
        xml("COMMIT"),
        xml("SET TRANSACTION READ WRITE"),
        "SELECT length(set_config('default_transaction_read_only', 'off', false)) + definer()",
        "SELECT nextval('numbers')",
        "SELECT setval('numbers', 42)",
        "SELECT lo_create(4242)::int",
        "SELECT lo_from_bytea(4242, 'x')::int",
        "SELECT lo_import('/etc/hostname')::int",
        "DO 'BEGIN INSERT INTO written VALUES (1); END'",
        "CREATE TEMP TABLE kept AS SELECT 1",
        "WITH made AS (SELECT 1 AS n) INSERT INTO written SELECT n FROM made RETURNING n",
        "WITH gone AS (DELETE FROM written RETURNING n) SELECT count(*) FROM gone",
        "MERGE INTO written USING (SELECT 1) AS s ON false WHEN NOT MATCHED THEN INSERT VALUES (1)",
        "COPY (SELECT 1) TO '/tmp/governor-hostile'",
        "COPY (SELECT 1) TO PROGRAM 'touch /tmp/governor-hostile'",
        "COPY written FROM '/etc/hostname'",
        "LOCK TABLE written IN ACCESS EXCLUSIVE MODE",
        "PREPARE kept AS SELECT 1",
        "DECLARE kept CURSOR WITH HOLD FOR SELECT 1",
        "NOTIFY changes",
        "SET ROLE postgres",
        "SELECT 1 /* */; /* */ INSERT INTO written VALUES (1) -- ",
        "SELECT 1\n) AS answer (c0); INSERT INTO written VALUES (1); --",
        "SELECT 1 \\; INSERT INTO written VALUES (1)",
        "/* SELECT 1 */ INSERT INTO written VALUES (1) RETURNING n",
        "TABLE written; TRUNCATE written",
        "SELECT * FROM dblink('dbname=postgres', 'INSERT INTO written VALUES (1)') AS t (n int)",
        "SELECT 1 FROM pg_create_physical_replication_slot('kept')",
        "SELECT pg_switch_wal() IS NULL",
        "SELECT pg_reload_conf()::int",
        "SELECT pg_rotate_logfile()::int",
        "SELECT length(set_config('session_replication_role', 'replica', false))",
        "SELECT length(set_config('log_statement', 'none', false))",
    ],
)
async def test_nothing_is_written(one: PostgresInstrument, governed: Governed, query: str) -> None:
    """Though the tables are writable for everybody: the transaction itself is read-only."""
    outcome = await ask(one, query)

    assert isinstance(outcome, Fault), outcome
    assert outcome.reason in (Reason.QUERY_INVALID, Reason.PERMISSION_DENIED)
    left = (
        "SELECT (SELECT count(*) FROM written), (SELECT is_called FROM numbers),"
        " (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM"
        " pg_replication_slots), (SELECT count(*) FROM pg_class WHERE relname = 'kept')"
    )
    assert governed.sql(left).split("\t") == ["0", "f", "0", "0", "0"]
    assert await ask(one, "SELECT 1") == HEALTHY


@pytest.mark.parametrize(
    "query",
    [
        "SELECT salary FROM payroll",
        "SELECT count(*) FROM payroll",
        "SELECT n FROM closed.plans",
        "SELECT salary FROM people",
        "SELECT count(*) FROM people AS p WHERE p IS NOT NULL",
        xml("SELECT salary FROM payroll"),
        "SELECT length(table_to_xml('payroll', true, false, '')::text)",
        "SELECT length(rolpassword) FROM pg_authid",
        "SELECT length(passwd) FROM pg_shadow",
        "SELECT count(*) FROM pg_hba_file_rules",
        "SELECT count(*) FROM pg_file_settings",
        "SELECT length(pg_read_file('/etc/passwd'))",
        "SELECT length(pg_read_binary_file('PG_VERSION'))",
        "SELECT count(*) FROM pg_ls_dir('.')",
        "SELECT size FROM pg_stat_file('/etc/passwd')",
        "SELECT length(current_setting('data_directory'))",
        "SELECT length(set_config('role', 'postgres', true)) + salary FROM payroll",
        "SELECT length(set_config('role', 'measuring', true)) + count(*) FROM playbooks",
        "SELECT length(set_config('session_authorization', 'postgres', true))",
        "SELECT 1 FROM pg_stats_ext_exprs, payroll",
        "SELECT n FROM dblink('dbname=postgres', 'SELECT 1') AS t (n int)",
        "SELECT count(*) FROM other_database.public.playbooks",
    ],
)
async def test_nothing_is_seen_that_was_not_granted(one: PostgresInstrument, query: str) -> None:
    """Neither by another name, another role, another function nor another way in."""
    outcome = await ask(one, query)

    assert isinstance(outcome, Fault), outcome
    assert outcome.reason in (Reason.QUERY_INVALID, Reason.PERMISSION_DENIED)
    assert await ask(one, "SELECT 1") == HEALTHY


async def test_rows_of_others_stay_hidden(one: PostgresInstrument) -> None:
    """Row-level security holds, and can't be switched off to see more."""
    assert await ask(one, "SELECT count(*) FROM tenants") == HEALTHY

    off = "SELECT length(set_config('row_security', 'off', true)) + count(*) FROM tenants"
    assert await ask(one, off) == Measurement(value=len("off") + 1)


async def test_what_other_logins_do_stays_hidden(
    one: PostgresInstrument, governed: Governed, admin: Any
) -> None:
    """Their statements are not shown, and their sessions can't be ended."""
    pid = await admin.fetchval("SELECT pg_backend_pid()")
    seen = (
        "SELECT count(*) FROM pg_stat_activity WHERE usename <> current_user AND query LIKE '%pid%'"
    )

    assert await ask(one, seen) == Measurement(value=0)
    for function in ("pg_terminate_backend", "pg_cancel_backend"):
        outcome = await ask(one, f"SELECT {function}({pid})::int")
        assert isinstance(outcome, Fault)
        assert outcome.reason is Reason.PERMISSION_DENIED
    assert await admin.fetchval("SELECT 1") == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 FROM pg_sleep(60)",
        "SELECT length(set_config('statement_timeout', '0', true)) FROM pg_sleep(60)",
        "SELECT length(set_config('statement_timeout', '0', false)) FROM pg_sleep(60)",
        "SELECT 1 FROM generate_series(1, 60) AS n, pg_sleep(n)",
        "WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT -n FROM n) SELECT count(*) FROM n",
        "SELECT count(*) FROM generate_series(1, 1e15::bigint)",
        xml("SELECT pg_sleep(60)"),
    ],
)
async def test_nothing_outlives_its_timeout(
    one: PostgresInstrument, admin: Any, query: str
) -> None:
    """Whether it sleeps, computes, or lifts the timeout: on the server, too."""
    async with asyncio.timeout(30):
        outcome = await ask(one, query)

    assert isinstance(outcome, Fault), outcome
    assert outcome.reason is Reason.TIMEOUT
    busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND state = 'active'"
    assert await admin.fetchval(busy, AUTHOR) == 0
    assert await ask(one, "SELECT 1") == HEALTHY


async def test_nobody_hears_a_check(one: PostgresInstrument, admin: Any) -> None:
    """A notification is sent at the commit that never comes."""
    heard: list[object] = []
    await admin.add_listener("changes", lambda *told: heard.append(told))

    assert await ask(one, "SELECT length(pg_notify('changes', 'x')::text)") == Measurement(value=0)
    await admin.execute("NOTIFY changes, 'own'")
    await admin.fetchval("SELECT 1")

    assert [told[-1] for told in heard if isinstance(told, tuple)] == ["own"]


async def test_locks_end_with_the_check(one: PostgresInstrument, admin: Any) -> None:
    """Of every kind: of advisory ones, of rows' tables, and of snapshots that were exported."""
    query = (
        "SELECT count(*) + length(pg_advisory_xact_lock(7)::text)"
        " + length(pg_advisory_lock_shared(8)::text) + length(pg_export_snapshot()) * 0"
        " FROM written"
    )
    assert isinstance(await ask(one, query), Measurement)

    held = (
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE a.usename = $1 AND l.locktype <> 'virtualxid'"
    )
    assert await admin.fetchval(held, AUTHOR) == 0
