"""Turns entries of the log into what its targets take: rows and Kubernetes Events."""

from governor.api.log import Entry, Transition
from governor.api.policy import PolicySpec
from governor.app.ports import DispatchOrder, Episode, EventRecord, ObjectKey, RemediationRecord
from governor.domain.details import details
from governor.domain.identity import transition_id
from governor.domain.policies import resolve
from governor.domain.remediating import outcome_of
from governor.domain.telling import event_note, event_words
from governor.domain.work_items import decision_context

_NAME_CHARACTERS = 200
_ID_DIGITS = 16


def episode(entry: Entry, key: ObjectKey, spec: PolicySpec | None) -> Episode:
    """The whole finding of an entry, as the sink stores it.

    Args:
        entry: an opening or a resolution.
        key: the policy.
        spec: its spec at the entry's generation, None if it is not known.

    Raises:
        ValueError: the entry belongs to no finding.
    """
    if entry.finding is None or entry.opened_at is None:
        raise ValueError(f"entry {entry.id} ({entry.transition}) belongs to no finding")
    ended = entry.transition is Transition.RESOLVE
    return Episode(
        id=entry.finding,
        event_type=entry.event_type,
        details=details(entry, spec),
        namespace=key.namespace,
        policy=key.name,
        policy_uid=key.uid,
        generation=entry.generation,
        check_name=entry.check,
        severity=entry.severity,
        opened_at=entry.opened_at,
        last_seen_at=entry.decided_at,
        resolved_at=entry.decided_at if ended else None,
        resolved_reason=entry.resolved_reason if ended else None,
        folded=entry.folded,
    )


def work_item(entry: Entry, spec: PolicySpec | None) -> DispatchOrder | None:
    """The work item that an opening, or a later dispatch, asks for.

    None where nobody knows any more who was to work on it: the next violated run asks again.
    """
    if spec is None or entry.finding is None or entry.opened_at is None:
        return None
    check = next((each for each in resolve(spec).checks if each.name == entry.check), None)
    if check is None or check.dispatch is None:
        return None
    at = entry.decided_at if entry.transition is Transition.DISPATCH else entry.opened_at
    return DispatchOrder(
        id=transition_id(entry.finding, Transition.DISPATCH, at),
        executor=check.dispatch.executor,
        max_attempts=check.dispatch.max_attempts,
        decision_context=decision_context(entry, entry.finding, check.dispatch, spec),
        created_at=at,
    )


def remediation(entry: Entry) -> RemediationRecord:
    """What came of a remediation, as its row keeps it."""
    outcome = outcome_of(entry)
    return RemediationRecord(
        id=entry.id,
        at=entry.decided_at,
        changed=outcome.changed,
        not_changed=outcome.not_changed,
        unconfirmed=outcome.unconfirmed,
        cancelled=outcome.cancelled,
    )


def event(entry: Entry, key: ObjectKey) -> EventRecord:
    """The Event about the policy that tells of an entry; its name is the transition's."""
    words = event_words(entry)
    return EventRecord(
        name=_name(entry, key),
        regarding=key,
        kind="GovernancePolicy",
        type=words.type,
        action=words.action,
        reason=words.reason,
        note=event_note(entry),
        at=entry.decided_at,
    )


def _name(entry: Entry, key: ObjectKey) -> str:
    # A part of a DNS name must not end with a dash or a dot, where the cut may fall.
    return f"{key.name[:_NAME_CHARACTERS].rstrip('-.')}.{entry.id.hex[:_ID_DIGITS]}"
