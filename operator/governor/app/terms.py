"""One term of leading: everything that only the leader does, built anew for each.

Nothing of an earlier term is left in memory: what counts stands in the statuses.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from governor.app.caches import Caches
from governor.app.channels import ChannelDirectory
from governor.app.healing import keep_healed, keep_released
from governor.app.history import History
from governor.app.mutes import MuteDirectory
from governor.app.orphans import Orphans
from governor.app.ports import Sink
from governor.app.relaying import Relay
from governor.app.scheduling import Scheduler
from governor.app.sources import SourceDirectory
from governor.app.sweeping import Sweeper
from governor.app.vanished import Vanished

GRACE_SECONDS = 1.5
"""At a stop, so long may what is under way take; then it is cancelled. Nothing is lost by it, and
the next leader waits for it: a rolling update leaves no gap of more than 3 s."""

HISTORY_SECONDS = 0.5
"""So long may the last values take to the database after that; mostly it is a few milliseconds."""

CLOSING_SECONDS = 2.0
"""So long may connections take to close after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The application's parts (`app.leading.Term`)."""

    caches: Caches
    relay: Relay
    scheduler: Scheduler
    sources: SourceDirectory
    channels: ChannelDirectory
    mutes: MuteDirectory
    orphans: Orphans
    vanished: Vanished
    sink: Sink
    sweeper: Sweeper
    history: History | None = None

    async def run(self) -> None:
        """Works until cancelled.

        Raises:
            Exception: a part ended by itself, which is a bug.
        """
        parts: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "sources": self.sources.run,
            "channels": self.channels.run,
            "mutes": self.mutes.run,
            "orphans": self.orphans.run,
            "vanished": self.vanished.run,
            "healing": lambda: keep_healed(self.scheduler, self.sink),
            "sweeping": self.sweeper.run,
            "leases": lambda: keep_released(self.sink),
        }
        if self.history is not None:
            parts["history"] = self.history.run
        tasks = {asyncio.create_task(run(), name=name) for name, run in parts.items()}
        try:
            async with self.caches.relayed_to(self.relay):
                ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            await self.scheduler.stop()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLOSING_SECONDS)
            closing = {asyncio.create_task(each.close()) for each in (self.sources, self.channels)}
            await asyncio.wait(closing, timeout=CLOSING_SECONDS)

    async def finish(self) -> None:
        """What is under way ends, and what can be told is told; within `GRACE_SECONDS`."""
        await asyncio.gather(self.scheduler.stop(GRACE_SECONDS), self.orphans.settle(GRACE_SECONDS))
        if self.history is not None:
            await self.history.settle(HISTORY_SECONDS)
