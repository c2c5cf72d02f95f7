"""What waits to be told through one channel, from all policies; and where receivers deduplicate."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from uuid import UUID

from governor.app.channels.messenger import Messenger
from governor.domain.notices import Notice
from governor.errors import DeliveryError

_AT_ONCE = 8
"""So many policies' notices are on their way to one receiver at the same time."""

Admit = Callable[[str], None]
"""Raises DeliveryError if policies of a namespace may not use the channel, as it is now."""


class Outbox(ABC):
    """One channel's. Another channel has another one and never waits for this one."""

    def __init__(self, messenger: Messenger, admit: Admit) -> None:
        self.messenger = messenger
        self._admit = admit

    @abstractmethod
    async def offer(self, policy_uid: str, notices: Sequence[Notice]) -> Sequence[UUID]:
        """Tells some of what one policy owes the channel; waits while the channel rests.

        Whoever is cancelled takes back what is not being sent.

        Args:
            policy_uid: whose they are; one offer of a policy at a time.
            notices: all it owes, in order, at least one.

        Returns:
            The ids of those that were told, from the front, at least one.

        Raises:
            RetiredError: the channel takes nothing any more.
            RejectedError: it will never take the first of them.
            BusyError: not now; it says when.
            DeliveryError: not now, or not from that namespace.
        """


class EventsOutbox(Outbox):
    """Of a receiver that knows a repetition: one message a notice, several policies at once."""

    def __init__(self, messenger: Messenger, admit: Admit) -> None:
        super().__init__(messenger, admit)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._trial = asyncio.Lock()

    async def offer(self, policy_uid: str, notices: Sequence[Notice]) -> Sequence[UUID]:  # noqa: ARG002 - chats need it
        """As the base says: all of them, unless one fails."""
        told: list[UUID] = []
        self.messenger.check()
        async with self._slots:
            for notice in notices:
                try:
                    await self._tell(notice)
                except DeliveryError:
                    if not told:
                        raise
                    break
                told.append(notice.id)
        return told

    async def _tell(self, notice: Notice) -> None:
        """Tells one; while the channel fails, one of all policies tries for the others."""
        async with self._trial:
            if self.messenger.backoff.failing:
                await self._rest()
                await self._send(notice)
                return
        await self._send(notice)

    async def _rest(self) -> None:
        while asyncio.get_running_loop().time() < self.messenger.backoff.until:
            await self.messenger.rest(self.messenger.backoff.until)
            self.messenger.check()

    async def _send(self, notice: Notice) -> None:
        self._admit(notice.namespace)
        await self.messenger.tell([notice])
