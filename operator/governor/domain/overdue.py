"""Which policies are overdue, and which of these the operator has silently stopped for.

Timers are a trigger, not the guarantee. A policy is overdue when a slot of it has waited
for two ticks and no run stands for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from governor.api.status import PolicyStatus
from governor.domain.policies import Check, Policy
from governor.domain.schedules import last_evaluated, longest_tick, next_slot

TICKS_OVERDUE = 2

MEASURING_LIMIT = timedelta(minutes=10)
"""No measurement takes so long: 32 checks with timeouts of 30 s in one queue take less."""

NOTHING_DUE = timedelta(minutes=2)
"""Between two looks at a policy that has no slots now."""

FAILURE_EXCUSES = timedelta(minutes=3)
"""So long after a turn that failed, and said so, nothing else is expected: more than the
longest time between two attempts, and what an API server without an answer adds."""

IN_VAIN = 300.0
"""Seconds overdue, woken again and again and not excused, after which nothing but a
restart of the process is left to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one policy's runner stands."""

    uid: str
    policy: Policy | None
    """None: it can't be understood."""
    status: PolicyStatus
    since: datetime
    """When this process took up the present generation."""
    under_way: Mapping[str, datetime]
    """Check → since when it is being measured."""
    failed_at: datetime | None
    """When its latest turn failed; None: it did not."""
    queued: bool
    """Whether it is yet to begin, and others begin before it."""


def waiting_since(standing: Standing, now: datetime) -> datetime | None:
    """The first slot of an overdue policy that no run stands for; None: it is on time."""
    policy = standing.policy
    if policy is None or policy.suspended:
        return None
    patience = _patience(policy)
    if now - standing.since <= patience:
        return None
    known = {check.name: check for check in standing.status.checks}
    waiting = []
    for check in policy.checks:
        begun = standing.under_way.get(check.name)
        if begun is not None and now - begun < MEASURING_LIMIT:
            continue
        last = last_evaluated(known.get(check.name), check)
        if last is None or now - last > patience:  # else its slot can't have waited so long
            waiting.append(_first_missed(standing, check, last))
    first = min(waiting, default=now)
    return first if now - first > patience else None


def calm_for(standing: Standing, now: datetime) -> timedelta:
    """For how long a policy that is on time can't become overdue, whether it is run or not.

    Two ticks at most: somebody may take away what its status says of its runs.
    """
    policy = standing.policy
    if policy is None or policy.suspended:
        return NOTHING_DUE
    patience, known = _patience(policy), {check.name: check for check in standing.status.checks}
    first = min(
        _first_missed(standing, check, last_evaluated(known.get(check.name), check))
        for check in policy.checks
    )
    return min(patience, max(timedelta(), first + patience - now))


def excused(standing: Standing, now: datetime) -> bool:
    """Whether it is known why it gets nowhere: its turns fail, and say so; or its first is to come.

    A restart would not help there, and nothing has stopped silently. If those that it waits for
    have, they are not excused.
    """
    failed = standing.failed_at is not None and now - standing.failed_at < FAILURE_EXCUSES
    return failed or standing.queued


def _patience(policy: Policy) -> timedelta:
    return timedelta(seconds=TICKS_OVERDUE * longest_tick(c.interval for c in policy.checks))


def _first_missed(standing: Standing, check: Check, last: datetime | None) -> datetime:
    """What was missed before this process took it up is not this process's delay."""
    if last is None:
        return standing.since
    return max(next_slot(standing.uid, check.interval, last), standing.since)
