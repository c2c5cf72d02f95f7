"""The conditions of a policy, as the table in `ARCHITECTURE.md` lists them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, assert_never

from governor.api.conditions import Condition
from governor.api.log import Entry, channel_of
from governor.api.status import CheckStatus
from governor.domain.judging import one_line
from governor.domain.surroundings import ChannelView
from governor.values.moments import in_seconds
from governor.values.reasons import Reason, Verdict

Truth = Literal["True", "False", "Unknown"]
Told = tuple[Truth, str, str]
"""A condition's status, reason and message."""

READY = "Ready"
COMPLIANT = "Compliant"
STALLED = "Stalled"
NOTIFYING = "Notifying"

PATIENCE = timedelta(minutes=1)
"""So long a notification may wait before a condition says so."""

_NAMED = 5
"""So many checks a message names before it only counts."""


def upsert(
    conditions: Sequence[Condition],
    type_: str,
    told: Told,
    *,
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """Sets one condition; `lastTransitionTime` moves only when its status does."""
    status, reason, message = told
    before = next((c for c in conditions if c.type == type_), None)
    if before and _told(before) == (told, generation):
        return tuple(conditions)
    since = before.last_transition_time if before and before.status == status else now
    condition = Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        observed_generation=generation,
        last_transition_time=since.replace(microsecond=0),
    )
    if before is None:
        return (*conditions, condition)
    return tuple(condition if c.type == type_ else c for c in conditions)


def _told(condition: Condition) -> tuple[Told, int]:
    told = condition.status, condition.reason, condition.message
    return told, condition.observed_generation


def remove(conditions: Sequence[Condition], type_: str) -> tuple[Condition, ...]:
    """All but one type."""
    return tuple(c for c in conditions if c.type != type_)


def of_policy(
    before: Sequence[Condition],
    checks: Sequence[CheckStatus],
    *,
    suspended: bool,
    generation: int,
    now: datetime,
    refused: str | None = None,
) -> tuple[Condition, ...]:
    """`Ready`, `Compliant` and, where a person is needed, `Stalled`.

    Args:
        before: as they were.
        checks: as they are.
        suspended: whether the policy is.
        generation: of the policy.
        now: the time.
        refused: why what the policy enforces may not be done.
    """
    at = partial(upsert, generation=generation, now=now)
    if suspended:
        message = "suspended: nothing is measured until spec.suspend is false"
        after = at(before, READY, ("True", "Suspended", message))
        after = at(after, COMPLIANT, ("Unknown", "Suspended", message))
        return remove(after, STALLED)
    after = at(before, READY, _ready(checks, refused))
    after = at(after, COMPLIANT, _compliant(checks))
    stuck = [c for c in checks if c.reason.needs_a_person]
    if not stuck:
        return remove(after, STALLED)
    return at(after, STALLED, ("True", stuck[0].reason, _names(stuck)))


def notifying(
    before: Sequence[Condition],
    channels: Mapping[str, ChannelView],
    pending: Sequence[Entry],
    *,
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """`Notifying`, where a policy names channels: whether they can be and are told."""
    if not channels:
        return remove(before, NOTIFYING)
    told: Told = ("True", "Configured", "every channel is configured")
    waiting = [
        (name, entry.decided_at)
        for entry in pending
        for target in entry.targets
        if (name := channel_of(target)) and now - entry.decided_at >= PATIENCE
    ]
    if waiting:
        names = ", ".join(sorted({name for name, _ in waiting}))
        since = in_seconds(min(at for _, at in waiting))
        message = f"{names}: notifications wait since {since}; see the channel's conditions"
        told = ("False", "DeliveryFailing", message)
    faults = [view.fault for view in channels.values() if view.fault is not None]
    if faults:
        told = ("False", faults[0][0], "; ".join(message for _, message in faults))
    return upsert(before, NOTIFYING, told, generation=generation, now=now)


def not_understood(
    before: Sequence[Condition], message: str, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions of a policy whose spec can't be understood."""
    at = partial(upsert, generation=generation, now=now)
    message, reason = one_line(message), "SpecInvalid"
    after = at(before, READY, ("False", reason, message))
    after = at(after, COMPLIANT, ("Unknown", reason, message))
    return at(after, STALLED, ("True", reason, message))


def _ready(checks: Sequence[CheckStatus], refused: str | None) -> Told:
    errors = [c for c in checks if c.verdict is Verdict.ERROR]
    if errors:
        # What a person must mend stands before what may pass.
        errors.sort(key=lambda c: not c.reason.needs_a_person)
        return "False", errors[0].reason, _names(errors)
    waiting = _unevaluated(checks)
    if waiting:
        return "Unknown", "Pending", f"{len(waiting)} of {len(checks)} checks not yet evaluated"
    if refused:
        return "False", "RemediationForbidden", refused
    return "True", "Evaluated", f"{_counted(len(checks))} evaluated"


def _compliant(checks: Sequence[CheckStatus]) -> Told:
    worst = min(checks, key=lambda c: c.verdict.rank).verdict
    named = [c for c in checks if c.verdict is worst]
    match worst:
        case Verdict.VIOLATED:
            return "False", "Violated", _names(named)
        case Verdict.ERROR:
            named.sort(key=lambda c: not c.reason.needs_a_person)
            return "Unknown", named[0].reason, _names(named)
        case Verdict.NO_DATA:
            if waiting := _unevaluated(checks):
                return "Unknown", "Pending", f"{len(waiting)} of {len(checks)} not yet evaluated"
            return "Unknown", "NoData", _names(named)
        case Verdict.WARNING:
            return "True", "Warning", _names(named)
        case Verdict.OK:
            return "True", "Ok", _all_ok(len(checks))
        case _:
            assert_never(worst)


def _counted(count: int) -> str:
    return "1 check" if count == 1 else f"{count} checks"


def _all_ok(count: int) -> str:
    return "the only check is Ok" if count == 1 else f"all {count} checks are Ok"


def _unevaluated(checks: Sequence[CheckStatus]) -> list[CheckStatus]:
    return [c for c in checks if c.reason is Reason.NOT_YET_EVALUATED]


def _names(checks: Sequence[CheckStatus]) -> str:
    """`name: message; name: message`, the first few, and how many more."""
    told = "; ".join(f"{c.name}: {c.message or c.reason}" for c in checks[:_NAMED])
    more = len(checks) - _NAMED
    return told + (f"; and {more} more" if more > 0 else "")
