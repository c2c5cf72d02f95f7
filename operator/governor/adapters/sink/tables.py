"""What the sink stores. The schema's name is a setting, so no table carries one here.

Migrations make these tables; a test holds the two together.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

EVENTS = "ai_governance_events"
REVISIONS = "governance_policy_revisions"
VERSIONS = "governance_schema_version"
"""Alembic's table: which migration the schema is at."""

OPEN_FINDING = "ai_governance_events_open"
"""The index that lets a check have one open finding of a kind, whoever opens it."""

metadata = MetaData()

events = Table(
    EVENTS,
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_type", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    # When `details` was true. With several deliveries of one finding the earliest
    # one's details stay, in whatever order they come: what was found at the opening.
    Column("details_at", DateTime(timezone=True), nullable=False),
    Column("resolved", Boolean, nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    Column("resolved_reason", Text),
    Column("cluster", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_uid", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("check_name", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("last_seen_at", DateTime(timezone=True), nullable=False),
    Column("folded", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("jsonb_typeof(details) = 'object'", name="ai_governance_events_details"),
    CheckConstraint("resolved = (resolved_at IS NOT NULL)", name="ai_governance_events_resolved"),
    CheckConstraint("resolved OR resolved_reason IS NULL", name="ai_governance_events_reason"),
    CheckConstraint(
        "severity IN ('info', 'warning', 'critical')", name="ai_governance_events_severity"
    ),
    CheckConstraint("folded = 0 OR (folded > 0 AND resolved)", name="ai_governance_events_folded"),
)

Index(
    OPEN_FINDING,
    events.c.cluster,
    events.c.policy_uid,
    events.c.check_name,
    events.c.event_type,
    unique=True,
    postgresql_where=text("NOT resolved"),
)
Index(
    "ai_governance_events_by_policy",
    events.c.cluster,
    events.c.namespace,
    events.c.policy,
    events.c.opened_at,
)
Index("ai_governance_events_by_opened_at", events.c.opened_at)

revisions = Table(
    REVISIONS,
    metadata,
    # One database may serve many clusters, and a restored copy of a cluster has the
    # original's uids: neither may take the other's revisions for its own.
    Column("cluster", Text, primary_key=True),
    Column("policy_uid", Text, primary_key=True),
    Column("generation", BigInteger, primary_key=True, autoincrement=False),
    Column("namespace", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("spec", JSONB, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("field_manager", Text, nullable=False),
    CheckConstraint("jsonb_typeof(spec) = 'object'", name="governance_policy_revisions_spec"),
)
Index(
    "governance_policy_revisions_by_policy",
    revisions.c.cluster,
    revisions.c.namespace,
    revisions.c.policy,
    revisions.c.seen_at,
)
