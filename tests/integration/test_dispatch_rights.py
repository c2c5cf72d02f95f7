"""Who can call what of work items; and that no caller can turn the functions to other ends.

Their table, as every other: test_sink_grants.py.
"""

import re
from uuid import uuid4

import pytest
from tests.support.executors import Executor, WorkDatabase

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.postgres import PostgresSink
from governor_local.errors import CommandError
from governor_local.postgresql import PostgresServer

REFUSED = re.compile("permission denied|must be owner")

FUNCTIONS = {
    "claim_dispatch('x', 'w', '1 min')": "executor",
    "progress_dispatch(gen_random_uuid(), gen_random_uuid(), '1 min')": "executor",
    "finish_dispatch(gen_random_uuid(), gen_random_uuid())": "executor",
    "fail_dispatch(gen_random_uuid(), gen_random_uuid())": "executor",
    "skip_dispatch(gen_random_uuid(), 'Ada', 'why')": "executor",
    "cancel_dispatch(gen_random_uuid(), 'Ada', 'why')": "executor",
    "release_expired_dispatches()": "writer",
    "cancel_moot_dispatches()": "writer",
    "store_measurements()": "writer",
    "make_measurement_partitions(-1)": "writer",  # would make no table that others look at
    "drop_measurement_partitions(0)": "writer",
    "held_dispatch(gen_random_uuid(), gen_random_uuid())": "nobody",
    "decide_dispatch(gen_random_uuid(), 'skipped', 'Ada', 'why')": "nobody",
    "lease_end('1 min')": "nobody",
    "required_text('a', 'b', 1)": "nobody",
    "required_object('a', '{}')": "nobody",
}


@pytest.fixture
def urls(work_database: WorkDatabase) -> dict[str, str]:
    return {
        "executor": work_database.executor_url,
        "writer": work_database.writer_url,
        "reader": work_database.reader_url,
    }


@pytest.mark.parametrize("role", ["executor", "writer", "reader"])
@pytest.mark.parametrize("function", FUNCTIONS)
async def test_functions_are_for_whom_they_are_made(
    sink_server: PostgresServer, urls: dict[str, str], role: str, function: str
) -> None:
    """Executors work, the operator tidies up, what is inside is nobody's, PUBLIC has nothing."""
    call = f"SELECT governance.{function}"
    if FUNCTIONS[function] == role:
        try:
            sink_server.execute(call, dsn=urls[role])
        except CommandError as error:
            assert re.search("there is no work item|must be", str(error))  # noqa: PT017 - answered
    else:
        with pytest.raises(CommandError, match="permission denied for function"):
            sink_server.execute(call, dsn=urls[role])


async def test_no_function_is_forgotten(work_database: WorkDatabase) -> None:
    """Whatever the schema has is in the table above, and PUBLIC may call none of it."""
    found = work_database.sql(
        "SELECT proname, has_function_privilege('public', oid, 'EXECUTE'), "
        "proowner::regrole, proconfig FROM pg_proc "
        "WHERE pronamespace = 'governance'::regnamespace ORDER BY proname"
    )
    rows = [line.split("\t") for line in found.splitlines()]

    known = {name.partition("(")[0] for name in FUNCTIONS} | {"check_dispatch_transition"}
    assert {row[0] for row in rows} == known
    path, patience = '"search_path=pg_catalog, pg_temp"', "lock_timeout=1s"
    assert {tuple(row[1:]) for row in rows} == {
        ("f", "governor_owner", "{" + path + "}"),
        ("f", "governor_owner", "{" + path + "," + patience + "}"),
    }


async def test_callers_search_path_leads_nowhere(
    work_database: WorkDatabase, executor: Executor
) -> None:
    """Tables, functions and operators of the caller's, first on its path, are never met."""
    _, work = await work_database.work(executor.name)
    work_database.sql("CREATE SCHEMA IF NOT EXISTS trap")
    work_database.sql("GRANT ALL ON SCHEMA trap TO PUBLIC")
    names = ("governance_remediation_dispatch", "ai_governance_events", "pg_proc")
    for name in names:
        await executor.connection.execute(
            f"CREATE TEMP TABLE {name} (LIKE pg_catalog.pg_class)",
        )
    sprung = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'sprung as %', current_user; END $$"
    for signature in (
        "clock_timestamp() RETURNS timestamptz",
        "gen_random_uuid() RETURNS uuid",
        "jsonb_typeof(jsonb) RETURNS text",
        "format(text, text) RETURNS text",
        "texteq(text, text) RETURNS boolean",
        "lease_end(interval) RETURNS timestamptz",
        "held_dispatch(uuid, uuid) RETURNS governance.governance_remediation_dispatch",
    ):
        await executor.connection.execute(f"CREATE OR REPLACE FUNCTION trap.{signature} {sprung}")
    await executor.connection.execute(
        "CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.texteq)"
    )
    await executor.connection.execute("SET search_path TO pg_temp, trap, governance, pg_catalog")
    with pytest.raises(Exception, match="sprung"):  # the trap works for who walks into it
        await executor.connection.execute("SELECT trap.jsonb_typeof('{}')")

    claim = await executor.claimed()
    await executor.progress(work.id, claim["lease_token"])
    assert await executor.fail(work.id, claim["lease_token"], {"error": 1}) == "failed"

    assert claim["id"] == work.id
    assert work_database.row(work.id)["dispatch_status"] == "failed"
    assert await executor.connection.fetchval("SHOW search_path") == (
        "pg_temp, trap, governance, pg_catalog"
    )
    work_database.sql("DROP SCHEMA trap CASCADE")


async def test_look_up_reads_nothing_that_may_be_large(
    sink_server: PostgresServer, work_database: WorkDatabase, executor: Executor
) -> None:
    """A login that may not read results and contexts gets the answer all the same."""
    finding, work = await work_database.work(executor.name)
    role = f"login_{uuid4().hex}"
    columns = (
        "id, governance_event_id, cluster, policy_uid, check_name, executor_type, "
        "dispatch_status, attempts, created_at, finished_at"
    )
    work_database.sql(
        f"CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA governance TO {role}; "
        f"GRANT SELECT ({columns}) ON governance.governance_remediation_dispatch TO {role}"
    )
    database = work_database.sql("SELECT current_database()")
    url = sink_server.dsn(user=role, password="secret", database=database)
    sink = PostgresSink(make_engine(url, tls_mode="Disable"), "governance", "cluster")

    (record,) = await sink.dispatches(finding.policy_uid)
    await sink.close()

    assert record.dispatch.id == work.id
