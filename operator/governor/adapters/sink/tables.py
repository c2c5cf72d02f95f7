"""What the sink stores. The schema's name is a setting, so no table carries one here.

Migrations make these tables; a test holds the two together.
"""

from typing import Any

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

EVENTS = "ai_governance_events"
REVISIONS = "governance_policy_revisions"
DISPATCHES = "governance_remediation_dispatch"
MEASUREMENTS = "governance_measurements"
INCOMING = "governance_measurements_incoming"
"""Where measurements are copied to; a function takes them on in the same transaction."""
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

ACTIVE = ("pending", "dispatched", "executing")
_ACTIVE = "dispatch_status IN ('pending', 'dispatched', 'executing')"

dispatches = Table(
    DISPATCHES,
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("governance_event_id", Uuid, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("cluster", Text, nullable=False),
    Column("policy_uid", Text, nullable=False),
    Column("check_name", Text, nullable=False),
    Column("executor_type", Text, nullable=False),
    Column("dispatch_status", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("max_attempts", Integer, nullable=False),
    Column("decision_context", JSONB, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # The latest claim: when, by which worker, its token and until when it holds. The
    # token outlives the lease, so that whoever ended the attempt can say so again.
    Column("dispatched_at", DateTime(timezone=True)),
    Column("claimed_by", Text),
    Column("lease_token", Uuid),
    Column("lease_until", DateTime(timezone=True)),
    # How many leases ran out: an item that kills its workers shows here.
    Column("expirations", Integer, nullable=False, server_default=text("0")),
    Column("finished_at", DateTime(timezone=True)),
    Column("result", JSONB),
    Column("decided_by", Text),
    Column("decided_reason", Text),
    ForeignKeyConstraint(["governance_event_id"], [events.c.id], name=f"{DISPATCHES}_event"),
    CheckConstraint(
        f"{_ACTIVE} OR dispatch_status IN ('succeeded', 'failed', 'skipped', 'cancelled')",
        name=f"{DISPATCHES}_status",
    ),
    CheckConstraint("attempts BETWEEN 0 AND max_attempts", name=f"{DISPATCHES}_attempts"),
    CheckConstraint(
        "dispatch_status <> 'pending' OR attempts < max_attempts",
        name=f"{DISPATCHES}_attempts_left",
    ),
    CheckConstraint(
        "(dispatch_status IN ('dispatched', 'executing')) = (lease_until IS NOT NULL)",
        name=f"{DISPATCHES}_lease",
    ),
    CheckConstraint(
        "lease_until IS NULL OR (attempts > 0 AND lease_token IS NOT NULL "
        "AND claimed_by IS NOT NULL AND dispatched_at IS NOT NULL)",
        name=f"{DISPATCHES}_claim",
    ),
    CheckConstraint(f"({_ACTIVE}) = (finished_at IS NULL)", name=f"{DISPATCHES}_finished"),
    CheckConstraint(
        "(dispatch_status IN ('skipped', 'cancelled')) = (decided_by IS NOT NULL) "
        "AND (decided_by IS NULL) = (decided_reason IS NULL)",
        name=f"{DISPATCHES}_decided",
    ),
    CheckConstraint("jsonb_typeof(decision_context) = 'object'", name=f"{DISPATCHES}_context"),
    CheckConstraint("jsonb_typeof(result) = 'object'", name=f"{DISPATCHES}_result"),
)
_WORK = (
    dispatches.c.cluster,
    dispatches.c.policy_uid,
    dispatches.c.check_name,
    dispatches.c.executor_type,
)
Index(f"{DISPATCHES}_active", *_WORK, unique=True, postgresql_where=text(_ACTIVE))
Index(
    f"{DISPATCHES}_pending",
    dispatches.c.executor_type,
    dispatches.c.created_at,
    dispatches.c.id,
    postgresql_where=text("dispatch_status = 'pending'"),
)
Index(
    f"{DISPATCHES}_leased",
    dispatches.c.lease_until,
    postgresql_where=text("lease_until IS NOT NULL"),
)
Index(f"{DISPATCHES}_by_check", *_WORK, dispatches.c.created_at)
Index(f"{DISPATCHES}_by_event", dispatches.c.governance_event_id)


def _of_measurements() -> list[Column[Any]]:
    return [
        Column("cluster", Text, nullable=False),
        Column("namespace", Text, nullable=False),
        Column("policy", Text, nullable=False),
        Column("policy_uid", Text, nullable=False),
        Column("generation", BigInteger, nullable=False),
        Column("check_name", Text, nullable=False),
        Column("slot", DateTime(timezone=True), nullable=False),
        Column("measured_at", DateTime(timezone=True), nullable=False),
        Column("duration_seconds", REAL, nullable=False),
        Column("verdict", Text, nullable=False),
        Column("reason", Text, nullable=False),
        # What was judged: null where there was no finite number, or too few samples.
        Column("value", Double),
        Column("samples", BigInteger),
        # The lines as they were then, for whoever draws them.
        Column("direction", Text, nullable=False),
        Column("red_line", Double, nullable=False),
        Column("target", Double),
    ]


measurements = Table(
    MEASUREMENTS,
    metadata,
    *_of_measurements(),
    PrimaryKeyConstraint("cluster", "policy_uid", "check_name", "slot", name=f"{MEASUREMENTS}_pk"),
    CheckConstraint("value > '-Infinity' AND value < 'Infinity'", name=f"{MEASUREMENTS}_value"),
    CheckConstraint(
        "verdict IN ('Violated', 'Error', 'NoData', 'Warning', 'Ok')",
        name=f"{MEASUREMENTS}_verdict",
    ),
    CheckConstraint(
        "(verdict IN ('Error', 'NoData')) = (value IS NULL)", name=f"{MEASUREMENTS}_measured"
    ),
    CheckConstraint("direction IN ('Above', 'Below')", name=f"{MEASUREMENTS}_direction"),
    postgresql_partition_by="RANGE (slot)",
)
Index(
    f"{MEASUREMENTS}_by_check",
    measurements.c.namespace,
    measurements.c.policy,
    measurements.c.check_name,
    measurements.c.slot,
)

incoming = Table(INCOMING, metadata, *_of_measurements(), prefixes=["UNLOGGED"])
