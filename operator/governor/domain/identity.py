"""Ids that follow from what they name, so that a replay can't make a second one.

UUIDs of version 5 (RFC 9562, 5.5). Every part is fixed by the status write that
carries the decision; after it, nothing about an id is open.
"""

from datetime import datetime
from uuid import UUID, uuid5

from governor.api.log import Entry, Transition
from governor.values.moments import in_utc

_NAMESPACE = UUID("5f0d1a0e-6f63-5c3b-9a59-6b1f6f0f7a11")

_EVENT_ONLY = (Transition.BLIND, Transition.MEASURABLE)

_ONCE = (Transition.OPEN, Transition.RESOLVE)
"""A finding has one of each; of the others it has one a decision."""


def finding_id(policy_uid: str, event_type: str, check: str, opened_at: datetime) -> UUID:
    """The id of the finding that was opened by a decision at that time."""
    return _uuid(policy_uid, event_type, check, _microseconds(opened_at))


def transition_id(finding: UUID, transition: Transition, decided_at: datetime) -> UUID:
    """The id of one transition of a finding; receivers deduplicate by it."""
    if transition in _ONCE:
        return uuid5(finding, transition.value)
    return uuid5(finding, f"{transition.value}:{_microseconds(decided_at)}")


def visibility_id(
    policy_uid: str, check: str, transition: Transition, decided_at: datetime
) -> UUID:
    """The id of a check's turning blind or measurable, which needs no finding."""
    return _uuid(policy_uid, check, transition.value, _microseconds(decided_at))


def derives(policy_uid: str, entry: Entry) -> bool:
    """Whether an entry's ids are the ones that its own words give: else it is forged."""
    if entry.transition in _EVENT_ONLY:
        expected = visibility_id(policy_uid, entry.check, entry.transition, entry.decided_at)
        return entry.finding is None and entry.id == expected
    if entry.finding is None or entry.opened_at is None:
        return False
    finding = finding_id(policy_uid, entry.event_type, entry.check, entry.opened_at)
    expected = transition_id(finding, entry.transition, entry.decided_at)
    return entry.finding == finding and entry.id == expected


def _uuid(*parts: str) -> UUID:
    # A unit separator can't occur in a name, so no two lists of parts join alike.
    return uuid5(_NAMESPACE, "\x1f".join(parts))


def _microseconds(at: datetime) -> str:
    return in_utc(at, "microseconds")
