"""What is needed of the clock and of the metrics."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from governor.api.log import Entry
from governor.api.status import PolicyStatus
from governor.app.ports.kubernetes import ObjectKey
from governor.values.outcomes import Outcome


class Clock(Protocol):
    """Knows what time it is."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""


class Telemetry(Protocol):
    """Knows how to count and to gauge. Series go with their object."""

    def evaluated(self, key: ObjectKey, status: PolicyStatus) -> None:
        """The latest status of a policy, written or not: verdicts, values, pending."""

    def forgotten(self, key: ObjectKey) -> None:
        """The policy is gone: so are its series."""

    def left(self, key: ObjectKey, pending: Sequence[Entry]) -> None:
        """What is yet to be told of a policy that is gone; nothing: all is told."""

    def late(self, seconds: float) -> None:
        """A slot was started so long after its time."""

    def probed(self, kind: str, source: str, seconds: float, outcome: Outcome) -> None:
        """A probe took so long and yielded this."""

    def queried(self, source: str, way: str, count: int) -> None:
        """So many queries were asked: `alone`, `batched`, or `shared` with another check's."""

    def batched(self, source: str, outcome: str) -> None:
        """A batch of queries was `answered`, or failed and was `divided`."""

    def delivered(self, target: str, outcome: str) -> None:
        """A delivery ended: `delivered`, `adopted`, `retried`, `rejected`, `dropped`."""

    def ticked(self) -> None:
        """A kopf timer fired."""

    def overdue(self, *, now: int, begun: int) -> None:
        """So many policies are overdue by two ticks; so many of them are since the last call."""

    def missed(self, kind: str, *, gone: int, seen: int) -> None:
        """So many ends, and so many objects or versions, no watch told of a kind."""

    def vanished(self, *, ended: int, doubted: int) -> None:
        """So many findings were ended as their policy is no more; so many policies doubted."""

    def channel_ready(self, name: str, ready: bool | None) -> None:
        """Whether a channel takes what it is told; None: it is gone."""

    def mutes(self, namespace: str, policy: str, *, active: int, refused: int) -> None:
        """How many mutes of a policy silence something, and how many are not honoured."""

    def source_ready(self, name: str, ready: bool | None) -> None:
        """A source's latest probing; None: it is gone."""

    def measurements_stored(self, count: int) -> None:
        """So many values are in the database now, and were not before."""

    def measurements_shed(self, reason: str, count: int) -> None:
        """So many values will never be in the database; why is one of a few words."""

    def measurements_waiting(self, count: int) -> None:
        """So many values wait to be stored."""

    def leads(self, *, leading: bool) -> None:
        """This replica begins to lead, or ends: then every series of an object goes."""
