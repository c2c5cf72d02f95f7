"""deploy/database/platform-remediation.sql: its login updates the status of playbooks, no more."""

from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from governor_local import manifests
from governor_local.stack import Stack
from governor_local.world import tables

SCRIPT = manifests.DEPLOY / "database" / "platform-remediation.sql"
LOGIN = "platform_remediation"

FORBIDDEN = (
    "UPDATE playbooks SET trust_score = 1",
    "UPDATE playbooks SET playbook_id = 'x'",
    "UPDATE playbooks SET status = 'deprecated', last_used_at = NULL",
    "INSERT INTO playbooks (playbook_id, created_at) VALUES ('x', now())",
    "DELETE FROM playbooks",
    "TRUNCATE playbooks",
    "ALTER TABLE playbooks DISABLE TRIGGER ALL",
    "UPDATE knowledge_entries SET status = 'archived'",
    "SELECT count(*) FROM knowledge_entries",
    "SELECT count(*) FROM incident_evidence",
    "SELECT count(*) FROM auto_repair_executions",
    "SELECT count(*) FROM payroll",
    "CREATE TABLE stolen ()",
)


@pytest.fixture(scope="module")
def database(stack: Stack) -> Iterator[str]:
    """A platform's database in which the script ran twice."""
    name = f"platform_{uuid4().hex}"
    stack.governed.execute(f"CREATE DATABASE {name}")
    stack.governed.execute(f"{tables.SCHEMA} CREATE TABLE public.payroll ()", database=name)
    for _ in range(2):
        stack.governed.execute(SCRIPT.read_text(), database=name)
    stack.governed.execute(f"ALTER ROLE {LOGIN} PASSWORD 'x'")
    yield name
    stack.governed.execute(f"DROP DATABASE {name} WITH (FORCE)")
    stack.governed.execute(f"DROP ROLE {LOGIN}")


async def test_the_login_updates_the_status_of_playbooks_and_nothing_else(
    stack: Stack, database: str
) -> None:
    """Whatever else it tries is denied."""
    dsn = stack.governed.dsn(user=LOGIN, password="x", database=database)
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        assert await connection.fetchval("SELECT count(*) FROM playbooks") == 0
        await connection.execute("UPDATE playbooks SET status = 'deprecated' WHERE status = 'x'")
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
