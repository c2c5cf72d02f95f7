"""Does together what is asked for one by one: the busier the database, the larger its batches.

One who comes alone is served at once. While batches are under way whoever comes waits for the
next one: there is no timer, and nobody waits for company that may not come.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from governor.adapters.sink.faults import refused
from governor.errors import DeliveryError

MOST = 200
"""In one batch: making it ready takes the event loop some 10 ms."""
WIDTH = 2
"""Batches under way. One waits for a locked row now and then: another goes on meanwhile."""

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


@dataclass(slots=True, eq=False)
class _Member(Generic[ItemT, AnswerT]):
    """One who waits for company, or with it for an answer."""

    item: ItemT
    answer: asyncio.Future[AnswerT] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    batch: "_Batch[ItemT, AnswerT] | None" = None
    """None: it still waits."""


@dataclass(slots=True, eq=False)
class _Batch(Generic[ItemT, AnswerT]):
    """Members that are served together."""

    members: Sequence[_Member[ItemT, AnswerT]]
    service: asyncio.Task[None]

    def left(self) -> None:
        """One gave up waiting; the last one to do so ends it."""
        if all(member.answer.cancelled() for member in self.members):
            self.service.cancel()


class Gathering(Generic[ItemT, AnswerT]):
    """Items of one kind on their way to the database, each to be repeated at will."""

    def __init__(
        self,
        work: Callable[[Sequence[ItemT]], Awaitable[Sequence[AnswerT]]],
        *,
        most: int = MOST,
        width: int = WIDTH,
    ) -> None:
        """Nothing is under way yet.

        Args:
            work: does it for all of these, or for none; their answers, in order. May raise
                DeliveryError.
            most: so many at a time.
            width: so many batches at a time.
        """
        self._work = work
        self._most = most
        self._width = width
        self._waiting: deque[_Member[ItemT, AnswerT]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, item: ItemT) -> AnswerT:
        """Has it done, perhaps with others; one that the database refuses harms none of them.

        Raises:
            DeliveryError: not now; or, for those who wait, the database did not answer others.
            RejectedError: never.
        """
        member: _Member[ItemT, AnswerT] = _Member(item)
        self._waiting.append(member)
        self._depart()
        try:
            return await member.answer
        except asyncio.CancelledError:
            if member.batch is not None:
                member.batch.left()
            raise
        finally:
            member.batch = None  # a cycle, that only a search for garbage would find

    def _depart(self) -> None:
        while len(self._under_way) < self._width and (members := self._next()):
            task = asyncio.get_running_loop().create_task(self._serve(members))
            self._under_way.add(task)
            task.add_done_callback(self._returned)
            batch = _Batch(members, task)
            for member in members:
                member.batch = batch

    def _next(self) -> list[_Member[ItemT, AnswerT]]:
        batch: list[_Member[ItemT, AnswerT]] = []
        while self._waiting and len(batch) < self._most:
            member = self._waiting.popleft()
            if not member.answer.done():  # else it was cancelled
                batch.append(member)
        return batch

    def _returned(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._depart()

    async def _serve(self, batch: Sequence[_Member[ItemT, AnswerT]]) -> None:
        try:
            answers = await self._work([member.item for member in batch])
        except asyncio.CancelledError:
            for member in batch:
                member.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - a bug must not leave anybody waiting
            await self._failed(batch, error)
            return
        for member, answer in zip(batch, answers, strict=True):
            if not member.answer.done():
                member.answer.set_result(answer)

    async def _failed(self, batch: Sequence[_Member[ItemT, AnswerT]], error: Exception) -> None:
        if len(batch) == 1:
            _refuse(batch, error)
        elif isinstance(error, DeliveryError) and refused(error):
            # For the sake of one of them, perhaps: it is found by halving.
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                await self._serve(half)
        else:  # nobody else would be answered either, only later
            _refuse(batch, error)
            _refuse(self._waiting, error)


def _refuse(members: Sequence[_Member[ItemT, AnswerT]], error: Exception) -> None:
    for member in members:
        if not member.answer.done():
            member.answer.set_exception(error)
