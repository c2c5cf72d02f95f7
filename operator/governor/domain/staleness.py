"""A status that nobody has kept up to date says nothing any more (protocol, rule 13)."""

from datetime import datetime, timedelta

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.conditions import COMPLIANT, upsert
from governor.domain.summaries import summary
from governor.values.moments import in_seconds
from governor.values.reasons import Reason, Verdict

STALE = "Stale"

AHEAD = timedelta(seconds=5)
"""So far a time may lie ahead of the clock: a slot's tolerance, and clocks that differ."""


def expired(status: PolicyStatus, now: datetime) -> bool:
    """Whether a status is past the time until which it may be believed."""
    return status.valid_until is not None and status.valid_until < now


def believable(status: PolicyStatus, now: datetime) -> PolicyStatus:
    """The same status without times that have not come yet.

    They are left by a clock that was wrong, or by somebody's hand. A check that was
    evaluated in the future would not be due until then, and stay as it is.
    """
    limit = now + AHEAD
    ahead = [check for check in status.checks if any(at and at > limit for at in _times(check))]
    if not ahead:
        return status
    checks = tuple(_forget(check) if check in ahead else check for check in status.checks)
    return status.model_copy(update={"checks": checks, "valid_until": None})


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
