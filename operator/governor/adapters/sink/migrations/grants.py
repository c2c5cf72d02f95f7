"""Grants to the group roles of deploy/database/roles.sql, where they exist.

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
    connection = op.get_bind()
    found = connection.scalar(
        sa.text("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = :role"), {"role": role}
    )
    if not found:
        return
    quote = connection.dialect.identifier_preparer.quote
    place = f"{quote(schema)}." if schema else ""
    if schema:
        op.execute(f"GRANT USAGE ON SCHEMA {quote(schema)} TO {quote(role)}")
    for table in tables:
        op.execute(f"GRANT {rights} ON {place}{quote(table)} TO {quote(role)}")
