"""Orphans, held in memory."""

import asyncio
from collections.abc import Sequence

from governor.adapters.memory.faults import Fault, Faults
from governor.app.ports import Orphan
from governor.errors import StoreError


class InMemoryOrphanStore:
    """A double of `app.ports.OrphanStore` that outlives the application over it."""

    def __init__(self) -> None:
        self.kept: dict[str, Orphan] = {}
        self.puts: list[Orphan] = []
        """Everything that was ever kept, in order."""
        self.reads = 0
        self.waiting = 0
        """So many had to wait for `slow`."""
        self.slow: asyncio.Event | None = None
        """What is put is kept only once this is set."""
        self._faults = Faults()

    def fail(self, *faults: Fault | StoreError) -> None:
        """Plants faults, one for each of the next requests."""
        self._faults.plant(*faults)

    async def all(self) -> Sequence[Orphan]:
        """As the port says."""
        self._faults.answer(self._faults.begin())
        self.reads += 1
        return list(self.kept.values())

    async def put(self, orphan: Orphan) -> None:
        """As the port says."""
        if self.slow is not None:
            self.waiting += 1
            await self.slow.wait()
        fault = self._faults.begin()
        self.puts.append(orphan)
        self.kept[orphan.key.uid] = orphan
        self._faults.answer(fault)

    async def remove(self, policy_uid: str) -> None:
        """As the port says."""
        fault = self._faults.begin()
        self.kept.pop(policy_uid, None)
        self._faults.answer(fault)
