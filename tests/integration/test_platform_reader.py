"""deploy/database/platform-reader.sql: its logins read the governed tables, and no more."""

from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest
from tests.support.grants import ALL, allowed, powers

from governor_local import manifests
from governor_local.stack import Stack
from governor_local.world import tables

SCRIPT = manifests.DEPLOY / "database" / "platform-reader.sql"
LOGINS = ("platform_reader", "platform_custom_sql")


@pytest.fixture(scope="module")
def database(stack: Stack) -> Iterator[str]:
    """A platform's database in which the script ran twice."""
    name = f"platform_{uuid4().hex}"
    stack.governed.execute(f"CREATE DATABASE {name}")
    stack.governed.execute(f"{tables.SCHEMA} CREATE TABLE public.payroll ()", database=name)
    for _ in range(2):
        stack.governed.execute(SCRIPT.read_text(), database=name)
    for login in LOGINS:
        stack.governed.execute(f"ALTER ROLE {login} PASSWORD 'x'")
    yield name
    stack.governed.execute(f"DROP DATABASE {name} WITH (FORCE)")
    stack.governed.execute(f"DROP ROLE {', '.join(LOGINS)}")


@pytest.mark.parametrize("login", LOGINS)
async def test_a_login_reads_the_governed_tables_and_has_no_other_right(
    stack: Stack, database: str, login: str
) -> None:
    """Each was tried on every column, table and server, after the login made itself writable."""
    dsn = stack.governed.dsn(user=login, password="x", database=database)
    admin = stack.governed.dsn(database=database)

    assert await allowed(dsn, admin, "public") == {
        table: {"SELECT": ALL} for table in tables.TABLES
    }
    assert await powers(dsn, "public") == set()


@pytest.mark.parametrize("login", LOGINS)
async def test_a_login_is_read_only_unless_it_says_otherwise(
    stack: Stack, database: str, login: str
) -> None:
    """The second bolt on the door."""
    dsn = stack.governed.dsn(user=login, password="x", database=database)
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM playbooks")
    finally:
        await connection.close()
