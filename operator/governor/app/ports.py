"""What the operator's work needs from the world.

Adapters implement these; the memory doubles do too, and one contract suite
holds them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from governor.api.source import SourceSpec
from governor.api.status import FindingRef, PolicyStatus
from governor.domain.takeovers import Known
from governor.probes.base import Probe
from governor.values.outcomes import Outcome

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKey:
    """Which object: a name can change hands, a uid can't."""

    uid: str
    namespace: str
    """Empty for cluster-scoped kinds."""
    name: str


class Clock(Protocol):
    """Knows what time it is."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""


class StatusStore(Protocol):
    """Knows how to read policies (or sources) live and to replace their status."""

    async def read(self, key: ObjectKey) -> Json:
        """The object as the server has it now.

        Raises:
            GoneError: absent, or another uid.
            UnavailableError: no answer.
        """

    async def replace_status(self, key: ObjectKey, resource_version: str, status: Json) -> Json:
        """Replaces the whole status if nothing else was written since; the new object.

        Raises:
            ConflictError: another resourceVersion, or another uid (409).
            GoneError: absent (404).
            UnavailableError: timeout, lost connection, 429, 5xx.
            StoreError: any other refusal (a 422 names the field).
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """A Kubernetes Event about an object."""

    name: str
    regarding: ObjectKey
    kind: str
    type: str
    """`Normal` or `Warning`."""
    action: str
    reason: str
    note: str
    """At most 1024 bytes; the adapter cuts it."""
    at: datetime


class EventRecorder(Protocol):
    """Knows how to tell a Kubernetes Event exactly once per name."""

    async def record(self, event: EventRecord) -> None:
        """Creates the Event; one that exists already is a success.

        Raises:
            RejectedError: 403 NamespaceTerminating, 404, 422.
            DeliveryError: anything that may pass.
        """


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


class Sink(Protocol):
    """Knows how to keep governance events for good, for one cluster."""

    async def record(self, episode: Episode) -> OpenFinding | None:
        """Upserts the whole episode; repeating it in any order changes nothing.

        Returns the finding that is already open under the same (policy, check,
        event type), if there is another: then nothing was stored.

        Raises:
            DeliveryError: not now.
            RejectedError: never (the row violates a constraint of the table).
        """

    async def open_findings(self, policy_uid: str | None = None) -> Sequence[OpenFinding]:
        """The unresolved rows of this cluster, or of one policy of it."""

    async def record_revision(self, revision: Revision) -> None:
        """Stores a revision once per (policy uid, generation)."""

    async def revision(self, policy_uid: str, generation: int) -> Json | None:
        """The spec at that generation, if it was stored."""


class Instrument(Protocol):
    """Knows how to measure from one source."""

    async def measure(self, probe: Probe, at: datetime) -> Outcome:
        """One measurement. Never raises but CancelledError: a failure is a Fault."""

    async def version(self) -> str:
        """The server's version, to show that it can be reached.

        Raises:
            FaultError: why it can't.
        """

    async def close(self) -> None:
        """Lets go of every connection."""


class InstrumentMaker(Protocol):
    """Knows how to build the instrument of a source."""

    def make(
        self, name: str, spec: SourceSpec, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> Instrument:
        """Builds it without connecting.

        Args:
            name: of the source, for messages and metrics.
            spec: the source.
            secrets: Secret name → key → value; every Secret that the spec names
                and that exists.

        Raises:
            FaultError: `SecretInvalid`, naming the Secret, the key and the remedy.
        """


class SecretReader(Protocol):
    """Knows how to read Secrets of the operator's own namespace."""

    async def read(self, name: str) -> tuple[str, Mapping[str, bytes]] | None:
        """Its resourceVersion and data; None if there is no such Secret.

        Raises:
            UnavailableError: no answer, or no right to read it.
        """


class Telemetry(Protocol):
    """Knows how to count and to gauge. Series go with their object."""

    def evaluated(self, key: ObjectKey, status: PolicyStatus) -> None:
        """The latest status of a policy, written or not: verdicts, values, pending."""

    def forgotten(self, key: ObjectKey) -> None:
        """The policy is gone: so are its series."""

    def late(self, seconds: float) -> None:
        """A slot was started so long after its time."""

    def probed(self, kind: str, source: str, seconds: float, outcome: Outcome) -> None:
        """A probe took so long and yielded this."""

    def delivered(self, target: str, outcome: str) -> None:
        """A delivery ended: `delivered`, `adopted`, `retried`, `rejected`, `dropped`."""

    def ticked(self) -> None:
        """A kopf timer fired."""

    def source_ready(self, name: str, ready: bool | None) -> None:
        """A source's latest probing; None: it is gone."""


class Informed(Protocol):
    """What the handlers tell the application: what was seen, and when a timer fired.

    Every call returns at once; work happens in tasks of the application's own.
    """

    def policy_seen(self, body: Json) -> None: ...
    def policy_gone(self, uid: str) -> None: ...
    def policy_tick(self, uid: str, tick_seconds: int) -> None: ...
    def source_seen(self, body: Json) -> None: ...
    def source_gone(self, uid: str) -> None: ...
    def namespace_seen(self, name: str, labels: Mapping[str, str]) -> None: ...
    def namespace_gone(self, name: str) -> None: ...
