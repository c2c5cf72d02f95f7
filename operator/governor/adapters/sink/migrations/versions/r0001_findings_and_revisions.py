"""Findings and revisions: the first tables.

Plain CREATE throughout: a table that is there already is somebody else's, and the
migration must fail rather than adopt it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from governor.adapters.sink.migrations.grants import grant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)

_WRITER_UPDATES = (
    "details, details_at, namespace, policy, generation, severity, "
    "resolved, resolved_at, resolved_reason, last_seen_at, folded"
)


def upgrade() -> None:
    """Makes the tables, and grants what the roles of deploy/database/roles.sql need."""
    schema = op.get_context().version_table_schema
    _create_events(schema)
    _create_revisions(schema)
    events, revisions = "ai_governance_events", "governance_policy_revisions"
    grant(op, schema, "SELECT", (events, revisions), "governor_reader")
    grant(op, schema, "SELECT, INSERT", (events, revisions), "governor_writer")
    grant(op, schema, f"UPDATE ({_WRITER_UPDATES})", (events,), "governor_writer")


def _create_events(schema: str | None) -> None:
    op.create_table(
        "ai_governance_events",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("details_at", _TIME, nullable=False),
        sa.Column("resolved", sa.Boolean, nullable=False),
        sa.Column("resolved_at", _TIME),
        sa.Column("resolved_reason", sa.Text),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("policy_uid", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("last_seen_at", _TIME, nullable=False),
        sa.Column("folded", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.CheckConstraint("jsonb_typeof(details) = 'object'", name="ai_governance_events_details"),
        sa.CheckConstraint(
            "resolved = (resolved_at IS NOT NULL)", name="ai_governance_events_resolved"
        ),
        sa.CheckConstraint(
            "resolved OR resolved_reason IS NULL", name="ai_governance_events_reason"
        ),
        sa.CheckConstraint(
            "severity IN ('info', 'warning', 'critical')", name="ai_governance_events_severity"
        ),
        sa.CheckConstraint(
            "folded = 0 OR (folded > 0 AND resolved)", name="ai_governance_events_folded"
        ),
        schema=schema,
    )
    op.create_index(
        "ai_governance_events_open",
        "ai_governance_events",
        ["cluster", "policy_uid", "check_name", "event_type"],
        unique=True,
        postgresql_where=sa.text("NOT resolved"),
        schema=schema,
    )
    op.create_index(
        "ai_governance_events_by_policy",
        "ai_governance_events",
        ["cluster", "namespace", "policy", "opened_at"],
        schema=schema,
    )
    op.create_index(
        "ai_governance_events_by_opened_at", "ai_governance_events", ["opened_at"], schema=schema
    )


def _create_revisions(schema: str | None) -> None:
    op.create_table(
        "governance_policy_revisions",
        sa.Column("cluster", sa.Text, primary_key=True),
        sa.Column("policy_uid", sa.Text, primary_key=True),
        sa.Column("generation", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("spec", JSONB, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("field_manager", sa.Text, nullable=False),
        sa.CheckConstraint(
            "jsonb_typeof(spec) = 'object'", name="governance_policy_revisions_spec"
        ),
        schema=schema,
    )
    op.create_index(
        "governance_policy_revisions_by_policy",
        "governance_policy_revisions",
        ["cluster", "namespace", "policy", "seen_at"],
        schema=schema,
    )
