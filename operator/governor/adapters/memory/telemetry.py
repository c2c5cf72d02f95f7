"""Telemetry that a test can read back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from governor.api.log import Entry
from governor.api.status import PolicyStatus
from governor.app.ports import ObjectKey, Telemetry
from governor.values.outcomes import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Probing:
    """One call of `probed`."""

    kind: str
    source: str
    seconds: float
    outcome: Outcome


@dataclass(slots=True)
class InMemoryTelemetry(Telemetry):
    """Keeps everything it is told, in order."""

    statuses: dict[ObjectKey, PolicyStatus] = field(default_factory=dict)
    left_pending: dict[ObjectKey, int] = field(default_factory=dict)
    """Policies that are gone → how many entries were last left to tell."""
    lateness: list[float] = field(default_factory=list)
    probings: list[Probing] = field(default_factory=list)
    queries: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Source and way → how many queries."""
    batches: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Source and outcome → how many batches."""
    deliveries: list[tuple[str, str]] = field(default_factory=list)
    ticks: int = 0
    misses: list[tuple[str, int, int]] = field(default_factory=list)
    """Kind, ends, and what else no watch told."""
    vanished_ended: int = 0
    vanished_doubted: int = 0
    overdue_now: int = 0
    overdue_ever: int = 0
    sources: dict[str, bool] = field(default_factory=dict)
    channels: dict[str, bool] = field(default_factory=dict)
    muted: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Namespace and name of a policy → its active and refused mutes."""

    stored: int = 0
    shed: Counter[str] = field(default_factory=Counter)
    """Values that were not stored, by reason."""
    waiting: int = 0

    leading: list[bool] = field(default_factory=list)

    def evaluated(self, key: ObjectKey, status: PolicyStatus) -> None:
        """Keeps the latest status of each policy."""
        self.statuses[key] = status

    def forgotten(self, key: ObjectKey) -> None:
        """Drops the policy's status."""
        self.statuses.pop(key, None)

    def left(self, key: ObjectKey, pending: Sequence[Entry]) -> None:
        """Keeps how much is to be told of a policy that is gone."""
        self.left_pending[key] = len(pending)

    def late(self, seconds: float) -> None:
        """Keeps how late a slot was."""
        self.lateness.append(seconds)

    def probed(self, kind: str, source: str, seconds: float, outcome: Outcome) -> None:
        """Keeps the probing."""
        self.probings.append(Probing(kind=kind, source=source, seconds=seconds, outcome=outcome))

    def queried(self, source: str, way: str, count: int) -> None:
        """Counts them."""
        self.queries[source, way] += count

    def batched(self, source: str, outcome: str) -> None:
        """Counts it."""
        self.batches[source, outcome] += 1

    def delivered(self, target: str, outcome: str) -> None:
        """Keeps the delivery."""
        self.deliveries.append((target, outcome))

    def ticked(self) -> None:
        """Counts the tick."""
        self.ticks += 1

    def overdue(self, *, now: int, begun: int) -> None:
        """Keeps how many are overdue, and counts those that ever were."""
        self.overdue_now = now
        self.overdue_ever += begun

    def missed(self, kind: str, *, gone: int, seen: int) -> None:
        """Keeps what was missed."""
        self.misses.append((kind, gone, seen))

    def vanished(self, *, ended: int, doubted: int) -> None:
        """Counts both."""
        self.vanished_ended += ended
        self.vanished_doubted += doubted

    def mutes(self, namespace: str, policy: str, *, active: int, refused: int) -> None:
        """Keeps the latest counts of each policy that has mutes."""
        self.muted[namespace, policy] = active, refused
        if not active + refused:
            del self.muted[namespace, policy]

    def source_ready(self, name: str, ready: bool | None) -> None:
        """Keeps the latest readiness of each source that is not gone."""
        if ready is None:
            self.sources.pop(name, None)
        else:
            self.sources[name] = ready

    def channel_ready(self, name: str, ready: bool | None) -> None:
        """Keeps the latest readiness of each channel that is not gone."""
        if ready is None:
            self.channels.pop(name, None)
        else:
            self.channels[name] = ready

    def measurements_stored(self, count: int) -> None:
        """Counts them."""
        self.stored += count

    def measurements_shed(self, reason: str, count: int) -> None:
        """Counts them by reason."""
        self.shed[reason] += count

    def measurements_waiting(self, count: int) -> None:
        """Keeps how many wait."""
        self.waiting = count

    def leads(self, *, leading: bool) -> None:
        """Keeps every change; at an end, drops what was kept of objects."""
        self.leading.append(leading)
        if not leading:
            for kept in (self.statuses, self.muted, self.sources, self.channels):
                kept.clear()
