"""When a finding becomes a work item, and when its reminders rest because of one.

The sink alone knows how a work item goes on. What it last told is in the status; a new
one is decided only on what it tells now (protocol, rule 23).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from governor.api.log import Target, Transition
from governor.api.status import CheckStatus, DispatchStatus, FindingRef
from governor.domain.drafting import Draft
from governor.domain.identity import transition_id
from governor.domain.policies import Check
from governor.domain.violations import Violation

OPEN_REVIEW = "OpenReview"
SUCCEEDED_RESTS = timedelta(days=7)
"""So long a success may take to show in the measurement."""

_ACTIVE = frozenset({"pending", "dispatched", "executing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """What the sink has told of a policy's work items: by check, the latest of its executor."""

    dispatches: Mapping[str, DispatchStatus]


def note(status: CheckStatus, check: Check, found: LookUp | None) -> CheckStatus:
    """A check's status with its work item as last known, and whether its reminders rest."""
    known = status.dispatch
    if found is not None:
        known = found.dispatches.get(check.name)
    if check.dispatch is None or (known is not None and known.executor != check.dispatch.executor):
        known = None
    return status.model_copy(update={"dispatch": known})


def suppression(status: CheckStatus, check: Check, now: datetime) -> str | None:
    """`OpenReview` while the work item of the open finding is under way, or lately done."""
    if check.dispatch is None or not check.dispatch.suppress_while_open:
        return None
    dispatch, finding = status.dispatch, status.finding
    if dispatch is None or finding is None or dispatch.finding != finding.id:
        return None
    return OPEN_REVIEW if dispatch.status in _ACTIVE or _rests(dispatch, now) else None


def dispatch(
    violation: Violation, found: LookUp | None, reminder_interval: timedelta, draft: Draft
) -> None:
    """Has a work item created for a finding that is not silenced, where one is due.

    With the opening it goes without a look-up; an active one of the same executor is
    then in its place, and the database keeps it at one.
    """
    check, finding = violation.check, violation.finding
    if check.dispatch is None:
        return
    opening = transition_id(finding.id, Transition.OPEN, finding.opened_at)
    if violation.opens and opening in draft:
        draft.aim(opening, (Target.DISPATCH,))
    elif found is not None and not draft.owes(check.name, Target.DISPATCH):
        latest = found.dispatches.get(check.name)
        if _due(latest, finding, violation.decision.at, reminder_interval):
            draft.add(violation.entry(Transition.DISPATCH, Target.DISPATCH))


def _due(
    latest: DispatchStatus | None,
    finding: FindingRef,
    now: datetime,
    reminder_interval: timedelta,
) -> bool:
    if latest is None:
        return True
    if latest.status in _ACTIVE:
        return False
    if latest.finding != finding.id:
        return True
    match latest.status:
        case "failed":
            return now - latest.created_at >= reminder_interval
        case "succeeded":
            return not _rests(latest, now)
        case _:
            return False  # a person has skipped or cancelled it


def _rests(dispatch: DispatchStatus, now: datetime) -> bool:
    if dispatch.status != "succeeded":
        return False
    return now - (dispatch.finished_at or dispatch.created_at) < SUCCEEDED_RESTS
