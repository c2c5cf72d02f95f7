"""What a deleted policy leaves to be told: its log, and the end of all that it had open.

Ids derive from findings, so that deciding twice gives the same ones (protocol, rule 20).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from governor.api.log import Entry, Transition, channel_of
from governor.api.status import FindingRef, PolicyStatus
from governor.domain import log, mutes, notifying, remediating
from governor.domain.acting import told_of
from governor.domain.drafting import Draft
from governor.domain.entries import Decision, Evidence, resolved
from governor.domain.places import places
from governor.domain.policies import Policy
from governor.domain.remediations import RemediationOutcome, chosen
from governor.domain.surroundings import ChannelKind, ChannelView

POLICY_DELETED = "PolicyDeleted"
"""Why the findings of a policy end that is no more."""

COPIED_AFTER = timedelta(seconds=60)
"""What could not be told for so long is copied to where a deletion does not reach it."""

SPECS_BYTES = 384 * 1024
"""So much is kept of specs: beside its entries, they have room in one ConfigMap."""

MANY = 10
"""So many may go at once without a doubt."""

_MESSAGE = "the policy was deleted"


def bequest(
    decision: Decision,
    policy: Policy,
    status: PolicyStatus,
    *,
    delivered: Collection[log.Delivered],
    remediated: Mapping[UUID, RemediationOutcome],
    channels: Mapping[str, ChannelView],
) -> tuple[Entry, ...]:
    """The last log of a policy.

    Args:
        decision: when it was deleted, and at which generation.
        policy: as it was.
        status: as it was last written.
        delivered: what of its log was told since.
        remediated: what came since of choices in it.
        channels: what may be used of its channels.
    """
    ours = log.sift(decision.policy_uid, status.pending)
    pending = tuple(
        entry
        for entry in log.clear(ours, delivered)
        if entry.transition is not Transition.REMEDIATE
    )
    done = _done(decision, ours, remediated)
    draft = Draft(pending, (*done, *_ends(decision, policy, status)))
    notifying.tell(
        decision, draft, notify=policy.notify, channels=channels, loud=(), told=told_of(status)
    )
    return draft.entries


def stuck(policy_uid: str, pending: Sequence[Entry], now: datetime) -> tuple[Entry, ...]:
    """The entries that could not be told for too long, to be copied.

    A choice of playbooks stays out: it is carried out only while its policy lives.
    """
    return tuple(
        entry
        for entry in log.sift(policy_uid, pending)
        if now - entry.decided_at >= COPIED_AFTER and entry.transition is not Transition.REMEDIATE
    )


def unsaid(
    decision: Decision,
    policy: Policy,
    copied: Sequence[Entry],
    *,
    channels: Mapping[str, ChannelView],
) -> tuple[Entry, ...]:
    """The ends that a copy does not tell of, once its policy is gone.

    Of a finding that has not ended in the copy; for those channels that are yet to be told
    something of it. Nobody knows any more which others have heard of it.

    Args:
        decision: when the policy was found to be gone, and at which generation it was.
        policy: as it was, as far as that is known.
        copied: the copy.
        channels: what may be used of its channels.
    """
    known = log.sift(decision.policy_uid, copied)
    ended = {entry.finding for entry in known if entry.transition is Transition.RESOLVE}
    refs: dict[UUID, FindingRef] = {}
    ends = []
    for entry in known:
        if entry.finding is None or entry.opened_at is None or entry.finding in {*ended, *refs}:
            continue
        ref = refs[entry.finding] = FindingRef(
            id=entry.finding,
            event_type=entry.event_type,
            opened_at=entry.opened_at,
            told_to=_owed(entry.finding, known),
        )
        evidence = _evidence(entry.severity)
        ends.append(resolved(decision, ref, entry.check, evidence, POLICY_DELETED))
    draft = Draft(known, ends)
    notifying.tell(decision, draft, notify=policy.notify, channels=channels, loud=(), told=refs)
    return tuple(draft.added(Transition.RESOLVE))


def retold(
    kept: Sequence[Entry], left: Sequence[Entry], channels: Mapping[str, ChannelView]
) -> tuple[Entry, ...]:
    """What is left of a policy that went when another may have led, and told of it.

    Where a repetition is known as one all is told. A chat, and what may be one while it is
    away, is told only what the other has kept: better nothing than twice.

    Args:
        kept: what the other has kept of it.
        left: the policy's bequest.
        channels: what may be used of its channels.
    """
    heedless = (ChannelKind.CHAT, None)
    heedful = {name: view for name, view in channels.items() if view.kind not in heedless}
    draft = Draft(kept, ())
    for entry in notifying.owed(left, heedful):
        draft.add(entry)
    return draft.entries


def legible(specs: Mapping[int, Any], pending: Sequence[Entry]) -> Mapping[int, Any]:
    """The specs that the texts of entries need: the newest, as far as there is room.

    Args:
        specs: generation → spec, as JSON.
        pending: the entries.
    """
    kept, room = {}, SPECS_BYTES
    for generation in sorted(specs.keys() & {e.generation for e in pending}, reverse=True):
        room -= len(json.dumps(specs[generation]))
        if room < 0:
            break
        kept[generation] = specs[generation]
    return kept


def end_of(decision: Decision, finding: FindingRef, check: str) -> Entry:
    """The end of a finding that only the sink still knows."""
    return resolved(decision, finding, check, _evidence("warning"), POLICY_DELETED)


def implausible(gone: int, known: int) -> bool:
    """Whether so many of the known policies can't be believed to be gone at the first look."""
    return gone > MANY and 2 * gone > known


def _ends(decision: Decision, policy: Policy, status: PolicyStatus) -> Sequence[Entry]:
    of_places = [
        resolved(decision, place.finding, place.check, place.evidence, POLICY_DELETED)
        for place in places(policy, status)
        if place.finding is not None
    ]
    of_mutes = [
        resolved(decision, ref.finding, mutes.row_of(ref.uid), _evidence("info"), POLICY_DELETED)
        for ref in status.mutes
    ]
    return (*of_places, *of_mutes)


def _done(
    decision: Decision, ours: Sequence[Entry], known: Mapping[UUID, RemediationOutcome]
) -> Sequence[Entry]:
    """What came of choices. Of others nothing more is done; what was begun, nobody can tell.

    It is told as of the choice: that time is fixed, whoever decides on the bequest, and when.
    """
    return [
        remediating.done(
            replace(decision, at=entry.decided_at),
            entry,
            known.get(entry.id)
            or RemediationOutcome(
                unconfirmed=chosen(entry.lists), cancelled=_MESSAGE, at=decision.at
            ),
        )
        for entry in ours
        if entry.transition is Transition.REMEDIATE
    ]


def _owed(finding: UUID, known: Sequence[Entry]) -> tuple[str, ...]:
    """The channels that are yet to be told something of a finding."""
    targets = dict.fromkeys(t for e in known if e.finding == finding for t in e.targets)
    names = [name for target in targets if (name := channel_of(target)) is not None]
    return tuple(names[: notifying.MOST_HEARD])


def _evidence(severity: str) -> Evidence:
    return Evidence(severity=severity, reason=POLICY_DELETED, message=_MESSAGE)
