"""When a new status is worth a write to the API server (protocol, rule 11)."""

import hashlib
from datetime import UTC, datetime, timedelta

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.staleness import AHEAD

RIDER_PERIOD = timedelta(minutes=5)
"""Between two writes of a policy of which nothing changes but values and times."""

_PATIENCE = timedelta(seconds=5)
"""A run that is due just when they are too old comes first."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def causes_write(before: PolicyStatus, after: PolicyStatus) -> bool:
    """Whether the change itself must be written now.

    Values, messages and times alone ride along with the next write.
    """
    return _essence(before) != _essence(after)


def rider_due(
    uid: str, written: datetime | None, evaluated: datetime | None, now: datetime
) -> bool:
    """Whether values that wait for a write have waited long enough.

    Each policy has a moment of its own in every period, so that a herd does not write together,
    and the first run after it has its values written. If none comes, what waits is written.

    Args:
        uid: the policy.
        written: when the values were measured that the API server has.
        evaluated: when those were that wait.
        now: the time.
    """
    if written is None or written > now + AHEAD:
        return True  # a clock that was ahead has said it is valid when it no longer is
    if evaluated is not None and written < rider_moment(uid, evaluated):
        return True
    return now - written >= RIDER_PERIOD + _PATIENCE


def rider_moment(uid: str, at: datetime) -> datetime:
    """The policy's latest moment, at or before a time."""
    phase = (
        int.from_bytes(hashlib.sha256(uid.encode()).digest()[8:12], "big") % RIDER_PERIOD.seconds
    )
    return at - (at - _EPOCH - timedelta(seconds=phase)) % RIDER_PERIOD


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
