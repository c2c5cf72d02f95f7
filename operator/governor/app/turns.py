"""Work that goes on side by side, but on one and the same thing one after the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


class Turns:
    """Knows what is under way, by what it is about."""

    def __init__(self) -> None:
        self._latest: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __contains__(self, about: str) -> bool:
        """Whether something is under way about that, or waits for its turn."""
        return about in self._latest

    def take(self, about: str, work: Callable[[], Awaitable[None]]) -> None:
        """Begins once all earlier work about the same has ended, however it did."""
        before = self._latest.get(about)
        task = asyncio.create_task(_after(before, work), name=f"turn of {about}")
        self._latest[about] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(about, done))

    async def through(self, about: str, work: Callable[[], Awaitable[None]]) -> None:
        """The same, and returns when it has ended, however it did."""
        self.take(about, work)
        await asyncio.wait({self._latest[about]})

    async def close(self) -> None:
        """Cancels everything."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, about: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._latest.get(about) is task:
            del self._latest[about]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("work failed", extra={"about": about}, exc_info=error)


async def _after(before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
    if before is not None:
        await asyncio.wait({before})
    await work()
