"""A status that nobody has kept up to date says nothing any more (protocol, rule 13)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.conditions import COMPLIANT, upsert
from governor.domain.policies import Policy
from governor.domain.summaries import summary
from governor.values.moments import in_seconds
from governor.values.reasons import Reason, Verdict

STALE = "Stale"

AHEAD = timedelta(seconds=5)
"""So far a time may lie ahead of the clock: a slot's tolerance, and clocks that differ."""


SHORTEST_VALIDITY = timedelta(minutes=15)
INTERVALS_VALID = 3


def validity(interval: int) -> timedelta:
    """How long after an evaluation what it found may be believed; interval in seconds."""
    return max(INTERVALS_VALID * timedelta(seconds=interval), SHORTEST_VALIDITY)


def expired(status: PolicyStatus, now: datetime) -> bool:
    """Whether a status is past the time until which it may be believed."""
    return status.valid_until is not None and status.valid_until < now


def believable(status: PolicyStatus, policy: Policy, now: datetime) -> PolicyStatus:
    """The same status without times that have not come yet, and without verdicts too old.

    Times ahead are left by a clock that was wrong, or by somebody's hand. A check that was
    evaluated in the future would not be due until then, and stay as it is.

    A verdict is too old if nothing was measured for its check for so long, as of a policy that
    was suspended, or while its source hangs: the run of another check must not make it valid.
    """
    limit, recent = now + AHEAD, now - SHORTEST_VALIDITY
    if all(_within(check, recent, limit) for check in status.checks):
        return status  # as nearly always
    intervals = {check.name: check.interval for check in policy.checks}
    checks = tuple(_believed(check, intervals, limit, now) for check in status.checks)
    if checks == status.checks:
        return status
    return status.model_copy(update={"checks": checks, "valid_until": None})


def _within(check: CheckStatus, recent: datetime, limit: datetime) -> bool:
    times = [at for at in _times(check) if at]
    evaluated = check.last_evaluated
    return all(at <= limit for at in times) and (evaluated is None or evaluated >= recent)


def _believed(
    check: CheckStatus, intervals: Mapping[str, int], limit: datetime, now: datetime
) -> CheckStatus:
    if any(at and at > limit for at in _times(check)):
        return _forget(check)
    evaluated, interval = check.last_evaluated, intervals.get(check.name)
    if evaluated is None or interval is None or evaluated >= now - validity(interval):
        return check
    return _expire(check)


def _times(check: CheckStatus) -> tuple[datetime | None, ...]:
    return check.last_evaluated, check.counted_slot, check.blind_slot


def _forget(check: CheckStatus) -> CheckStatus:
    return _expire(check).model_copy(update={"counted_slot": None, "blind_slot": None})


def expire(status: PolicyStatus, generation: int, now: datetime) -> PolicyStatus:
    """The same status without its verdicts: they are too old to be shown beside new ones.

    Findings and counts stay: they are judged again.
    """
    checks = tuple(_expire(check) for check in status.checks)
    message = f"last evaluated {_time(status.last_evaluated)}; evaluating again"
    return status.model_copy(
        update={
            "verdict": Verdict.NO_DATA.value,
            "valid_until": None,
            "summary": summary(checks),
            "slo": None,
            "checks": checks,
            "conditions": upsert(
                status.conditions,
                COMPLIANT,
                ("Unknown", STALE, message),
                generation=generation,
                now=now,
            ),
        }
    )


def _expire(check: CheckStatus) -> CheckStatus:
    return check.model_copy(
        update={
            "verdict": Verdict.NO_DATA,
            "reason": Reason.NOT_YET_EVALUATED,
            "message": f"last evaluated {_time(check.last_evaluated)}; evaluating again",
            "value": None,
            "gap": None,
            "samples": None,
            "last_evaluated": None,
        }
    )


def _time(at: datetime | None) -> str:
    return in_seconds(at) if at else "never"
