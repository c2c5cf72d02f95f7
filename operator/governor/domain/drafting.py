"""The log as a decision is writing it: entries are added, and aimed at more targets."""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from governor.api.log import Entry, Target, Transition


class Draft:
    """What an earlier decision left, then what this one adds, in order."""

    def __init__(self, pending: Sequence[Entry], fresh: Sequence[Entry]) -> None:
        self._entries = {entry.id: entry for entry in (*pending, *fresh)}
        self._fresh = {entry.id for entry in fresh}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The whole log."""
        return tuple(self._entries.values())

    @property
    def fresh(self) -> frozenset[UUID]:
        """The ids of the entries that this decision has added or aimed anew."""
        return frozenset(self._fresh)

    def added(self, transition: Transition) -> Iterator[Entry]:
        """The entries of that transition which this decision has added."""
        return (
            entry
            for entry in self.entries
            if entry.id in self._fresh and entry.transition is transition
        )

    def __contains__(self, entry: UUID) -> bool:
        return entry in self._entries

    def add(self, entry: Entry) -> None:
        """Adds an entry; one of the same id gets its targets."""
        if entry.id in self._entries:
            self.aim(entry.id, entry.targets)
        else:
            self._entries[entry.id] = entry
            self._fresh.add(entry.id)

    def aim(self, entry: UUID, targets: Iterable[str]) -> None:
        """Has an entry told to these, too."""
        known = self._entries[entry]
        merged = tuple(dict.fromkeys((*known.targets, *targets)))
        self._entries[entry] = known.model_copy(update={"targets": merged})
        self._fresh.add(entry)

    def owes(self, check: str, target: Target) -> bool:
        """Whether something of a check is yet to be told to a target."""
        return any(e.check == check and target in e.targets for e in self.entries)

    def waiting_for(self, finding: UUID) -> frozenset[str]:
        """The targets that something of a finding is yet to be told to."""
        return frozenset(t for e in self.entries if e.finding == finding for t in e.targets)
