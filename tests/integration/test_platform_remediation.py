"""deploy/database/platform-remediation.sql: its login updates the status of playbooks, no more."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from tests.support.grants import ALL, allowed, powers

from governor_local import manifests
from governor_local.stack import Stack
from governor_local.world import tables

SCRIPT = manifests.DEPLOY / "database" / "platform-remediation.sql"
LOGIN = "platform_remediation"


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
    """Each right was tried on every column, every table, and on the server around them."""
    dsn = stack.governed.dsn(user=LOGIN, password="x", database=database)
    admin = stack.governed.dsn(database=database)

    assert await allowed(dsn, admin, "public") == {
        "playbooks": {"SELECT": ALL, "UPDATE": {"status"}}
    }
    assert await powers(dsn, "public") == set()
