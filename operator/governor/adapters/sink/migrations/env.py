"""Alembic's entry: runs on the connection, in the transaction, that `migrating` opened."""

from alembic import context

from governor.adapters.sink.tables import VERSIONS

_given = context.config.attributes

context.configure(
    connection=_given["connection"],
    version_table=VERSIONS,
    version_table_schema=_given["schema"],
)
context.run_migrations()
