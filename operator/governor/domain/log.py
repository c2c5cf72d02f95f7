"""The log of what is yet to be told (`status.pending`): sifted, cleared, bounded.

An entry is told to each of its targets at least once, and every receiver
deduplicates by its id. What leaves the log leaves it here.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from governor.api.log import Entry, Target, Transition
from governor.api.status import FindingRef
from governor.domain.entries import counted
from governor.domain.identity import derives, transition_id
from governor.domain.mutes import GOVERNANCE_MUTE

BINDING = (Transition.REMEDIATE, Transition.REMEDIATED)
"""What was chosen, or done, stands nowhere else: it never leaves the log untold."""

_STORED = frozenset({Target.SINK, Target.DISPATCH})

LIMIT_BYTES = 16 * 1024
"""So much the log of one policy may hold (docs/adr/0003)."""

SUPERSEDED = "Superseded"
"""Why a finding ends in whose place there is another."""

CHANCE = timedelta(minutes=2)
"""So long an entry has a chance to be told before the bound may drop it; half as much room
again is for such entries."""

LEAST_BYTES = 2 * 1024
"""So much it may hold however full the status is."""

STATUS_BYTES = 54 * 1024
"""So much a status and its log may have together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One target of one entry has what it was owed."""

    entry: UUID
    target: str


def sift(policy_uid: str, pending: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries whose ids derive from their words; a forged one is not told."""
    return tuple(entry for entry in pending if derives(policy_uid, entry))


def clear(pending: Sequence[Entry], delivered: Collection[Delivered]) -> tuple[Entry, ...]:
    """Takes away the targets that have been served, and entries without any left."""
    done = {(d.entry, d.target) for d in delivered}
    kept = []
    for entry in pending:
        targets = tuple(t for t in entry.targets if (entry.id, t) not in done)
        if targets:
            kept.append(entry if targets == entry.targets else _aimed(entry, targets))
    return tuple(kept)


def adopt(pending: Sequence[Entry], adopted: Mapping[UUID, FindingRef]) -> tuple[Entry, ...]:
    """Renames the entries of findings that the sink knows under another id.

    The opening is in the sink already; its Event, if the first finding's was
    told, is answered as a duplicate. A farewell is to our id, however often
    the sink says the same.
    """
    kept = []
    for entry in pending:
        theirs = adopted.get(entry.finding) if entry.finding else None
        if theirs is None or is_farewell(entry):
            kept.append(entry)
            continue
        targets = entry.targets
        if entry.transition is Transition.OPEN:
            targets = tuple(t for t in targets if t != Target.SINK)
        if targets:
            decided_at = max(entry.decided_at, theirs.opened_at)
            renamed = {
                "id": transition_id(theirs.id, entry.transition, decided_at),
                "finding": theirs.id,
                "opened_at": theirs.opened_at,
                "decided_at": decided_at,
                "targets": targets,
            }
            kept.append(entry.model_copy(update=renamed))
    return tuple(kept)


def is_farewell(entry: Entry) -> bool:
    """Whether it tells channels that a finding goes on under another id."""
    return entry.transition is Transition.RESOLVE and entry.resolved_reason == SUPERSEDED


def line(entry: Entry) -> tuple[str, str]:
    """Entries of one line go to the sink in order of decision, one after the other."""
    return entry.check, entry.event_type


def bound(
    pending: Sequence[Entry],
    limit: int = LIMIT_BYTES,
    *,
    fresh: Collection[UUID] = (),
    recent: Collection[UUID] = (),
) -> tuple[Entry, ...]:
    """Keeps the log within its limit, in bytes of JSON.

    First the lists of entries go, the longest first, and are only counted. Then the
    two oldest closed episodes of the noisiest check become one row, again and again.
    Then goes what the sink has and only channels or Events are yet to be told, ended
    findings first. Where only open findings are left, their openings go: the hourly
    upsert of every open finding brings their rows. What was only decided now stays,
    beyond the limit if need be, as it has had no chance to be told; at twice the limit
    it loses its lists.

    Args:
        pending: the log, in order of decision.
        limit: bytes.
        fresh: ids of the entries that this decision makes.
        recent: ids of those that stay as long as half as much room again holds them.
    """
    entries = list(pending)
    sizes: dict[tuple[UUID, int, int], int] = {}
    _shrink(entries, sizes, limit, {*fresh, *recent})
    _shrink(entries, sizes, limit * 3 // 2, fresh)
    return tuple(entries)


def room(rest: int) -> int:
    """How many bytes the log may have beside a status of that many: together under 64 KiB.

    The API server's own notes on who wrote what (`managedFields`) come on top.
    """
    return min(LIMIT_BYTES, max(LEAST_BYTES, STATUS_BYTES - rest))


def size(entry: Entry) -> int:
    """Bytes of an entry as the API server gets it."""
    return len(entry.model_dump_json(by_alias=True, exclude_defaults=True).encode())


def _shrink(
    entries: list[Entry],
    sizes: dict[tuple[UUID, int, int], int],
    limit: int,
    spared: Collection[UUID],
) -> None:
    while sum(_cached(sizes, entry) for entry in entries) > limit:
        if not (
            _drop_list(entries, spared)
            or _fold(entries)
            or _drop_notices(entries, spared)
            or _drop_opening(entries, spared)
        ):
            break
    while sum(_cached(sizes, entry) for entry in entries) > 2 * limit:
        if not _drop_list(entries):
            break


def _cached(sizes: dict[tuple[UUID, int, int], int], entry: Entry) -> int:
    key = (entry.id, entry.folded, len(entry.lists))
    if key not in sizes:
        sizes[key] = size(entry) + 1
    return sizes[key]


def _aimed(entry: Entry, targets: tuple[str, ...]) -> Entry:
    return entry.model_copy(update={"targets": targets})


def _drop_list(entries: list[Entry], spared: Collection[UUID] = ()) -> bool:
    """Keeps of the longest lists only how long they were."""
    found = [
        (len(entry.lists), index)
        for index, entry in enumerate(entries)
        if entry.id not in spared
        and entry.transition not in BINDING
        and counted(entry.lists) != entry.lists
    ]
    if not found:
        return False
    _, index = max(found)
    lists = counted(entries[index].lists)
    entries[index] = entries[index].model_copy(update={"lists": lists})
    return True


def _fold(entries: list[Entry]) -> bool:
    """Folds the two oldest closed episodes of the check that has most of them."""
    bound_to = {e.finding for e in entries if e.transition in BINDING}
    closings = [
        e
        for e in entries
        if e.transition is Transition.RESOLVE
        and Target.SINK in e.targets
        and e.finding not in bound_to
    ]
    noise = Counter(_noise(e) for e in closings)
    for noisiest, count in noise.most_common():
        if count < 2:  # noqa: PLR2004 - it takes two to fold
            return False
        first, *later = [e for e in closings if _noise(e) == noisiest]
        # Only an episode that the sink has never heard of may vanish into another.
        unheard = {
            e.finding
            for e in entries
            if e.transition is Transition.OPEN and Target.SINK in e.targets
        }
        second = next((e for e in later if e.finding in unheard or e.folded), None)
        if second is not None:
            _merge(entries, first, second)
            return True
    return False


def _noise(entry: Entry) -> tuple[str, str]:
    """What folds together: the episodes of a line, and one mute with another."""
    return line(entry) if entry.event_type != GOVERNANCE_MUTE else ("", GOVERNANCE_MUTE)


def _merge(entries: list[Entry], first: Entry, second: Entry) -> None:
    gone = {first.finding, second.finding}
    worst = max((e for e in entries if e.finding in gone), key=_badness)
    row = second.model_copy(
        update={
            "id": first.id,
            "finding": first.finding,
            "check": first.check,
            "opened_at": first.opened_at,
            "value": worst.value,
            "gap": worst.gap,
            "impact": worst.impact,
            "folded": first.folded + second.folded + 1,
            "targets": (Target.SINK,),
        }
    )
    place = entries.index(first)
    kept = [e for e in entries[:place] if e.finding not in gone]
    kept.append(row)
    kept.extend(e for e in entries[place + 1 :] if e.finding not in gone)
    entries[:] = kept


def _badness(entry: Entry) -> float:
    """How far past the red line; what did not get past it is less bad."""
    if entry.objective is None or entry.value is None:
        return 0.0
    distance = entry.value - entry.objective.red_line
    return distance if entry.objective.direction == "Below" else -distance


def _drop_notices(entries: list[Entry], fresh: Collection[UUID]) -> bool:
    """Drops what is yet to be told of one finding, where no row depends on it."""
    loose = [
        e
        for e in entries
        if e.id not in fresh and e.transition not in BINDING and not _STORED & set(e.targets)
    ]
    if not loose:
        return False
    ended = {e.finding for e in loose if e.transition is Transition.RESOLVE}
    oldest = min(loose, key=lambda e: e.finding not in ended)
    gone = {e.id for e in loose if e is oldest or (e.finding and e.finding == oldest.finding)}
    entries[:] = [e for e in entries if e.id not in gone]
    return True


def _drop_opening(entries: list[Entry], fresh: Collection[UUID]) -> bool:
    closed = {e.finding for e in entries if e.transition is Transition.RESOLVE}
    for index, entry in enumerate(entries):
        keep = (Transition.RESOLVE, *BINDING)
        open_ = entry.transition not in keep and entry.finding not in closed
        if open_ and entry.id not in fresh:
            del entries[index]
            return True
    return False
