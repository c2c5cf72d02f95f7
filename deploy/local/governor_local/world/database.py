"""Makes the governed database and fills it."""

from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from governor_local.world import Health, tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A role of the governed database that may only read."""

    name: str
    password: str


async def create(admin_dsn: str, database: str, logins: tuple[Login, ...]) -> None:
    """Make the database, its four empty tables and logins that may only read them.

    Repeating it changes nothing but the passwords.

    Args:
        admin_dsn: a superuser's DSN of the server, of any database.
        database: the name of the database.
        logins: roles to make; their names must be plain identifiers.
    """
    server = await asyncpg.connect(admin_dsn)
    try:
        if not await server.fetchval("select 1 from pg_database where datname = $1", database):
            await server.execute(f'create database "{database}"')
        for login in logins:
            await _login(server, login)
    finally:
        await server.close()
    connection = await asyncpg.connect(admin_dsn, database=database)
    try:
        await connection.execute(tables.SCHEMA)
        for login in logins:
            for table in tables.TABLES:
                await connection.execute(f'grant select on public.{table} to "{login.name}"')
    finally:
        await connection.close()


async def fill(admin_dsn: str, database: str, health: Health) -> None:
    """Replace all rows at once: a reader sees the old world or the new one."""
    rows = tables.rows(health, datetime.now(UTC))
    connection = await asyncpg.connect(admin_dsn, database=database)
    try:
        async with connection.transaction():
            for table, records in rows.items():
                await connection.execute(f"delete from public.{table}")  # noqa: S608 - our names
                await connection.copy_records_to_table(table, schema_name="public", records=records)
        await connection.execute("analyze")
    finally:
        await connection.close()


async def _login(server: "asyncpg.Connection[asyncpg.Record]", login: Login) -> None:
    exists = await server.fetchval("select 1 from pg_roles where rolname = $1", login.name)
    verb = "alter" if exists else "create"
    password = await server.fetchval("select quote_literal($1::text)", login.password)
    await server.execute(f'{verb} role "{login.name}" login password {password}')
    await server.execute(f'alter role "{login.name}" set default_transaction_read_only = on')
