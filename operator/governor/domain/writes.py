"""When a new status is worth a write to the API server (protocol, rule 11)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.schedules import TOLERANCE, slot_at
from governor.domain.staleness import AHEAD

RIDER_PERIOD = timedelta(minutes=5)
"""Between two writes of a policy of which nothing changes but values and times."""

PATIENCE = timedelta(minutes=1)
"""So long values that are due wait for runs under way, to be written with theirs."""


def causes_write(before: PolicyStatus, after: PolicyStatus) -> bool:
    """Whether the change itself must be written now.

    Values, messages and times alone ride along with the next write.
    """
    return _essence(before) != _essence(after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """When checks of a policy are measured."""

    interval: timedelta
    """The shortest, from run to run."""
    coming: datetime
    """When the next one comes."""
    begun: datetime | None = None
    """When the oldest one began that is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Riders:
    """Values of a policy that wait for a write, to ride on it."""

    written: datetime | None
    """When those were measured that the API server has."""
    evaluated: datetime | None
    """When those were measured that wait."""
    runs: Runs | None
    """None where there are none any more."""


def rider_due(uid: str, riders: Riders, now: datetime) -> bool:
    """Whether values that wait for a write have waited long enough.

    They are written with the last run that comes in time, with fresh values then. Where
    the interval divides the period, that is the run of a slot of the policy's own, so that
    a herd that was written together does not go on so. If slow checks of that run are still
    under way, they are waited for: else theirs would be stored a period later, or in a
    write of their own.
    """
    written, evaluated = riders.written, riders.evaluated
    if written is None or written > now + AHEAD:
        return True  # a clock that was ahead has said it is valid when it no longer is
    runs = riders.runs
    if runs is None:
        return now - written >= RIDER_PERIOD
    # The second bound is for slow ones that are under way in turn, always.
    latest = written + max(2 * RIDER_PERIOD, runs.interval) + PATIENCE
    if runs.begun and now < min(runs.begun + PATIENCE, latest):
        return False
    if evaluated is None or RIDER_PERIOD % runs.interval:
        return runs.coming > written + RIDER_PERIOD
    return written + TOLERANCE < rider_slot(uid, evaluated + TOLERANCE)


def rider_slot(uid: str, at: datetime) -> datetime:
    """The policy's latest slot of every five minutes, at or before a time.

    Wherever the interval divides the period, its runs have that slot, too: however late or
    early they begin, one of them is the first since then, and only one.
    """
    return slot_at(uid, RIDER_PERIOD.seconds, at)


def owes(status: PolicyStatus) -> bool:
    """Whether something of a status is to be told, or told again: so it must be ours first."""
    return (
        bool(status.pending or status.mutes)
        or any(each.finding or each.last_finding for each in status.findings)
        or any(
            each.finding or each.last_finding or each.blind or each.last_blind
            for each in status.checks
        )
    )


def _essence(status: PolicyStatus) -> tuple[object, ...]:
    return (
        status.observed_generation,
        status.verdict,
        status.last_handled_run_now,
        status.slo and status.slo.status,
        tuple((c.type, c.status, c.reason) for c in status.conditions),
        tuple(_check_essence(check) for check in status.checks),
        status.findings,
        tuple((mute.uid, mute.finding, mute.expires_at) for mute in status.mutes),
        tuple((e.id, e.targets) for e in status.pending),
    )


def _check_essence(check: CheckStatus) -> tuple[object, ...]:
    return (
        check.name,
        check.digest,
        check.verdict,
        check.reason,
        (check.violations, check.successes, check.blind_runs),
        (check.finding, check.last_finding, check.blind, check.last_blind, check.blind_since),
        (check.dispatch, check.suppressed, check.muted_until),
    )
