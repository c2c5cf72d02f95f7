"""What no watch told: a list of what there is, compared with what is known."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)

Versions = Mapping[KeyT, int]
"""Object → its resourceVersion, which grows with every write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed(Generic[KeyT]):
    """What seems to have been missed; a live read decides."""

    ghosts: frozenset[KeyT]
    """Known, but there no more."""
    unseen: frozenset[KeyT]
    """There, but not known at all or not in that version."""


def missed(
    *, before: Versions[KeyT], listed: Versions[KeyT], after: Versions[KeyT]
) -> Missed[KeyT]:
    """Compares, so that a watch which is only a little late has missed nothing.

    Args:
        before: what was known before the list was asked for. What came to be known
            since may be younger than the list, and is no ghost.
        listed: what there is.
        after: what is known after the watches had some time to tell what was listed.
    """
    return Missed(
        ghosts=frozenset(before.keys() & after.keys() - listed.keys()),
        unseen=frozenset(
            key
            for key, version in listed.items()
            if after.get(key, 0) < version and (key in after or key not in before)
        ),
    )
