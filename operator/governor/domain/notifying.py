"""Who is told of which finding, and when: the opening once, then reminders, then the end.

Telling is a level, not an edge: an open finding that nobody was told of is told as soon
as it may be, after a mute as well as when a channel is at last allowed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from governor.api.log import Entry, Transition, channel_of, channel_target
from governor.api.status import FindingRef
from governor.domain.drafting import Draft
from governor.domain.entries import Decision, of_finding
from governor.domain.identity import transition_id
from governor.domain.log import Delivered, clear
from governor.domain.places import Place
from governor.domain.policies import Notify
from governor.domain.staleness import AHEAD
from governor.domain.surroundings import ChannelKind, ChannelView
from governor.values.severities import at_least

MOST_HEARD = 32
"""So many channels a finding remembers, the latest: as many as its status has room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How people are told of a finding, from this decision on."""

    at: datetime
    """When, at last."""
    to: tuple[str, ...]
    """The channels that know of its opening, Alertmanagers left out."""


def tell(
    decision: Decision,
    draft: Draft,
    *,
    notify: Notify | None,
    channels: Mapping[str, ChannelView],
    loud: Iterable[Place],
    told: Mapping[UUID, FindingRef],
    resting: frozenset[UUID] = frozenset(),
) -> dict[UUID, Told]:
    """Aims the draft's entries at channels, and adds those that only channels are told.

    Args:
        decision: what is decided at once.
        draft: the log, with what this decision opens and resolves.
        notify: whom the policy wants told.
        channels: what may be used of them.
        loud: the places that no mute silences.
        told: the findings that were open before, and that people were told of.
        resting: findings whose reminders rest.

    Returns:
        The open findings of which something is told now.
    """
    if notify is None:
        return {}
    logged = tuple(name for name in by_log(channels) if channels[name].kind is not None)
    if all(view.kind is None for view in channels.values()):
        loud = ()  # nobody is there to be told of what is open
    now_told = {}
    at = decision.at.replace(microsecond=0)
    behind = {target for entry in draft.entries for target in entry.targets}
    for place in loud:
        finding = place.finding
        if finding is None or not at_least(place.severity, notify.minimum_severity):
            continue
        heard = finding.told_to or ()
        unheard = tuple(name for name in logged if name not in heard)
        if finding.last_told_at is not None:  # a channel that is down is not flooded
            unheard = tuple(name for name in unheard if channel_target(name) not in behind)
        if finding.last_told_at is None or unheard:
            _open(decision, place, finding, unheard, draft)
            now_told[finding.id] = Told(
                at=finding.last_told_at or at, to=(*heard, *unheard)[-MOST_HEARD:]
            )
        elif logged and finding.id not in resting and _due(decision, notify, finding):
            aware = tuple(name for name in logged if name in heard)
            _remind(decision, place, finding, aware, draft)
            now_told[finding.id] = Told(at=at, to=heard)
    if notify.resolved:
        _aim_ends(draft, by_log(channels), told)
    return now_told


def by_log(channels: Mapping[str, ChannelView]) -> tuple[str, ...]:
    """Those that the log tells: all but Alertmanagers, which are told by level.

    Also one that can't be used for a while, of which nobody knows how it is told.
    """
    return tuple(name for name, view in channels.items() if view.kind is not ChannelKind.LEVEL)


def owed(pending: Sequence[Entry], channels: Mapping[str, ChannelView]) -> tuple[Entry, ...]:
    """The log without what no channel will be told any more.

    Nothing is owed to a channel that the policy no longer names, or that is told by level
    now; one that can't be used for a while is owed it all.
    """
    kept = by_log(channels)
    over = [
        Delivered(entry=entry.id, target=target)
        for entry in pending
        for target in entry.targets
        if (name := channel_of(target)) is not None and name not in kept
    ]
    return clear(pending, over)


def untold(before: Sequence[Entry], after: Sequence[Entry]) -> frozenset[tuple[UUID, str]]:
    """Findings and channels whose opening has left the log untold: they know of no beginning."""
    kept = {(entry.id, target) for entry in after for target in entry.targets}
    return frozenset(
        (entry.finding, name)
        for entry in before
        if entry.transition is Transition.OPEN and entry.finding is not None
        for target in entry.targets
        if (name := channel_of(target)) is not None and (entry.id, target) not in kept
    )


def unstarted(pending: Sequence[Entry], lost: Collection[tuple[UUID, str]]) -> tuple[Entry, ...]:
    """The log without what follows a beginning that a channel will not hear of."""
    over = [
        Delivered(entry=entry.id, target=channel_target(name))
        for entry in pending
        for finding, name in lost
        if entry.finding == finding
    ]
    return clear(pending, over)


def _due(decision: Decision, notify: Notify, finding: FindingRef) -> bool:
    last = finding.last_told_at or decision.at
    # A clock that was ahead must not silence a finding until it is reached.
    return decision.at - last >= notify.reminder_interval or last > decision.at + AHEAD


def _open(
    decision: Decision, place: Place, finding: FindingRef, names: tuple[str, ...], draft: Draft
) -> None:
    """The opening's own entry, where it is still in the log; else its like, for channels."""
    opening = transition_id(finding.id, Transition.OPEN, finding.opened_at)
    if opening in draft:
        draft.aim(opening, _targets(names))
    elif names:
        draft.add(_entry(decision, place, finding, Transition.OPEN, _targets(names)))


def _aim_ends(draft: Draft, names: Sequence[str], told: Mapping[UUID, FindingRef]) -> None:
    """At those that heard of the beginning; one that is away now can hear it when it is back."""
    for entry in list(draft.added(Transition.RESOLVE)):
        known = told.get(entry.finding) if entry.finding else None
        heard = (known and known.told_to) or ()
        if ends := tuple(name for name in names if name in heard):
            draft.aim(entry.id, _targets(ends))


def _remind(
    decision: Decision, place: Place, finding: FindingRef, names: tuple[str, ...], draft: Draft
) -> None:
    """Only where all earlier is told: a channel that was down for days is not flooded."""
    waiting = draft.waiting_for(finding.id)
    targets = tuple(target for target in _targets(names) if target not in waiting)
    if targets:
        draft.add(_entry(decision, place, finding, Transition.REMINDER, targets))


def _targets(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(channel_target(name) for name in names)


def _entry(
    decision: Decision,
    place: Place,
    finding: FindingRef,
    transition: Transition,
    targets: tuple[str, ...],
) -> Entry:
    return of_finding(decision, finding, place.check, place.evidence, transition, targets=targets)
