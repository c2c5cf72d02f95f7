"""deploy/database/roles.sql: what each role may do, tried on every table and column there is.

A new table or column that is granted to nobody, or to the wrong role, shows here by name.
"""

import pytest
from tests.support.executors import WorkDatabase
from tests.support.grants import ALL, Allowed, allowed, powers

from governor_local.errors import CommandError
from governor_local.postgresql import PostgresServer

EVENTS = "ai_governance_events"
REVISIONS = "governance_policy_revisions"
VERSION = "governance_schema_version"
DISPATCHES = "governance_remediation_dispatch"
MEASUREMENTS = "governance_measurements"
INCOMING = "governance_measurements_incoming"
TABLES = (EVENTS, REVISIONS, VERSION, DISPATCHES, MEASUREMENTS, INCOMING)

READ: Allowed = {table: {"SELECT": ALL} for table in TABLES}
WRITE: Allowed = {
    EVENTS: {
        "SELECT": ALL,
        "INSERT": ALL,
        "UPDATE": {
            "details",
            "details_at",
            "folded",
            "generation",
            "last_seen_at",
            "namespace",
            "policy",
            "resolved",
            "resolved_at",
            "resolved_reason",
            "severity",
        },
    },
    REVISIONS: {"SELECT": ALL, "INSERT": ALL},
    VERSION: {"SELECT": ALL},
    MEASUREMENTS: {"SELECT": ALL},
    INCOMING: {"SELECT": ALL, "INSERT": ALL},
    DISPATCHES: {
        "SELECT": ALL,
        "INSERT": {
            "check_name",
            "cluster",
            "created_at",
            "created_by",
            "decision_context",
            "event_type",
            "executor_type",
            "governance_event_id",
            "id",
            "max_attempts",
            "policy_uid",
        },
    },
}


@pytest.mark.parametrize("role", ["writer", "reader", "executor"])
async def test_a_role_has_its_rights_and_no_other(work_database: WorkDatabase, role: str) -> None:
    """Each was tried: on every column, every table, and on the server around them."""
    dsn = getattr(work_database, f"{role}_url")
    expected: Allowed = {"writer": WRITE, "reader": READ, "executor": {}}[role]

    assert await allowed(dsn, work_database.url, "governance") == expected
    assert await powers(dsn, "governance") == set()


async def test_the_owner_owns_its_schema_and_nothing_else(work_database: WorkDatabase) -> None:
    """Migrations can change every table; of the server they can change nothing."""
    dsn = work_database.login("governor_owner")

    owned = await allowed(dsn, work_database.url, "governance")
    assert {table: set(grants.values()) for table, grants in owned.items()} == {
        table: {ALL, True} for table in TABLES
    }
    assert await powers(dsn, "governance") == {"CREATE TABLE", "CREATE FUNCTION", "DROP SCHEMA"}


async def test_who_was_given_no_role_has_nothing(work_database: WorkDatabase) -> None:
    """PUBLIC may not even look into the schema."""
    dsn = work_database.login(None)

    assert await allowed(dsn, work_database.url, "governance") == {}
    assert await powers(dsn, "governance") == set()


@pytest.mark.parametrize("role", ["writer", "reader", "executor"])
@pytest.mark.parametrize("other", ["owner", "writer", "reader", "executor"])
async def test_no_role_becomes_another(
    sink_server: PostgresServer, work_database: WorkDatabase, role: str, other: str
) -> None:
    """A login is in one group, and takes no more than that one's place."""
    become = f"SET ROLE governor_{other}"
    dsn = getattr(work_database, f"{role}_url")

    if role == other:
        sink_server.execute(become, dsn=dsn)
    else:
        with pytest.raises(CommandError, match="permission denied to set role"):
            sink_server.execute(become, dsn=dsn)
