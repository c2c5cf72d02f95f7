"""Dispatches: findings that became work items, and the functions that executors work by.

The functions are in `migrations/r0002`, one a file.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from governor.adapters.sink.migrations.functions import create_functions
from governor.adapters.sink.migrations.grants import grant, grant_calls, withhold

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_TABLE = "governance_remediation_dispatch"
_ACTIVE = "dispatch_status IN ('pending', 'dispatched', 'executing')"
_ENDED = "dispatch_status IN ('succeeded', 'failed', 'skipped', 'cancelled')"

_WRITER_INSERTS = (
    "id, governance_event_id, event_type, cluster, policy_uid, check_name, executor_type, "
    "max_attempts, decision_context, created_by, created_at"
)

_INNER = (
    "check_dispatch_transition",
    "lease_end",
    "required_text",
    "required_object",
    "held_dispatch",
    "decide_dispatch",
)
_FOR_WRITERS = ("cancel_moot_dispatches", "release_expired_dispatches")
_FOR_EXECUTORS = (
    "claim_dispatch",
    "progress_dispatch",
    "finish_dispatch",
    "fail_dispatch",
    "skip_dispatch",
    "cancel_dispatch",
)


def upgrade() -> None:
    """Makes the table, its rules and functions, and grants what the roles need."""
    schema: str = op.get_context().opts["version_table_schema"]
    _create_table(schema)
    _create_indexes(schema)
    functions = (*_INNER, *_FOR_WRITERS, *_FOR_EXECUTORS)
    create_functions(op, schema, "r0002", functions)
    _create_trigger(schema)
    withhold(op, schema, functions)
    grant(op, schema, "SELECT", (_TABLE,), "governor_reader")
    grant(op, schema, f"SELECT, INSERT ({_WRITER_INSERTS})", (_TABLE,), "governor_writer")
    grant_calls(op, schema, _FOR_WRITERS, "governor_writer")
    grant_calls(op, schema, _FOR_EXECUTORS, "governor_executor")


def _create_table(schema: str) -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("governance_event_id", sa.Uuid, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("cluster", sa.Text, nullable=False),
        sa.Column("policy_uid", sa.Text, nullable=False),
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("executor_type", sa.Text, nullable=False),
        sa.Column("dispatch_status", sa.Text, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("decision_context", JSONB, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("dispatched_at", _TIME),
        sa.Column("claimed_by", sa.Text),
        sa.Column("lease_token", sa.Uuid),
        sa.Column("lease_until", _TIME),
        sa.Column("expirations", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("finished_at", _TIME),
        sa.Column("result", JSONB),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_reason", sa.Text),
        sa.ForeignKeyConstraint(
            ["governance_event_id"],
            [f"{schema}.ai_governance_events.id"],
            name=f"{_TABLE}_event",
        ),
        *_rules(),
        schema=schema,
    )


def _rules() -> list[sa.CheckConstraint]:
    rules = {
        "status": f"{_ACTIVE} OR {_ENDED}",
        "attempts": "attempts BETWEEN 0 AND max_attempts",
        "attempts_left": "dispatch_status <> 'pending' OR attempts < max_attempts",
        "lease": "(dispatch_status IN ('dispatched', 'executing')) = (lease_until IS NOT NULL)",
        "claim": (
            "lease_until IS NULL OR (attempts > 0 AND lease_token IS NOT NULL "
            "AND claimed_by IS NOT NULL AND dispatched_at IS NOT NULL)"
        ),
        "finished": f"({_ACTIVE}) = (finished_at IS NULL)",
        "decided": (
            "(dispatch_status IN ('skipped', 'cancelled')) = (decided_by IS NOT NULL) "
            "AND (decided_by IS NULL) = (decided_reason IS NULL)"
        ),
        "context": "jsonb_typeof(decision_context) = 'object'",
        "result": "jsonb_typeof(result) = 'object'",
    }
    return [sa.CheckConstraint(rule, name=f"{_TABLE}_{name}") for name, rule in rules.items()]


def _create_indexes(schema: str) -> None:
    work = ["cluster", "policy_uid", "check_name", "executor_type"]
    for name, columns, where in (
        ("active", work, _ACTIVE),
        ("pending", ["executor_type", "created_at", "id"], "dispatch_status = 'pending'"),
        ("leased", ["lease_until"], "lease_until IS NOT NULL"),
        ("by_check", [*work, "created_at"], None),
        ("by_event", ["governance_event_id"], None),
    ):
        op.create_index(
            f"{_TABLE}_{name}",
            _TABLE,
            columns,
            unique=name == "active",
            postgresql_where=None if where is None else sa.text(where),
            schema=schema,
        )


def _create_trigger(schema: str) -> None:
    bind = op.get_bind()
    place = bind.dialect.identifier_preparer.quote(schema)
    bind.exec_driver_sql(
        f"CREATE TRIGGER {_TABLE}_transition "
        f"BEFORE UPDATE OF dispatch_status ON {place}.{_TABLE} FOR EACH ROW "
        "WHEN (OLD.dispatch_status IS DISTINCT FROM NEW.dispatch_status) "
        f"EXECUTE FUNCTION {place}.check_dispatch_transition()"
    )
