"""A status that nobody has kept up to date says nothing any more (protocol, rule 13)."""

from datetime import datetime

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.conditions import COMPLIANT, upsert
from governor.domain.summaries import summary
from governor.values.reasons import Reason, Verdict

STALE = "Stale"


def expired(status: PolicyStatus, now: datetime) -> bool:
    """Whether a status is past the time until which it may be believed."""
    return status.valid_until is not None and status.valid_until < now


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
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else "never"
