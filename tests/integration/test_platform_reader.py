"""deploy/database/platform-reader.sql: its logins read the governed tables, and no more."""

from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

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
async def test_a_login_reads_the_governed_tables_only(
    stack: Stack, database: str, login: str
) -> None:
    """Neither another table, nor a write after it made its transaction writable."""
    dsn = stack.governed.dsn(user=login, password="x", database=database)
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        for table in tables.TABLES:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - our names
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT count(*) FROM payroll")
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM playbooks")
        await connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM playbooks")
    finally:
        await connection.close()
