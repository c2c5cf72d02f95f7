"""What a migration gives the roles of deploy/database/roles.sql, where they exist.

A table's rights belong with the table: a migration that makes one says who may do
what with it. A database without the roles is a database whose administrator grants
by hand; that is no error.
"""

from collections.abc import Iterable
from types import ModuleType

import sqlalchemy as sa


def grant(
    op: ModuleType, schema: str | None, rights: str, tables: Iterable[str], role: str
) -> None:
    """Grants rights on tables of the schema to the role, if there is such a role."""
    for table in tables if _enters(op, schema, role) else ():
        op.execute(f"GRANT {rights} ON {_named(op, schema, table)} TO {_quoted(op, role)}")


def withhold(op: ModuleType, schema: str | None, functions: Iterable[str]) -> None:
    """Takes from everybody the right to call functions, which PostgreSQL gives unasked."""
    for function in functions:
        op.execute(f"REVOKE ALL ON FUNCTION {_named(op, schema, function)} FROM PUBLIC")


def grant_calls(op: ModuleType, schema: str | None, functions: Iterable[str], role: str) -> None:
    """Lets the role call functions of the schema, if there is such a role."""
    for function in functions if _enters(op, schema, role) else ():
        place = _named(op, schema, function)
        op.execute(f"GRANT EXECUTE ON FUNCTION {place} TO {_quoted(op, role)}")


def _enters(op: ModuleType, schema: str | None, role: str) -> bool:
    """Whether there is such a role; it may then use what it is granted in the schema."""
    found = op.get_bind().scalar(
        sa.text("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = :role"), {"role": role}
    )
    if found and schema:
        op.execute(f"GRANT USAGE ON SCHEMA {_quoted(op, schema)} TO {_quoted(op, role)}")
    return bool(found)


def _named(op: ModuleType, schema: str | None, name: str) -> str:
    return f"{_quoted(op, schema)}.{_quoted(op, name)}" if schema else _quoted(op, name)


def _quoted(op: ModuleType, name: str) -> str:
    quoted: str = op.get_bind().dialect.identifier_preparer.quote(name)
    return quoted
