"""`migrate` on a real server: all or nothing, once, and only what is ours."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import current, head, migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.adapters.sink.tables import VERSIONS, metadata
from governor.errors import DeliveryError, SettingsError
from governor_local.postgresql import PostgresServer

ROLES = Path(__file__).parents[2] / "deploy" / "database" / "roles.sql"

RELATIONS = """
SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '{schema}' AND c.relkind IN ('r', 'p', 'v')
"""

CATALOGUE = """
SELECT c.relname, c.relpersistence, pg_get_partkeydef(c.oid), a.attnum, a.attname,
       format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname <> 'governance_schema_version'
ORDER BY 1, 4;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = '{schema}'::regnamespace
  AND conrelid::regclass::text !~ 'governance_schema_version'
ORDER BY 1;
SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indrelid
WHERE c.relnamespace = '{schema}'::regnamespace AND c.relname <> 'governance_schema_version'
ORDER BY 1;
"""


@pytest.fixture
def database(sink_server: PostgresServer) -> str:
    """The name of a fresh, empty database."""
    name = f"migrating_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def url(sink_server: PostgresServer, database: str) -> str:
    return sink_server.dsn(database=database)


@pytest.fixture
def sql(sink_server: PostgresServer, database: str) -> Callable[[str], str]:
    """Runs SQL as the administrator."""
    return lambda text: sink_server.execute(text, database=database)


async def test_first_run_makes_everything_the_second_nothing(
    url: str, sql: Callable[[str], str]
) -> None:
    """From nothing to the newest migration; again, nothing is left to do."""
    assert await current(url, "governance", tls_mode="Disable") is None

    assert await migrate(url, "governance", tls_mode="Disable") == (None, head())
    made = sql("SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_class")
    assert await migrate(url, "governance", tls_mode="Disable") == (head(), head())

    assert sql("SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_class") == made
    assert await current(url, "governance", tls_mode="Disable") == head()
    assert sql(RELATIONS.format(schema="governance")) == (
        "ai_governance_events governance_measurements governance_measurements_incoming "
        "governance_policy_revisions governance_remediation_dispatch governance_schema_version"
    )


async def test_schemas_name_is_a_setting(url: str, sql: Callable[[str], str]) -> None:
    """An odd name works too, and nothing lands anywhere else."""
    await migrate(url, "Odd name", tls_mode="Disable")

    engine = make_engine(url, tls_mode="Disable")
    sink = PostgresSink(engine, "Odd name", "cluster")
    await sink.ping()
    await sink.close()
    assert sql(RELATIONS.format(schema="governance")) == ""
    assert sql(RELATIONS.format(schema="public")) == ""


async def test_tables_are_what_the_migrations_make(url: str, sql: Callable[[str], str]) -> None:
    """The tables that the sink speaks to and the migrated schema do not drift apart."""
    await migrate(url, "governance", tls_mode="Disable")
    sql("CREATE SCHEMA mirror")
    engine = make_engine(url, tls_mode="Disable")
    async with engine.begin() as connection:
        mirror = await connection.execution_options(schema_translate_map={None: "mirror"})
        await mirror.run_sync(metadata.create_all)
    await engine.dispose()

    migrated, mirrored = (sql(CATALOGUE.format(schema=name)) for name in ("governance", "mirror"))

    assert len(migrated.splitlines()) > 30
    assert migrated.replace("governance.", "") == mirrored.replace("mirror.", "")


async def test_concurrent_runs_wait_for_each_other(url: str) -> None:
    """Several at once: one makes the tables, the others find them."""
    results = await asyncio.gather(
        *(migrate(url, "governance", tls_mode="Disable") for _ in range(4))
    )

    assert sorted(results, key=str) == [(head(), head())] * 3 + [(None, head())]


@pytest.mark.parametrize(
    "theirs",
    [
        "CREATE TABLE governance.ai_governance_events (mine int)",
        "CREATE VIEW governance.governance_policy_revisions AS SELECT 1 AS mine",
        "CREATE TABLE governance.t (a int); CREATE INDEX ai_governance_events_open ON t (a)",
        "CREATE TYPE governance.ai_governance_events AS (a int)",
    ],
    ids=["table", "view", "index", "type"],
)
async def test_what_is_not_ours_is_left_alone(
    url: str, sql: Callable[[str], str], theirs: str
) -> None:
    """Something of that name is somebody else's: a clear error, and nothing changed."""
    sql(f"CREATE SCHEMA governance; SET search_path TO governance; {theirs}")
    before = sql("SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_class")

    with pytest.raises(SettingsError, match="governor did not make it: nothing was changed"):
        await migrate(url, "governance", tls_mode="Disable")

    assert sql("SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_class") == before
    assert await current(url, "governance", tls_mode="Disable") is None


async def test_newer_schema_is_left_alone(url: str, sql: Callable[[str], str]) -> None:
    """A schema that a newer governor migrated is not touched by an older one."""
    await migrate(url, "governance", tls_mode="Disable")
    sql(f"UPDATE governance.{VERSIONS} SET version_num = '9999'")  # noqa: S608 - a constant

    with pytest.raises(SettingsError, match="run a newer governor"):
        await migrate(url, "governance", tls_mode="Disable")

    assert await current(url, "governance", tls_mode="Disable") == "9999"


async def test_login_without_rights_is_told_so(
    sink_server: PostgresServer, database: str, sql: Callable[[str], str]
) -> None:
    """A login that may not make a schema gets the database's own words."""
    role = f"nobody_{uuid4().hex}"
    sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    url = sink_server.dsn(user=role, password="secret", database=database)

    with pytest.raises(DeliveryError, match="permission denied") as caught:
        await migrate(url, "governance", tls_mode="Disable")

    assert "secret" not in str(caught.value)


async def test_made_objects_belong_to_the_schemas_owner(
    sink_server: PostgresServer, database: str, sql: Callable[[str], str]
) -> None:
    """Whoever of the owning group migrates, the group owns what is made."""
    sql(ROLES.read_text(encoding="utf-8"))
    role = f"migrator_{uuid4().hex}"
    sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' IN ROLE governor_owner")
    url = sink_server.dsn(user=role, password="secret", database=database)

    await migrate(url, "governance", tls_mode="Disable")

    owners = sql(
        "SELECT DISTINCT relowner::regrole FROM pg_class "
        "WHERE relnamespace = 'governance'::regnamespace"
    )
    assert owners == "governor_owner"
