"""Work items as rows: how one is created, and which one of each kind is the latest.

The operator only inserts them. Executors move them, through the functions of the schema
(docs/executors.md); the index on active ones allows one per (policy, check, executor).
"""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Insert, Select, and_, desc, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from governor.adapters.sink.cleaning import clean_json, clean_text
from governor.adapters.sink.reading import held
from governor.adapters.sink.tables import ACTIVE, dispatches
from governor.api.status import DispatchStatus
from governor.app.ports import DispatchOrder, DispatchRecord

OPERATOR = "governor"
"""Who creates work items, and cancels those whose finding is resolved."""

WORK = ("cluster", "policy_uid", "check_name", "executor_type")
"""What at most one active work item is for."""

_TOLD = (
    dispatches.c.id,
    dispatches.c.governance_event_id,
    dispatches.c.check_name,
    dispatches.c.executor_type,
    dispatches.c.dispatch_status,
    dispatches.c.attempts,
    held(dispatches.c.created_at),
    held(dispatches.c.finished_at),
)
"""What a record needs. The rest may be large: a result is whatever an executor wrote."""

_log = logging.getLogger(__name__)


def dispatch_row(order: DispatchOrder, event: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a new work item for the finding of that row."""
    return {
        "id": order.id,
        "governance_event_id": event["id"],
        **{name: event[name] for name in ("event_type", "cluster", "policy_uid", "check_name")},
        "executor_type": clean_text(order.executor),
        "max_attempts": order.max_attempts,
        "decision_context": clean_json(order.decision_context),
        "created_by": OPERATOR,
        "created_at": order.created_at,
    }


def insert_dispatch(row: dict[str, Any]) -> Insert:
    """Creates the work item, and gives its id, unless another is in its place."""
    return insert(dispatches).values(row).on_conflict_do_nothing().returning(dispatches.c.id)


def in_place_of(row: Mapping[str, Any]) -> Select[UUID]:
    """The id of what is in the place of a work item: itself, else the active one."""
    column = dispatches.c
    same_work = and_(*(column[name] == row[name] for name in WORK))
    active = and_(same_work, column.dispatch_status.in_(ACTIVE))
    itself = column.id == row["id"]
    return select(column.id).where(or_(itself, active)).order_by(desc(itself)).limit(1)


def note_active(row: Mapping[str, Any], active: UUID) -> None:
    """Says that a work item was not created, as another one is under way."""
    _log.info(
        "no work item created: one is active",
        extra={"check": row["check_name"], "executor": row["executor_type"], "active": str(active)},
    )


def latest_dispatches(cluster: str, policy_uid: str) -> Select[Any]:
    """The latest work item of each (check, executor): the active one, else the youngest."""
    column = dispatches.c
    return (
        select(*_TOLD)
        .ext(distinct_on(column.check_name, column.executor_type))
        .where(column.cluster == cluster, column.policy_uid == policy_uid)
        .order_by(
            column.check_name,
            column.executor_type,
            column.dispatch_status.in_(ACTIVE).desc(),
            column.created_at.desc(),
            column.id.desc(),
        )
    )


def dispatch_record(row: Mapping[Any, Any]) -> DispatchRecord:
    """A row as the port tells it."""
    return DispatchRecord(
        check_name=row["check_name"],
        dispatch=DispatchStatus(
            id=row["id"],
            executor=row["executor_type"],
            status=row["dispatch_status"],
            finding=row["governance_event_id"],
            attempts=row["attempts"],
            created_at=row["created_at"],
            finished_at=row["finished_at"],
        ),
    )
