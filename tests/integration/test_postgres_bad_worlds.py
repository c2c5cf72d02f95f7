"""Every way in which a PostgreSQL source can be wrong has its reason, its remedy, and no secret."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.governed import AT, AUTHOR, PASSWORD, READER, Governed, instrument

from governor.adapters.postgres import PostgresInstrument
from governor.probes.base import Access, Probe
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.probes.llm_hallucination import LlmHallucination
from governor.probes.promql import Promql
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Absence, Fault, FaultError, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

SOURCE = {"sourceRef": {"name": "platform"}}
DRIFT = TrustDrift.model_validate(SOURCE)
BUILT_INS = [
    kind.model_validate(SOURCE)
    for kind in (TrustDrift, KnowledgeDegradation, LlmHallucination, ExecutionBlastRadius)
]


@pytest.fixture
def governed(governed_server: PostgresServer) -> Governed:
    """A database that a test may spoil."""
    return Governed.create(governed_server)


@pytest.fixture
async def made(governed: Governed) -> AsyncIterator[PostgresInstrument]:
    async with governed.measuring(statementTimeout="2s") as it:
        yield it


def fault_of(outcome: Outcome) -> Fault:
    """The fault, once it is fit to be told."""
    assert isinstance(outcome, Fault)
    assert 0 < len(outcome.message) <= 200
    assert outcome.message.isprintable()
    assert PASSWORD not in outcome.message
    assert quote(PASSWORD, safe="") not in outcome.message
    return outcome


async def fault_from(dsn: str, probe: Probe = DRIFT, **spec: Any) -> Fault:
    """What a source with that DSN says."""
    made = instrument(dsn, **spec)
    try:
        return fault_of(await made.measure(probe, AT))
    finally:
        await made.close()


def sql(query: str) -> Sql:
    return Sql.model_validate({**SOURCE, "query": query})


async def test_a_port_where_nobody_listens_is_unreachable(unused_tcp_port: int) -> None:
    """The message says where."""
    fault = await fault_from(
        f"postgresql://u:{quote(PASSWORD, safe='')}@127.0.0.1:{unused_tcp_port}/d"
    )

    assert fault.reason is Reason.UNREACHABLE
    assert f"127.0.0.1:{unused_tcp_port}" in fault.message
    assert "refused" in fault.message


async def test_a_name_that_can_not_be_resolved_is_unreachable() -> None:
    """`.invalid` never resolves (RFC 2606)."""
    fault = await fault_from("postgresql://u:p@db.invalid/d")

    assert fault.reason is Reason.UNREACHABLE
    assert "db.invalid can't be resolved" in fault.message


async def test_a_wrong_password_fails_to_authenticate(governed: Governed) -> None:
    """The remedy names the Secret and its key."""
    dsn = governed.server.dsn(user=READER, password="wrong", database=governed.name)

    fault = await fault_from(dsn)

    assert fault.reason is Reason.AUTHENTICATION_FAILED
    assert "Secret platform, key dsn" in fault.message


async def test_an_unknown_role_fails_to_authenticate(governed: Governed) -> None:
    """PostgreSQL itself does not say whether the role or the password is wrong."""
    dsn = governed.server.dsn(user="nobody", password=PASSWORD, database=governed.name)

    assert (await fault_from(dsn)).reason is Reason.AUTHENTICATION_FAILED


async def test_a_role_that_may_not_log_in_fails_to_authenticate(governed: Governed) -> None:
    """As NOLOGIN roles are."""
    role = f"closed_{governed.name}"
    governed.sql(f"CREATE ROLE {role} NOLOGIN PASSWORD 'x'")

    fault = await fault_from(governed.server.dsn(user=role, password="x", database=governed.name))

    assert fault.reason is Reason.AUTHENTICATION_FAILED


async def test_a_database_that_is_not_there_is_the_secret_s_fault(governed: Governed) -> None:
    """The server answers; what the DSN names does not exist."""
    dsn = governed.server.dsn(user=READER, password=PASSWORD, database="platfrom")

    fault = await fault_from(dsn)

    assert fault.reason is Reason.SECRET_INVALID
    assert 'database "platfrom" does not exist' in fault.message


async def test_a_database_that_may_not_be_connected_to_is_denied(governed: Governed) -> None:
    """The login is right, its rights are not."""
    governed.sql(f"REVOKE CONNECT ON DATABASE {governed.name} FROM PUBLIC")

    assert (await fault_from(governed.dsn())).reason is Reason.PERMISSION_DENIED


async def test_a_server_with_too_many_clients_is_a_server_error(governed: Governed) -> None:
    """Here by the limit of the role."""
    role = f"narrow_{governed.name}"
    governed.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0")

    fault = await fault_from(governed.server.dsn(user=role, password="x", database=governed.name))

    assert fault.reason is Reason.SERVER_ERROR
    assert "maxConnections" in fault.message


@pytest.mark.parametrize("probe", BUILT_INS, ids=lambda probe: type(probe).__name__)
async def test_a_missing_table_is_named(
    governed: Governed, made: PostgresInstrument, probe: Probe
) -> None:
    """With the remedy: create it, or map another."""
    governed.sql(
        "DROP TABLE playbooks, knowledge_entries, incident_evidence, auto_repair_executions"
    )

    fault = fault_of(await made.measure(probe, AT))

    assert fault.reason is Reason.RELATION_NOT_FOUND
    assert "spec.postgres.relations" in fault.message


async def test_a_missing_schema_is_a_missing_table(governed: Governed) -> None:
    """Which of the two it is makes no difference to the reader."""
    async with governed.measuring(relations={"playbooks": "nowhere.playbooks"}) as made:
        fault = fault_of(await made.measure(DRIFT, AT))

    assert fault.reason is Reason.RELATION_NOT_FOUND
    assert "nowhere.playbooks" in fault.message


async def test_a_missing_column_is_named(governed: Governed, made: PostgresInstrument) -> None:
    """Whatever else the table has."""
    governed.sql("ALTER TABLE playbooks RENAME trust_score TO trust")

    fault = fault_of(await made.measure(DRIFT, AT))

    assert fault.reason is Reason.COLUMN_NOT_FOUND
    assert "column playbooks.trust_score does not exist" in fault.message


@pytest.mark.parametrize(
    ("probe", "table", "column", "other", "told"),
    [
        (BUILT_INS[0], "playbooks", "created_at", "timestamp", "timestamp, not timestamptz"),
        (BUILT_INS[0], "playbooks", "last_used_at", "date", "date, not timestamptz"),
        (BUILT_INS[0], "playbooks", "trust_score", "text", "text, not numeric"),
        (BUILT_INS[0], "playbooks", "playbook_id", "int USING 1", "int4, not text"),
        (BUILT_INS[0], "playbooks", "status", "mood USING 'ok'::mood", "mood, not text"),
        (BUILT_INS[1], "knowledge_entries", "updated_at", "timestamp", "timestamp, not"),
        (BUILT_INS[2], "incident_evidence", "collected_at", "timestamp", "timestamp, not"),
        (BUILT_INS[2], "incident_evidence", "verification_result", "bool USING true", "bool, not"),
        (BUILT_INS[3], "auto_repair_executions", "created_at", "timestamp", "timestamp, not"),
        (BUILT_INS[3], "auto_repair_executions", "success", "int USING 1", "int4, not bool"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_column_of_another_type_is_named(
    governed: Governed,
    made: PostgresInstrument,
    probe: Probe,
    table: str,
    column: str,
    other: str,
    told: str,
) -> None:
    """A time without zone would be compared wrongly, and nobody would see it."""
    governed.sql("CREATE TYPE mood AS ENUM ('ok')")
    governed.sql(f"ALTER TABLE {table} ALTER {column} TYPE {other}")

    fault = fault_of(await made.measure(probe, AT))

    assert fault.reason is Reason.COLUMN_TYPE
    assert f"public.{table}.{column} is {told}" in fault.message


async def test_a_column_may_change_its_type_between_two_checks(
    governed: Governed, made: PostgresInstrument
) -> None:
    """Nothing that was learnt of a table is kept."""
    assert isinstance(await made.measure(DRIFT, AT), Absence)
    governed.sql("ALTER TABLE playbooks ALTER created_at TYPE timestamp")
    assert fault_of(await made.measure(DRIFT, AT)).reason is Reason.COLUMN_TYPE
    governed.sql("ALTER TABLE playbooks ALTER created_at TYPE timestamptz")
    assert isinstance(await made.measure(DRIFT, AT), Absence)


async def test_types_are_looked_at_without_the_right_to_read(
    governed: Governed, made: PostgresInstrument
) -> None:
    """What is denied is the reading: the remedy is a grant."""
    governed.sql("REVOKE ALL ON playbooks FROM measuring")

    fault = fault_of(await made.measure(DRIFT, AT))

    assert fault.reason is Reason.PERMISSION_DENIED
    assert "grant" in fault.message


async def test_a_schema_that_may_not_be_used_is_denied(governed: Governed) -> None:
    """The table may be there or not: the role may not know."""
    governed.sql("CREATE SCHEMA closed; CREATE TABLE closed.playbooks (status text)")
    async with governed.measuring(relations={"playbooks": "closed.playbooks"}) as made:
        assert fault_of(await made.measure(DRIFT, AT)).reason is Reason.PERMISSION_DENIED


async def test_a_locked_table_times_out(governed: Governed, made: PostgresInstrument) -> None:
    """As during a migration; the message says what to do."""
    admin = await governed.connect()
    try:
        async with admin.transaction():
            await admin.execute("LOCK TABLE playbooks")
            fault = fault_of(await made.measure(DRIFT, AT))
    finally:
        await admin.close()

    assert fault.reason is Reason.TIMEOUT
    assert isinstance(await made.measure(DRIFT, AT), Absence)


async def test_a_view_that_fails_is_the_view_s_fault(governed: Governed) -> None:
    """Its error reaches the reader, flat and cut to fit."""
    governed.sql(
        "CREATE FUNCTION broken() RETURNS text LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION E'first line\\nsecond %', repeat('x', 500); END $$;"
        " CREATE VIEW odd AS SELECT broken() AS status, now() AS updated_at;"
        " GRANT SELECT ON odd TO measuring"
    )
    async with governed.measuring(relations={"knowledge_entries": "odd"}) as made:
        fault = fault_of(await made.measure(BUILT_INS[1], AT))

    assert fault.reason is Reason.QUERY_INVALID
    assert fault.message.startswith("first line second xxx")
    assert "spec.postgres.relations" in fault.message


async def test_an_error_of_the_server_s_own_is_a_server_error(governed: Governed) -> None:
    """Here a failed assertion, of PostgreSQL's class of internal errors."""
    governed.sql(
        "CREATE FUNCTION broken() RETURNS int LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'disk is full' USING ERRCODE = '53100'; END $$"
    )
    async with governed.measuring() as made:
        fault = fault_of(await made.measure(sql("SELECT broken()"), AT))

    assert fault.reason is Reason.SERVER_ERROR
    assert fault.message == "disk is full: look at the server's log"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1 UNION ALL SELECT 2", Reason.SEVERAL_ROWS),
        ("SELECT 1 AS value, 2 AS samples, 3 AS more", Reason.SEVERAL_COLUMNS),
        ("SELECT 1 AS value, 2 AS value", Reason.SEVERAL_COLUMNS),
        ("SELECT", Reason.QUERY_INVALID),
        ("SELECT 'many'", Reason.NOT_A_NUMBER),
        ("SELECT '1'", Reason.NOT_A_NUMBER),
        ("SELECT true", Reason.NOT_A_NUMBER),
        ("SELECT now()", Reason.NOT_A_NUMBER),
        ("SELECT ARRAY[1]", Reason.NOT_A_NUMBER),
        ("SELECT ROW(1, 2)", Reason.NOT_A_NUMBER),
        ("SELECT '{}'::jsonb", Reason.NOT_A_NUMBER),
        ("SELECT 'ok'::mood", Reason.NOT_A_NUMBER),
        ("SELECT pg_sleep(0)", Reason.NOT_A_NUMBER),
        ("SELECT 1 AS value, 'many' AS samples", Reason.NOT_A_NUMBER),
        ("SELEC 1", Reason.QUERY_INVALID),
        ("SELECT 1 / 0", Reason.QUERY_INVALID),
        ("SELECT 'x'::int", Reason.QUERY_INVALID),
        ("SELECT (SELECT generate_series(1, 2))", Reason.QUERY_INVALID),
        ("SELECT nothing(1)", Reason.QUERY_INVALID),
        ("SELECT count(*) FROM nowhere", Reason.RELATION_NOT_FOUND),
        ("SELECT nope FROM playbooks", Reason.COLUMN_NOT_FOUND),
        ("SELECT count(*) FROM secrets", Reason.PERMISSION_DENIED),
        ("SELECT count(*) FROM pg_authid", Reason.PERMISSION_DENIED),
    ],
)
async def test_what_a_query_of_the_team_s_own_does_wrong_has_its_reason(
    governed: Governed, made: PostgresInstrument, query: str, reason: Reason
) -> None:
    """Its author reads it in the policy's status."""
    governed.sql("CREATE TABLE secrets (s text); CREATE TYPE mood AS ENUM ('ok')")

    assert fault_of(await made.measure(sql(query), AT)).reason is reason


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1 WHERE false", Reason.EMPTY_RESULT),
        ("SELECT NULL", Reason.NULL_VALUE),
        ("SELECT NULL::numeric", Reason.NULL_VALUE),
        ("SELECT avg(trust_score) FROM playbooks", Reason.NULL_VALUE),
        ("SELECT 1 AS value, NULL::int AS samples", Reason.NULL_VALUE),
    ],
)
async def test_a_query_that_finds_nothing_is_no_data(
    made: PostgresInstrument, query: str, reason: Reason
) -> None:
    """Never a pass, and no error either."""
    outcome = await made.measure(sql(query), AT)

    assert isinstance(outcome, Absence)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 1::smallint", 1),
        ("SELECT 9007199254740993", 9007199254740992),
        ("SELECT 0.1::real::float8", 0.10000000149011612),
        ("SELECT 1e308::numeric", 1e308),
        ("SELECT -0.5;", -0.5),
        ("VALUES (3)", 3),
        ("WITH w AS (SELECT 4 AS n) SELECT n FROM w", 4),
        ("SELECT count(*) FROM playbooks", 0),
    ],
)
async def test_a_query_that_gives_a_number_is_measured(
    made: PostgresInstrument, query: str, expected: float
) -> None:
    """Of every type that is one."""
    assert await made.measure(sql(query), AT) == Measurement(value=expected)


async def test_custom_sql_without_access_is_forbidden(governed: Governed) -> None:
    """Even if whoever asks did not check: the login is not used, built-ins go on."""
    made = instrument(governed.dsn(), governed.dsn(AUTHOR), access=[Access.BUILTIN_CHECKS])

    fault = fault_of(await made.measure(sql("SELECT 1"), AT))
    built_in = await made.measure(DRIFT, AT)
    version = await made.version()
    await made.close()

    assert fault.reason is Reason.SOURCE_FORBIDDEN
    assert isinstance(built_in, Absence)
    assert version.startswith("PostgreSQL 18.")


async def test_a_bad_login_of_custom_sql_does_not_stop_the_built_ins(governed: Governed) -> None:
    """The sql checks say why; so does `version()`, which feeds the source's Ready condition."""
    made = instrument(governed.dsn(), "mysql://u:p@h/d")

    fault = fault_of(await made.measure(sql("SELECT 1"), AT))
    built_in = await made.measure(DRIFT, AT)
    with pytest.raises(FaultError) as raised:
        await made.version()
    await made.close()

    assert fault.reason is Reason.SECRET_INVALID
    assert raised.value.fault == fault
    assert isinstance(built_in, Absence)


async def test_a_probe_of_another_kind_of_source_is_refused(made: PostgresInstrument) -> None:
    """The adapter has nothing to ask it with."""
    probe = Promql.model_validate({**SOURCE, "query": "up"})

    assert fault_of(await made.measure(probe, AT)).reason is Reason.SOURCE_NOT_FOUND


async def test_the_version_tells_product_and_number(made: PostgresInstrument) -> None:
    """As the source's status shows it."""
    version = await made.version()

    product, number = version.split(" ")
    assert product == "PostgreSQL"
    assert float(number) >= 18


async def test_the_version_can_not_be_told_by_a_server_that_is_not_there(
    unused_tcp_port: int,
) -> None:
    """Its fault is raised, fit to be told."""
    made = instrument(f"postgresql://u:p@127.0.0.1:{unused_tcp_port}/d")

    with pytest.raises(FaultError) as raised:
        await made.version()
    await made.close()

    assert fault_of(raised.value.fault).reason is Reason.UNREACHABLE


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"E\x00\x00\x00\x05\x00",
        b"R" * 40,
        b"",
    ],
)
async def test_a_server_that_is_no_postgresql_is_a_fault(words: bytes) -> None:
    """Whatever it says, within the deadline."""

    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    fault = await fault_from(f"postgresql://u:p@127.0.0.1:{port}/d", statementTimeout="1s")
    server.close()

    assert fault.reason in (
        Reason.UNREACHABLE,
        Reason.MALFORMED_ANSWER,
        Reason.SERVER_ERROR,
    )
