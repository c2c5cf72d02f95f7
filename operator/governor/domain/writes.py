"""When a new status is worth a write to the API server (protocol, rule 11)."""

import hashlib
from datetime import datetime, timedelta

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.staleness import AHEAD

OLDEST_RIDER = timedelta(minutes=5)
_JITTER_SECONDS = 60


def causes_write(before: PolicyStatus, after: PolicyStatus) -> bool:
    """Whether the change itself must be written now.

    Values, messages and times alone ride along with the next write.
    """
    return _essence(before) != _essence(after)


def rider_period(uid: str) -> timedelta:
    """How old values may get in the API server: under 5 minutes, spread over policies."""
    jitter = int.from_bytes(hashlib.sha256(uid.encode()).digest()[8:12], "big") % _JITTER_SECONDS
    return OLDEST_RIDER - timedelta(seconds=jitter)


def rider_due(uid: str, written: datetime | None, now: datetime) -> bool:
    """Whether values that wait for a write have waited long enough.

    What was written by a clock that was ahead claims to be valid when it no longer is.
    """
    return written is None or now - written >= rider_period(uid) or written > now + AHEAD


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
