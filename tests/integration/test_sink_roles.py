"""deploy/database/roles.sql on a real server: in any order, and enough for the operator.

What each role may do, and nothing else: test_sink_grants.py.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.app.ports import Episode, Revision
from governor_local.postgresql import PostgresServer

ROLES = (Path(__file__).parents[2] / "deploy" / "database" / "roles.sql").read_text("utf-8")

ACCESS = """
SELECT c.relname, c.relowner::regrole, c.relacl::text,
       (SELECT string_agg(a.attname || a.attacl::text, ' ' ORDER BY a.attname)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
FROM pg_class c WHERE c.relnamespace = 'governance'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname;
SELECT proname, proowner::regrole, proacl::text FROM pg_proc
WHERE pronamespace = 'governance'::regnamespace ORDER BY proname;
SELECT nspacl::text FROM pg_namespace WHERE nspname = 'governance'
"""

GRANTEES = "governor_writer, governor_reader, governor_executor"
REFUSED = re.compile("permission denied|must be owner")


class Database(NamedTuple):
    """A migrated database and a login of each group."""

    sql: Callable[[str], str]
    writer: str
    reader: str


@pytest.fixture(scope="session")
def empty(sink_server: PostgresServer) -> str:
    name = f"roles_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture(scope="session")
async def database(sink_server: PostgresServer, empty: str) -> Database:
    def sql(text: str) -> str:
        return sink_server.execute(text, database=empty)

    def login(group: str) -> str:
        role = f"login_{uuid4().hex}"
        sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' IN ROLE {group}")
        return sink_server.dsn(user=role, password="secret", database=empty)

    sql(ROLES)
    await migrate(sink_server.dsn(database=empty), "governance", tls_mode="Disable")
    return Database(sql, login("governor_writer"), login("governor_reader"))


async def test_order_and_repetition_do_not_matter(
    sink_server: PostgresServer, empty: str, database: Database
) -> None:
    """Roles before the migration, after it, or twice: the same owners and rights."""
    before_migrating = database.sql(ACCESS)
    database.sql(ROLES)
    assert _sorted(database.sql(ACCESS)) == _sorted(before_migrating)

    other = f"{empty}_other"
    sink_server.execute(f"CREATE DATABASE {other}")
    # The roles exist on the server already: take away what the migration gave for them.
    await migrate(sink_server.dsn(database=other), "governance", tls_mode="Disable")
    sink_server.execute(
        f"REVOKE ALL ON ALL TABLES IN SCHEMA governance FROM {GRANTEES};"
        f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA governance FROM {GRANTEES};"
        f"REVOKE ALL ON SCHEMA governance FROM {GRANTEES};",
        database=other,
    )
    sink_server.execute(ROLES, database=other)

    assert _sorted(sink_server.execute(ACCESS, database=other)) == _sorted(before_migrating)


def _sorted(access: str) -> list[list[str]]:
    """The rights of each relation as sets: PostgreSQL lists them in order of granting."""
    return [
        sorted(line.replace("{", ",").replace("}", ",").split(",")) for line in access.split("\n")
    ]


async def test_sink_works_as_writer(database: Database) -> None:
    """Everything that the operator does, it can do as governor_writer."""
    sink = PostgresSink(make_engine(database.writer, tls_mode="Disable"), "governance", "cluster")
    at = datetime(2026, 11, 22, tzinfo=UTC)
    episode = Episode(
        id=uuid4(),
        event_type="trust_drift",
        details={},
        namespace="aiops",
        policy="flywheel",
        policy_uid="uid",
        generation=1,
        check_name="trust-drift",
        severity="warning",
        opened_at=at,
        last_seen_at=at,
    )
    await sink.ping()
    await sink.record(episode)
    await sink.record(episode)
    assert [finding.id for finding in await sink.open_findings()] == [episode.id]
    revision = Revision(
        policy_uid="uid",
        generation=1,
        namespace="aiops",
        policy="flywheel",
        spec={"a": 1},
        seen_at=at,
        field_manager="kubectl",
    )
    await sink.record_revision(revision)
    await sink.record_revision(revision)
    assert await sink.revision("uid", 1) == {"a": 1}
    await sink.close()


async def test_groups_do_not_log_in(sink_server: PostgresServer, database: Database) -> None:
    """The roles are groups."""
    assert (
        database.sql(
            "SELECT DISTINCT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles "
            "WHERE rolname LIKE 'governor%'"
        )
        == "f\tf\tf\tf"
    )
