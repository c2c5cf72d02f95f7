"""Replicas that stand for leadership in one process, on one Lease, in virtual time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from tests.support.virtual_time import VirtualClock

from governor.adapters.memory.lease_store import InMemoryLeaseStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.app.leading import Leadership
from governor.domain.leases import Lease
from governor.errors import NotLeadingError, UnavailableError


class Line:
    """One replica's way to the API server, which can be cut."""

    def __init__(self, store: InMemoryLeaseStore) -> None:
        self._store = store
        self.cut = False
        self.hangs = False
        """Nothing is answered, whatever comes of it."""

    async def read(self) -> tuple[str, Lease] | None:
        return await (await self._reached()).read()

    async def create(self, lease: Lease) -> str:
        return await (await self._reached()).create(lease)

    async def replace(self, version: str, lease: Lease) -> str:
        return await (await self._reached()).replace(version, lease)

    async def _reached(self) -> InMemoryLeaseStore:
        if self.cut:
            raise UnavailableError("the line is cut")
        if self.hangs:
            await asyncio.Event().wait()
        return self._store


class Work:
    """A term's work: it acts twice a second, with authority."""

    def __init__(self, replica: "Replica") -> None:
        self._replica = replica
        self.finishing = asyncio.Event()

    async def run(self) -> None:
        """Acts until cancelled."""
        try:
            while not self._replica.broken:
                with suppress(NotLeadingError):
                    self._replica.leadership.require()
                    self._replica.acts.append(asyncio.get_running_loop().time())
                await asyncio.sleep(0.5)
            raise ZeroDivisionError
        finally:
            self._replica.ends.append(asyncio.get_running_loop().time())

    async def finish(self) -> None:
        """Takes a second."""
        self.finishing.set()
        await asyncio.sleep(1)


class Replica:
    """One of them, and when it acted."""

    def __init__(
        self,
        name: str,
        store: InMemoryLeaseStore,
        *,
        highest_epoch: Callable[[], int] = lambda: 0,
    ) -> None:
        self.acts: list[float] = []
        self.ends: list[float] = []
        self.works: list[Work] = []
        self.broken = False
        self.line = Line(store)
        self.telemetry = InMemoryTelemetry()
        self.stop = asyncio.Event()
        self.leadership = Leadership(
            self.line,
            identity=name,
            clock=VirtualClock(),
            monotonic=asyncio.get_running_loop().time,
            highest_epoch=highest_epoch,
            telemetry=self.telemetry,
        )
        self.task = asyncio.create_task(self.leadership.run(self._term, self.stop))

    def _term(self) -> Work:
        self.works.append(Work(self))
        return self.works[-1]

    async def kill(self) -> None:
        """It ends as a process does that is killed: nothing is given back."""
        self.line.cut = True
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
