"""Uids that are the same in every run, and so the same phases of all slots.

Not for worlds that share a database: ids of findings derive from uids, and would meet there.
"""

from collections.abc import Callable
from itertools import count
from uuid import UUID, uuid5

_SPACE = UUID(int=5)


def same_uids() -> Callable[[], UUID]:
    """A source of uids, for one world; another one gives the same."""
    numbers = count(1)
    return lambda: uuid5(_SPACE, str(next(numbers)))
