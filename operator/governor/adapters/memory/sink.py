"""The sink without a database, for tests: it merges and refuses as the real one does."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from governor.adapters.memory.work_items import InMemoryWorkItems
from governor.adapters.sink.cleaning import clean_json, clean_text
from governor.adapters.sink.remediations import keeping_runs, with_remediation
from governor.adapters.sink.upserts import event_row, revision_row
from governor.app.ports import (
    DispatchOrder,
    DispatchRecord,
    Episode,
    Json,
    OpenFinding,
    RemediationRecord,
    Revision,
)
from governor.errors import DeliveryError, RejectedError

_KEY = ("cluster", "policy_uid", "check_name", "event_type")
_TOLD_TOGETHER = ("details_at", "namespace", "policy", "generation", "severity")


class InMemorySink:
    """Implements `app.ports.Sink`. Several may share `tables`, as clusters do."""

    def __init__(
        self,
        cluster: str = "test",
        *,
        events: dict[UUID, dict[str, Any]] | None = None,
        revisions: dict[tuple[str, str, int], dict[str, Any]] | None = None,
        work_items: InMemoryWorkItems | None = None,
    ) -> None:
        """An empty sink, or one on the tables of another."""
        self.events = {} if events is None else events
        self.revisions = {} if revisions is None else revisions
        self.work_items = work_items or InMemoryWorkItems()
        """What executors work on; a test moves it as they would."""
        self.down: str | None = None
        """Why the database can't be reached; None while it can."""
        self._cluster = clean_text(cluster)

    async def record(
        self, episode: Episode, dispatch: DispatchOrder | None = None
    ) -> OpenFinding | None:
        """As the port says."""
        self._reach()
        if dispatch is not None and dispatch.max_attempts < 1:
            raise RejectedError("the work item breaks its constraints: attempts_left")
        rival = self._store(episode)
        if rival is None:
            row = self.events[episode.id]
            if row["resolved"]:
                self.work_items.cancel_moot(self._is_resolved)
            elif dispatch is not None:
                self.work_items.create(dispatch, row)
        return rival

    async def record_remediation(
        self, episode: Episode, remediation: RemediationRecord
    ) -> OpenFinding | None:
        """As the port says."""
        rival = await self.record(episode)
        if rival is None:
            row = self.events[episode.id]
            row["details"] = with_remediation(row["details"], remediation)
        return rival

    async def dispatches(self, policy_uid: str) -> Sequence[DispatchRecord]:
        """As the port says."""
        self._reach()
        return self.work_items.latest(self._cluster, clean_text(policy_uid))

    async def release_expired(self) -> int:
        """As the port says."""
        self._reach()
        return self.work_items.release_expired(self._cluster, self._is_resolved)

    async def open_findings(self, policy_uid: str | None = None) -> Sequence[OpenFinding]:
        """As the port says; oldest first."""
        self._reach()
        mine = [
            row
            for row in self.events.values()
            if row["cluster"] == self._cluster
            and not row["resolved"]
            and (policy_uid is None or row["policy_uid"] == clean_text(policy_uid))
        ]
        return [_finding(row) for row in sorted(mine, key=lambda r: (r["opened_at"], r["id"]))]

    async def record_revision(self, revision: Revision) -> None:
        """As the port says."""
        self._reach()
        key = (self._cluster, clean_text(revision.policy_uid), revision.generation)
        row = revision_row(revision, self._cluster)
        self.revisions.setdefault(key, {**row, "spec": clean_json(row["spec"])})

    async def revision(self, policy_uid: str, generation: int) -> Json | None:
        """As the port says."""
        self._reach()
        row = self.revisions.get((self._cluster, clean_text(policy_uid), generation))
        return None if row is None else row["spec"]

    async def ping(self) -> None:
        """Returns unless the sink is `down`."""
        self._reach()

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _reach(self) -> None:
        if self.down is not None:
            raise DeliveryError(self.down)

    def _store(self, episode: Episode) -> OpenFinding | None:
        row = event_row(episode, self._cluster)
        row["details"] = clean_json(row["details"])
        _check(row)
        old = self.events.get(episode.id)
        if old is not None:
            row = _merged(old, row)
        elif not row["resolved"] and (rival := self._open_like(row)):
            return _finding(rival)
        self.events[episode.id] = row
        return None

    def _is_resolved(self, finding: UUID) -> bool:
        return bool(self.events[finding]["resolved"])

    def _open_like(self, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        for other in self.events.values():
            if not other["resolved"] and all(other[name] == row[name] for name in _KEY):
                return other
        return None


def _check(row: Mapping[str, Any]) -> None:
    """The constraints of the table, as `tables` has them."""
    holds = {
        "details": isinstance(row["details"], dict),
        "reason": row["resolved"] or row["resolved_reason"] is None,
        "severity": row["severity"] in ("info", "warning", "critical"),
        "folded": row["folded"] == 0 or (row["folded"] > 0 and row["resolved"]),
    }
    if broken := [name for name, held in holds.items() if not held]:
        raise RejectedError(f"the row breaks its constraints: {', '.join(broken)}")


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """As `upserts` says in SQL."""
    more_folded = new["folded"] > old["folded"]
    same_fold = new["folded"] == old["folded"]
    tells = more_folded or (same_fold and new["details_at"] < old["details_at"])
    ends = new["resolved"] and (
        not old["resolved"]
        or more_folded
        or (same_fold and new["resolved_at"] < old["resolved_at"])
    )
    told = new if tells else old
    ended = new if ends else old
    return {
        **old,
        "details": keeping_runs(new["details"], old["details"]) if tells else old["details"],
        **{name: told[name] for name in _TOLD_TOGETHER},
        **{name: ended[name] for name in ("resolved_at", "resolved_reason")},
        "resolved": old["resolved"] or new["resolved"],
        "last_seen_at": max(old["last_seen_at"], new["last_seen_at"]),
        "folded": max(old["folded"], new["folded"]),
    }


def _finding(row: Mapping[str, Any]) -> OpenFinding:
    return OpenFinding(
        id=row["id"],
        event_type=row["event_type"],
        check_name=row["check_name"],
        policy_uid=row["policy_uid"],
        namespace=row["namespace"],
        policy=row["policy"],
        opened_at=row["opened_at"],
    )
