"""What is needed of the database of governance events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from governor.api.status import DispatchStatus, FindingRef
from governor.app.ports.kubernetes import Json
from governor.domain.takeovers import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A finding as the sink stores it: one row, opened and perhaps resolved."""

    id: UUID
    event_type: str
    details: Json
    namespace: str
    policy: str
    policy_uid: str
    generation: int
    check_name: str
    severity: str
    opened_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None = None
    resolved_reason: str | None = None
    folded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFinding:
    """An unresolved row of the sink."""

    id: UUID
    event_type: str
    check_name: str
    policy_uid: str
    namespace: str
    policy: str
    opened_at: datetime

    def known(self) -> Known:
        """The same, as the domain speaks of it."""
        finding = FindingRef(id=self.id, event_type=self.event_type, opened_at=self.opened_at)
        return Known(check=self.check_name, finding=finding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A policy's spec as it was at a generation."""

    policy_uid: str
    generation: int
    namespace: str
    policy: str
    spec: Json
    seen_at: datetime
    field_manager: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchOrder:
    """The work item that an episode is to become."""

    id: UUID
    executor: str
    max_attempts: int
    decision_context: Json
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemediationRecord:
    """What one remediation came to, each id under one of three words."""

    id: UUID
    """The transition's: repeating it changes nothing."""
    at: datetime
    changed: tuple[str, ...] = ()
    not_changed: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    """Found deprecated after a crash: by us or by somebody else."""
    cancelled: str | None = None
    """Why nothing was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRecord:
    """A work item as the sink has it."""

    check_name: str
    dispatch: DispatchStatus


class Sink(Protocol):
    """Knows how to keep governance events for good, for one cluster."""

    async def record(
        self, episode: Episode, dispatch: DispatchOrder | None = None
    ) -> OpenFinding | None:
        """Upserts the whole episode; repeating it in any order changes nothing.

        In the same transaction the dispatch is created, unless one of its id exists, one
        of its (policy, check, executor) is active, or the episode is resolved; and a
        pending dispatch of a resolved episode becomes cancelled.

        Returns the finding that is already open under the same (policy, check,
        event type), if there is another: then nothing was stored.

        Raises:
            DeliveryError: not now.
            RejectedError: never (the row violates a constraint of the table).
        """

    async def record_remediation(
        self, episode: Episode, remediation: RemediationRecord
    ) -> OpenFinding | None:
        """As `record`, and adds to the row what a remediation came to, once per id.

        Whatever order episodes and remediations of a finding come in, the row is the same.
        """

    async def dispatches(self, policy_uid: str) -> Sequence[DispatchRecord]:
        """The latest work item of each (check, executor) of a policy of this cluster.

        Raises:
            DeliveryError: not now.
        """

    async def release_expired(self) -> int:
        """Returns work items whose lease is over to `pending`; how many.

        Raises:
            DeliveryError: not now.
        """

    async def open_findings(self, policy_uid: str | None = None) -> Sequence[OpenFinding]:
        """The unresolved rows of this cluster, or of one policy of it."""

    async def record_revision(self, revision: Revision) -> None:
        """Stores a revision once per (policy uid, generation)."""

    async def revision(self, policy_uid: str, generation: int) -> Json | None:
        """The spec at that generation, if it was stored."""
