"""Who may send to a server now: so many at a time, first come first served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

LONGEST_SECONDS = 60.0
"""So long one may wait, however busily the server answers others: what is measured later than
that is no news, and what was known before would stand too long."""

_TOO_LATE = 0.1
"""Of the patience, what must be left when the turn comes. Else a crowd that waited in vain for a
hanging server would send to it, one after the other, when the first of them give up."""


class Turns:
    """The queue before one server.

    Whoever waits has no part in what a server takes to answer, so it waits while the server
    answers others: when many come at once, as when an operator starts, nobody fails for it.
    """

    def __init__(self, count: int) -> None:
        """Lets so many at a time."""
        self._slots = asyncio.Semaphore(count)
        self._answered = float("-inf")

    @asynccontextmanager
    async def turn(self, patience: float) -> AsyncIterator[None]:
        """A turn, for the block's time.

        Args:
            patience: seconds in which the server must have answered somebody.

        Raises:
            TimeoutError: it did not, or `LONGEST_SECONDS` are over.
        """
        await self._wait(patience)
        try:
            yield
        finally:
            self._slots.release()

    def answered(self) -> None:
        """The server has answered somebody."""
        self._answered = asyncio.get_running_loop().time()

    async def _wait(self, patience: float) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        began = asyncio.get_running_loop().time()
        taking = asyncio.ensure_future(self._slots.acquire())
        in_time = False
        try:
            while not taking.done() and (left := self._left(began, patience)) > 0:
                await asyncio.wait({taking}, timeout=left)
            in_time = taking.done() and self._left(began, patience) >= patience * _TOO_LATE
        finally:
            if not in_time:
                self._give_up(taking)
        if not in_time:
            raise TimeoutError

    def _left(self, began: float, patience: float) -> float:
        """Seconds for which one may wait on who has waited since then."""
        until = min(max(began, self._answered) + patience, began + LONGEST_SECONDS)
        return until - asyncio.get_running_loop().time()

    def _give_up(self, taking: asyncio.Future[Literal[True]]) -> None:
        if taking.done() and not taking.cancelled():
            self._slots.release()
        else:
            taking.cancel()
