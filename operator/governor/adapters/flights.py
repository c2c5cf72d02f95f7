"""What several ask for at the same time is asked once (protocol rule 29)."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
AnswerT = TypeVar("AnswerT")


class _Flight(Generic[AnswerT]):
    """One question under way, and how many wait for its answer."""

    def __init__(self, task: asyncio.Task[AnswerT]) -> None:
        self.task = task
        self.waiting = 0


class Flights(Generic[KeyT, AnswerT]):
    """Questions under way, by what makes two of them the same.

    Nothing is kept once it is answered: a later asker asks anew. Whoever joins must have
    been permitted to ask by himself; here nobody is asked who he is.
    """

    def __init__(self) -> None:
        self._flights: dict[KeyT, _Flight[AnswerT]] = {}
        self._tasks: set[asyncio.Task[AnswerT]] = set()
        """Also those that nobody waits for any more."""

    async def join(self, key: KeyT, ask: Callable[[], Awaitable[AnswerT]]) -> tuple[AnswerT, bool]:
        """The answer, and whether another had asked for it already.

        One who is cancelled cancels nobody else; the last one to leave ends the asking.

        Args:
            key: what makes two questions the same.
            ask: asks, where nobody does yet. A failure should be part of its answer: what
                it raises instead is raised to everybody.
        """
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(_awaited(ask)))
            self._tasks.add(flight.task)
            flight.task.add_done_callback(self._tasks.discard)
            flight.task.add_done_callback(lambda _: self._landed(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), joined
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._landed(key, flight)  # Whoever comes now must not join what is ending.
                flight.task.cancel()

    async def close(self) -> None:
        """Ends what is under way, and waits until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: KeyT, flight: _Flight[AnswerT]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _awaited(ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    return await ask()
