"""Which of several replicas leads: what a Lease says, and what each may make of it.

The rules are those of client-go's leader election: nobody's wall clock is trusted. A Lease
is over when it has not changed for its whole length on the clock of whoever watches it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

LEASE_SECONDS = 15.0
"""A Lease that has not changed for so long is over."""

RENEW_SECONDS = 10.0
"""A leader that could not renew for so long leads no more: well before another may take over."""

RETRY_SECONDS = 2.0
"""Between two renewals."""

LOOK_SECONDS = 1.0
"""Between two looks of who stands by: when it is given back, nobody leads meanwhile."""

FURTHEST = timedelta(days=7)
"""No replica's wall clock is so far ahead of another's."""

_MOST_TRANSITIONS = 2**31 - 1  # the API server has room for no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who leads, as everybody sees it."""

    holder: str
    """Empty: it was given back."""
    acquired_at: datetime
    renewed_at: datetime
    transitions: int = 0
    """How many terms there were before this one."""

    @property
    def epoch(self) -> int:
        """The term's number, in milliseconds since 1970: later terms have higher ones."""
        return round(self.acquired_at.timestamp() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A version of the Lease, and when it was first seen."""

    version: str
    lease: Lease
    since: float
    """Seconds of a clock that never jumps."""

    def over(self, now: float) -> bool:
        """Whether anybody may take it."""
        return not self.lease.holder or now - self.since > LEASE_SECONDS


def seen(before: Sighting | None, version: str, lease: Lease, now: float) -> Sighting:
    """What is known after a look: a version that was seen before keeps its time."""
    if before is not None and before.version == version:
        return before
    return Sighting(version=version, lease=lease, since=now)


def made_up(epoch: int, now: datetime) -> bool:
    """Whether no leader can have written that epoch: it lies too far ahead."""
    return epoch > (now + FURTHEST).timestamp() * 1000


def taken(before: Lease | None, holder: str, now: datetime, *, highest_epoch: int) -> Lease:
    """The Lease of a new term.

    Args:
        before: as it is; None if there is none. What no replica can have written into it,
            but somebody's hand, counts for nothing: it would stop every later term.
        holder: who takes it.
        now: the wall clock, which may be behind.
        highest_epoch: of every status that was seen: the new term's is above it.
    """
    epoch = before.epoch if before and not made_up(before.epoch, now) else 0
    terms = before.transitions + 1 if before else 0
    return Lease(
        holder=holder,
        acquired_at=_after(now, max(highest_epoch, epoch)),
        renewed_at=now,
        transitions=terms if 0 < terms <= _MOST_TRANSITIONS else 0,
    )


def same_term(one: Lease, other: Lease) -> bool:
    """Whether both are of one holder's one term, however often it was renewed."""
    return (one.holder, one.transitions) == (other.holder, other.transitions)


def renewed(lease: Lease, now: datetime, *, highest_epoch: int) -> Lease:
    """The same term goes on; its epoch stays, unless somebody wrote a higher one into a status."""
    if highest_epoch <= lease.epoch:
        return replace(lease, renewed_at=now)
    return replace(lease, renewed_at=now, acquired_at=_after(now, highest_epoch))


def released(lease: Lease, now: datetime) -> Lease:
    """Given back: the next one need not wait."""
    return replace(lease, holder="", renewed_at=now)


def _after(now: datetime, epoch: int) -> datetime:
    """A time of whole milliseconds, now or just after an epoch."""
    milliseconds = max(round(now.timestamp() * 1000), epoch + 1)
    return datetime.fromtimestamp(0, now.tzinfo) + timedelta(milliseconds=milliseconds)
