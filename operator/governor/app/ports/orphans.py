"""What is needed to keep what deleted policies have left to tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from governor.api.log import Entry
from governor.app.ports.kubernetes import Json, ObjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """What a policy that is no more, or may soon be, has left to tell."""

    key: ObjectKey
    pending: tuple[Entry, ...]
    specs: Mapping[int, Json]
    """Generation → spec: texts are those of the spec that was judged by."""


class OrphanStore(Protocol):
    """Knows how to keep orphans where no policy's deletion reaches them."""

    async def all(self) -> Sequence[Orphan]:
        """Every one that can be understood; of one that somebody spoiled, what can be.

        Raises:
            StoreError: not now.
        """

    async def put(self, orphan: Orphan) -> None:
        """Keeps it, in place of an earlier one of the same policy.

        Raises:
            StoreError: not now.
        """

    async def remove(self, policy_uid: str) -> None:
        """It is told; nothing if there is none.

        Raises:
            StoreError: not now.
        """
