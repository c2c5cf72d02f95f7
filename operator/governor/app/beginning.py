"""Which policies begin now: so many at a time, first come first served (ADR 17).

Thousands at once, as after a change of leaders, would crowd all servers and each other.
"""

import asyncio

BEGINNERS = 100
"""So many at a time. One by one they would wait for each slow answer in turn."""

PATIENCE = 1.0
"""Seconds for which those that still measure are waited for while nobody else gets done."""

LONGEST_SECONDS = 10.0
"""So long they are waited for at most, whoever else gets done: one source that hangs must not
hold up those that ask another one."""


class Beginning:
    """The places of those that begin."""

    def __init__(self, places: int = BEGINNERS) -> None:
        """All are free."""
        self._places = asyncio.Semaphore(places)
        self._done_at = float("-inf")

    async def enter(self) -> "Place":
        """A place, once it is one's turn. Whoever gets it must leave it."""
        await self._places.acquire()
        return Place(self)

    def over(self, since: float) -> float:
        """When one that has measured since then is waited for no more, in the loop's time."""
        return min(max(since, self._done_at) + PATIENCE, since + LONGEST_SECONDS)

    def done(self) -> None:
        """One that began has got answers to all it asked: more are worth waiting for."""
        self._done_at = asyncio.get_running_loop().time()

    def release(self) -> None:
        """A place is free."""
        self._places.release()


class Place:
    """One policy's, until its first measurements have ended, or are waited for no more.

    If the next one came earlier, thousands of queries would queue before one source.
    """

    def __init__(self, beginning: Beginning) -> None:
        """Taken now."""
        self._beginning = beginning
        self._since = asyncio.get_running_loop().time()
        self._timer: asyncio.TimerHandle | None = None
        self._measured = self._left = False

    def turned(self, *, measuring: bool, answered: bool = True) -> None:
        """A turn of the policy is over.

        Args:
            measuring: whether something of it is still being measured.
            answered: whether any source has answered what was asked.
        """
        if self._measured:
            return
        if not measuring:
            self._measured = True
            if answered:
                self._beginning.done()
            self.leave()
        elif self._timer is None:
            self._look()

    def leave(self) -> None:
        """Lets the next one begin. Leaving once more does nothing."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._left:
            self._left = True
            self._beginning.release()

    def _look(self) -> None:
        """Leaves, or looks again when that may be due."""
        loop = asyncio.get_running_loop()
        over = self._beginning.over(self._since)
        if loop.time() >= over:
            self.leave()
        else:
            self._timer = loop.call_at(over, self._look)
