"""When checks are due: slots on a wall-clock grid, the same after every restart.

Slot k of a check lies at `k * interval + phase`, counted from the Unix epoch.
The phase is a stable digest of the policy's uid, so that policies spread over
the interval, while the checks of one policy that share an interval run together.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.policies import INTERVAL, Check, Policy
from governor.values.durations import seconds
from governor.values.reasons import Reason

TICKS = (60, 30, 15, 10, 5)
"""Seconds; the lengths of the timers that exist."""

TOLERANCE = timedelta(milliseconds=500)
"""So much ahead of its time a slot counts as due."""

FIRST_RETRY = timedelta(seconds=30)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A check that is to be measured now."""

    check: Check
    slot: datetime
    """The slot that the run stands for: the latest one at or before now."""
    scheduled: bool
    """False for an extra run: new generation, run-now, retry, a source's change."""


def tick_length(spec: Mapping[str, Any]) -> int:
    """The longest timer, in seconds, that divides every interval of a raw spec."""
    if spec.get("suspend"):
        return TICKS[0]
    try:
        default = spec.get("interval") or INTERVAL
        intervals = [seconds(check.get("interval") or default) for check in spec["checks"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        return TICKS[0]  # not understood; its condition says so
    return longest_tick(intervals)


def longest_tick(intervals: Iterable[int]) -> int:
    """The longest timer, in seconds, that divides all these intervals."""
    length = math.gcd(*intervals)
    return next((tick for tick in TICKS if length % tick == 0), TICKS[-1])


def slot_at(uid: str, interval: int, at: datetime) -> datetime:
    """The latest slot at or before a time; interval in seconds."""
    return latest(at, timedelta(seconds=interval), _offset(uid) % (interval * 1000) * _MILLISECOND)


def latest(at: datetime, length: timedelta, phase: timedelta) -> datetime:
    """The latest point at or before a time of a grid that is counted from the Unix epoch."""
    return at - (at - _EPOCH - phase) % length


@lru_cache(maxsize=65_536)
def _offset(uid: str) -> int:
    """Where on the grid a policy lies: asked for at every look at a check."""
    return int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8], "big")


def next_slot(uid: str, interval: int, after: datetime) -> datetime:
    """The first slot later than a time."""
    return slot_at(uid, interval, after) + timedelta(seconds=interval)


def next_run(uid: str, policy: Policy, after: datetime) -> datetime:
    """The first slot of any check later than a time."""
    return min(next_slot(uid, interval, after) for interval in _intervals(policy))


def due(
    uid: str,
    policy: Policy,
    status: PolicyStatus,
    now: datetime,
    *,
    extra: frozenset[str] = frozenset(),
) -> tuple[Due, ...]:
    """The checks to measure now: those whose slot has come, and the named extra ones.

    Missed slots coalesce into one run, for the latest of them. A check that was
    never evaluated under its present spec is due at once.
    """
    if policy.suspended:
        return ()
    known = {check.name: check for check in status.checks}
    found = []
    for check in policy.checks:
        slot = slot_at(uid, check.interval, now + TOLERANCE)
        last = last_evaluated(known.get(check.name), check)
        # A run that started within the tolerance before its slot is stamped with
        # the slot, so "evaluated at or after the slot" is exact.
        scheduled = last is not None and last < slot
        if scheduled or last is None or check.name in extra:
            found.append(Due(check=check, slot=slot, scheduled=scheduled))
    return tuple(found)


def stamp(now: datetime, slot: datetime) -> datetime:
    """The `lastEvaluated` of a run: its start, and never before the slot it stands for."""
    return max(now, slot)


def last_evaluated(status: CheckStatus | None, check: Check) -> datetime | None:
    """When a check was last evaluated under its present spec; None: never."""
    return status.last_evaluated if status and status.digest == check.digest else None


def retry_delay(reason: Reason, attempt: int, interval: int) -> timedelta:
    """How long after an Error a check is measured again, out of turn.

    Args:
        reason: of the Error.
        attempt: 0 for the first retry in a row.
        interval: seconds between slots; a retry never waits longer.
    """
    turn = timedelta(seconds=interval)
    if reason is Reason.QUERY_INVALID:
        return turn
    return min(FIRST_RETRY * (1 << min(attempt, 16)), turn)


def upcoming(uid: str, policy: Policy, now: datetime, window: timedelta) -> tuple[datetime, ...]:
    """Every slot of any check in the window after now, in order, each once."""
    if policy.suspended:
        return ()
    end = now + window
    slots = set()
    for interval in _intervals(policy):
        slot = next_slot(uid, interval, now)
        while slot <= end:
            slots.add(slot)
            slot += timedelta(seconds=interval)
    return tuple(sorted(slots))


def _intervals(policy: Policy) -> set[int]:
    return {check.interval for check in policy.checks}
