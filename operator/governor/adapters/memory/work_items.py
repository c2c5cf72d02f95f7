"""The work items of a sink without a database: the rules that the schema's functions hold."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from governor.adapters.sink.dispatches import (
    OPERATOR,
    WORK,
    dispatch_record,
    dispatch_row,
    note_active,
)
from governor.adapters.sink.tables import ACTIVE
from governor.api.status import DispatchState
from governor.app.ports import DispatchOrder, DispatchRecord
from governor.errors import RejectedError

Row = dict[str, Any]

_CLAIMED = ("dispatched", "executing")
_WAYS: Mapping[str, tuple[str, ...]] = {
    "pending": ("dispatched", "skipped", "cancelled"),
    "dispatched": ("executing", "succeeded", "failed", "skipped", "cancelled", "pending"),
    "executing": ("succeeded", "failed", "skipped", "cancelled", "pending"),
}


def _now() -> datetime:
    return datetime.now(UTC)


class InMemoryWorkItems:
    """Rows of `governance_remediation_dispatch`, of any cluster."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        """None yet.

        Args:
            now: the database's clock.
        """
        self.rows: dict[UUID, Row] = {}
        self._now = now

    def create(self, order: DispatchOrder, event: Row) -> None:
        """Creates one for the finding of that row, unless another is in its place."""
        row = dispatch_row(order, event)
        if order.id in self.rows:
            return
        for other in self.rows.values():
            if other["dispatch_status"] in ACTIVE and all(other[k] == row[k] for k in WORK):
                note_active(row, other["id"])
                return
        self.rows[order.id] = {
            **row,
            "dispatch_status": "pending",
            "attempts": 0,
            "expirations": 0,
            **dict.fromkeys(("dispatched_at", "lease_until", "finished_at", "decided_by")),
        }

    def move(
        self, item: UUID, status: DispatchState, lease: timedelta = timedelta(minutes=5)
    ) -> None:
        """Has an executor, or a person, move a work item.

        Args:
            item: its id.
            status: where to; `dispatched` is a claim, and counts as an attempt.
            lease: how long a claim holds.

        Raises:
            RejectedError: there is no such way.
        """
        row = self.rows[item]
        if status not in _WAYS.get(row["dispatch_status"], ()):
            raise RejectedError(f"it is {row['dispatch_status']}: it can't become {status}")
        row["dispatch_status"] = status
        row["lease_until"] = self._now() + lease if status in _CLAIMED else None
        if status == "dispatched":
            row |= {"attempts": row["attempts"] + 1, "dispatched_at": self._now()}
        if status not in ACTIVE:
            row["finished_at"] = self._now()

    def release_expired(self, cluster: str, resolved: Callable[[UUID], bool]) -> int:
        """Those of a cluster whose lease is over wait again, or are moot; how many."""
        expired = [
            row
            for row in self.rows.values()
            if row["cluster"] == cluster
            and row["lease_until"]
            and row["lease_until"] <= self._now()
        ]
        for row in expired:
            self.move(row["id"], "pending")
            row |= {"attempts": row["attempts"] - 1, "expirations": row["expirations"] + 1}
        self.cancel_moot(resolved)
        return len(expired)

    def cancel_moot(self, resolved: Callable[[UUID], bool]) -> None:
        """Those of resolved findings that nobody has claimed are cancelled."""
        for row in self.rows.values():
            if row["dispatch_status"] == "pending" and resolved(row["governance_event_id"]):
                self.move(row["id"], "cancelled")
                row["decided_by"] = OPERATOR

    def latest(self, cluster: str, policy_uid: str) -> list[DispatchRecord]:
        """Of each (check, executor) of a policy: the active one, else the youngest."""
        latest: dict[tuple[str, str], Row] = {}
        mine = [
            row
            for row in self.rows.values()
            if (row["cluster"], row["policy_uid"]) == (cluster, policy_uid)
        ]
        for row in sorted(mine, key=_age):
            latest[row["check_name"], row["executor_type"]] = row
        return [dispatch_record(row) for _, row in sorted(latest.items())]


def _age(row: Row) -> tuple[bool, datetime, UUID]:
    return row["dispatch_status"] in ACTIVE, row["created_at"], row["id"]
