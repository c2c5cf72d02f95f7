"""What a login can really do in a schema: each privilege is tried on each column and table."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import asyncpg

ALL = "all columns"
Allowed: TypeAlias = dict[str, dict[str, object]]
"""Table → privilege → `ALL`, the set of columns, or True where it is not about columns."""

_COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
  AND NOT a.attisdropped ORDER BY 1, 2
"""
# Rights are checked before a row is looked for: there is none that these would touch.
_OF_COLUMNS = {
    "SELECT": "SELECT {column} FROM {table} WHERE false",
    "INSERT": "INSERT INTO {table} ({column}) SELECT (NULL::{table}).{column} WHERE false",
    "UPDATE": "UPDATE {table} SET {column} = NULL WHERE false",
}
_OF_TABLES = {
    "DELETE": "DELETE FROM {table} WHERE false",
    "TRUNCATE": "TRUNCATE {table} CASCADE",
    "LOCK": "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
    "ALTER": "ALTER TABLE {table} ADD COLUMN attempt int",
    "DROP": "DROP TABLE {table} CASCADE",
    "TRIGGER": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "INDEX": "CREATE INDEX ON {table} ((1))",
    "GRANT": "ALTER TABLE {table} OWNER TO CURRENT_USER",
}
_OF_OTHERS = {
    "CREATE TABLE": "CREATE TABLE {schema}.attempt ()",
    "CREATE FUNCTION": "CREATE FUNCTION {schema}.attempt() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE in public": "CREATE TABLE public.attempt ()",
    "CREATE SCHEMA": "CREATE SCHEMA attempt",
    "CREATE ROLE": "CREATE ROLE attempt",
    "ALTER ROLE": "ALTER ROLE ALL SET work_mem = '1MB'",
    "DROP SCHEMA": "DROP SCHEMA {schema} CASCADE",
    "READ FILES": "SELECT pg_read_file('/etc/hostname')",
    "RUN PROGRAMS": "COPY (SELECT 1) TO PROGRAM 'true'",
    "READ LOGINS": "SELECT rolpassword FROM pg_authid",
    "SKIP TRIGGERS": "SET session_replication_role = replica",
}


async def allowed(dsn: str, admin: str, schema: str) -> Allowed:
    """All that the login of that DSN may do with the tables of a schema, or to them.

    Args:
        dsn: of the login.
        admin: the DSN of somebody who sees the schema's tables.
        schema: where to try.
    """
    tables = await _tables(admin, schema)
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        # What a login's own default would keep from being written, its grants must.
        await connection.execute("SET default_transaction_read_only = off")
        return {
            table: grants
            for table, columns in tables.items()
            if (grants := await _on_table(connection, f"{schema}.{table}", columns))
        }
    finally:
        await connection.close()


async def powers(dsn: str, schema: str) -> set[str]:
    """What the login may do beyond tables: make things, read files, run programs, and so on."""
    connection = await asyncpg.connect(dsn, ssl=False)
    try:
        await connection.execute("SET default_transaction_read_only = off")
        return {
            power
            for power, statement in _OF_OTHERS.items()
            if await _may(connection, statement.format(schema=schema))
        }
    finally:
        await connection.close()


async def _tables(admin: str, schema: str) -> Mapping[str, list[str]]:
    connection = await asyncpg.connect(admin, ssl=False)
    try:
        found: dict[str, list[str]] = {}
        for table, column in await connection.fetch(_COLUMNS, schema):
            found.setdefault(table, []).append(column)
        return found
    finally:
        await connection.close()


async def _on_table(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str, columns: Iterable[str]
) -> dict[str, object]:
    grants: dict[str, object] = {}
    for privilege, statement in _OF_COLUMNS.items():
        mine = {
            column
            for column in columns
            if await _may(connection, statement.format(table=table, column=column))
        }
        if mine:
            grants[privilege] = ALL if mine == set(columns) else mine
    for privilege, statement in _OF_TABLES.items():
        if await _may(connection, statement.format(table=table)):
            grants[privilege] = True
    return grants


async def _may(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> bool:
    """Whether the statement is permitted; nothing of it stays.

    Raises:
        asyncpg.PostgresError: it failed of something else, so that nothing is known.
    """
    attempt = connection.transaction()
    await attempt.start()
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return False
    finally:
        await attempt.rollback()
    return True
