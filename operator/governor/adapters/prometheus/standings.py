"""Which queries may be asked in a batch: what is remembered of each. Pure.

One memory belongs to one generation of a source and its Secrets, as its instrument does.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

ALONE_RUNS = 20
"""So often a query that spoiled a batch is asked alone before it may join again."""

MEMORY = 32 << 20
"""About so many bytes of queries are remembered; beyond, those that were asked longest ago
are forgotten, and are new once more."""

_OVERHEAD = 256
"""Bytes that remembering takes beside a query's text."""


@dataclass(slots=True)
class Standing:
    """What is known of one query."""

    joinable: bool = False
    """Whether it was last answered with a vector and without a warning."""
    alone: int = 0
    """So many runs alone are still ahead of it."""
    seconds: float = 0.0
    """How long it took."""
    size: float = 0.0
    """Bytes of its answer."""

    @property
    def may_join(self) -> bool:
        """Whether it may be asked together with others that may."""
        return self.joinable and not self.alone


class Standings:
    """What is known of a source's queries, by their exact text."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._held = 0
        self._known: OrderedDict[str, Standing] = OrderedDict()

    def knows(self, text: str) -> bool:
        """Whether a query was ever answered, or something was found out of it when it failed."""
        return text in self._known

    def of(self, text: str) -> Standing:
        """What is known of a query, to read."""
        known = self._known.get(text)
        if known is None:
            return Standing()
        self._known.move_to_end(text)
        return known

    def answered_alone(self, text: str, *, joinable: bool, seconds: float, size: int) -> None:
        """A run alone was answered."""
        known = self._keep(text)
        known.joinable = joinable
        known.alone = max(0, known.alone - 1)
        known.seconds, known.size = seconds, size

    def failed_alone(self, text: str) -> None:
        """A run alone failed, for whatever reason: the next one is alone, too."""
        known = self._keep(text)
        known.joinable = False
        known.alone = max(0, known.alone - 1)

    def blamed(self, text: str) -> None:
        """It spoiled a batch."""
        self._keep(text).alone = ALONE_RUNS

    def answered_together(self, texts: Sequence[str], *, seconds: float, size: int) -> None:
        """A batch was answered, without a warning.

        Whose the time was can't be told, so each gets a part as large as its last one was.
        If one became slow, the parts of all grow, the batches become smaller, and those of
        the others shrink again, until the slow one is alone and has its own time.
        """
        members = [self._keep(text) for text in texts]
        for member in members:
            member.joinable = True
        for whole, field in ((seconds, "seconds"), (float(size), "size")):
            equal = whole / len(members)  # for one of which nothing is known: nothing is no part
            parts = [getattr(member, field) or equal for member in members]
            for member, part in zip(members, parts, strict=True):
                setattr(member, field, whole * part / sum(parts) if whole else 0.0)

    def _keep(self, text: str) -> Standing:
        """What is known of a query, to write."""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        known = self._known[text] = Standing()
        self._held += len(text) + _OVERHEAD
        while self._held > self._memory and len(self._known) > 1:
            forgotten, _ = self._known.popitem(last=False)
            self._held -= len(forgotten) + _OVERHEAD
        return known
