"""Measurements: every value that was judged, in a partition for each day.

No partition is made here: the operator asks for those that it needs, through functions
that run with the rights of the schema's owner (`migrations/r0003`, one a file).
"""

import sqlalchemy as sa
from alembic import op

from governor.adapters.sink.migrations.functions import create_functions
from governor.adapters.sink.migrations.grants import grant, grant_calls, withhold

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_TABLE = "governance_measurements"
_INCOMING = "governance_measurements_incoming"
_RULES = {
    "value": "value > '-Infinity' AND value < 'Infinity'",
    "verdict": "verdict IN ('Violated', 'Error', 'NoData', 'Warning', 'Ok')",
    "measured": "(verdict IN ('Error', 'NoData')) = (value IS NULL)",
    "direction": "direction IN ('Above', 'Below')",
}
_FUNCTIONS = ("store_measurements", "make_measurement_partitions", "drop_measurement_partitions")


def upgrade() -> None:
    """Makes the tables and the functions, and grants what the roles need."""
    schema: str = op.get_context().opts["version_table_schema"]
    op.create_table(
        _TABLE,
        *_columns(),
        sa.PrimaryKeyConstraint("cluster", "policy_uid", "check_name", "slot", name=f"{_TABLE}_pk"),
        *(sa.CheckConstraint(rule, name=f"{_TABLE}_{name}") for name, rule in _RULES.items()),
        schema=schema,
        postgresql_partition_by="RANGE (slot)",
    )
    op.create_index(
        f"{_TABLE}_by_check",
        _TABLE,
        ["namespace", "policy", "check_name", "slot"],
        schema=schema,
    )
    op.create_table(_INCOMING, *_columns(), schema=schema, prefixes=["UNLOGGED"])
    create_functions(op, schema, "r0003", _FUNCTIONS)
    withhold(op, schema, _FUNCTIONS)
    grant(op, schema, "SELECT", (_TABLE, _INCOMING), "governor_reader")
    grant(op, schema, "SELECT", (_TABLE,), "governor_writer")
    grant(op, schema, "SELECT, INSERT", (_INCOMING,), "governor_writer")
    grant_calls(op, schema, _FUNCTIONS, "governor_writer")


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("policy_uid", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("slot", _TIME, nullable=False),
        sa.Column("measured_at", _TIME, nullable=False),
        sa.Column("duration_seconds", sa.REAL, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("samples", sa.BigInteger),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("red_line", sa.Double, nullable=False),
        sa.Column("target", sa.Double),
    ]
