"""The outbox of a chat: few messages, and none twice, as it can't tell a repetition."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from governor.app.channels.budget import Budget
from governor.app.channels.messenger import Messenger, UnpreparedError
from governor.app.channels.outbox import Admit, Outbox
from governor.app.channels.pace import Pace
from governor.app.resources.bugs import whereabouts
from governor.domain.digests import next_message
from governor.domain.notices import Notice
from governor.errors import BusyError, DeliveryError, RejectedError

_NOT_TAKEN = (BusyError, RejectedError, UnpreparedError)
"""After any other error, nobody knows whether the message appeared."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True, kw_only=True)
class _Offer:
    """One policy's, while it waits."""

    policy_uid: str
    notices: Sequence[Notice]
    since: float
    answer: asyncio.Future[Sequence[UUID]]


class ChatOutbox(Outbox):
    """Looks at all that waits together, and sends one message at a time."""

    def __init__(self, messenger: Messenger, admit: Admit, *, most: int, pace: Pace) -> None:
        """The outbox of a chat that takes at most so many messages a window."""
        super().__init__(messenger, admit)
        self._collecting = pace.collecting
        self._budget = Budget(most, pace.window)
        self._waiting: list[_Offer] = []
        self._unheard: dict[str, set[UUID]] = {}
        """Told while nobody waited for the answer any more, by policy, until its next offer."""
        self._worker: asyncio.Task[None] | None = None

    def allow(self, most: int) -> None:
        """The chat's spec changed."""
        self._budget.most = most

    async def offer(self, policy_uid: str, notices: Sequence[Notice]) -> Sequence[UUID]:
        """As the base says: the first one, or all of them in a digest."""
        self.messenger.check()
        loop = asyncio.get_running_loop()
        offer = _Offer(
            policy_uid=policy_uid,
            notices=tuple(notices),
            since=loop.time(),
            answer=loop.create_future(),
        )
        self._waiting.append(offer)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="outbox of a chat")
        try:
            return await offer.answer
        finally:
            if offer in self._waiting:
                self._waiting.remove(offer)

    async def _work(self) -> None:
        """Sends while something waits."""
        while self._waiting:
            try:
                await self._turn()
            except DeliveryError as error:
                self._refuse(self._waiting, error)
            except Exception as error:  # noqa: BLE001 - nobody may wait for ever
                _log.error("the outbox of a chat failed: %s", whereabouts(error))
                self._refuse(self._waiting, DeliveryError(f"a bug: {type(error).__name__}"))

    async def _turn(self) -> None:
        """Waits a while, or sends one message.

        Raises:
            DeliveryError: nothing of what waits can be told.
        """
        self.messenger.check()
        now = asyncio.get_running_loop().time()
        ready = max(
            self._waiting[0].since + self._collecting,
            self.messenger.backoff.until,
            self._budget.free_at(now),
        )
        if ready > now:
            await self.messenger.rest(ready)
            return
        self._sift()
        if not self._waiting:
            return
        counts = next_message([offer.notices for offer in self._waiting], self._budget.left(now))
        shares = [
            (offer, offer.notices[:count])
            for offer, count in zip(self._waiting, counts, strict=True)
            if count
        ]
        for offer, _ in shares:
            self._waiting.remove(offer)
        await self._send(shares)

    async def _send(self, shares: Sequence[tuple[_Offer, Sequence[Notice]]]) -> None:
        try:
            await self.messenger.tell([notice for _, part in shares for notice in part])
        except DeliveryError as error:
            if not isinstance(error, _NOT_TAKEN):
                self._spend()
            self._refuse([offer for offer, _ in shares], error)
            return
        self._spend()
        for offer, part in shares:
            ids = [notice.id for notice in part]
            if offer.answer.done():
                self._unheard.setdefault(offer.policy_uid, set()).update(ids)
            else:
                offer.answer.set_result(ids)

    def _spend(self) -> None:
        # When it ended, not when it began: the message appeared somewhere in between.
        self._budget.spend(asyncio.get_running_loop().time())

    def _sift(self) -> None:
        """Answers those who may not tell here, and those who were told before."""
        for offer in list(self._waiting):
            if offer.answer.done():  # withdrawn; it leaves as soon as it has its turn
                self._waiting.remove(offer)
                continue
            try:
                self._admit(offer.notices[0].namespace)
            except DeliveryError as error:
                self._refuse([offer], error)
                continue
            unheard = self._unheard.pop(offer.policy_uid, set())
            known = [notice.id for notice in offer.notices if notice.id in unheard]
            if known:
                self._waiting.remove(offer)
                offer.answer.set_result(known)

    def _refuse(self, offers: Iterable[_Offer], error: DeliveryError) -> None:
        for offer in list(offers):
            if offer in self._waiting:
                self._waiting.remove(offer)
            if not offer.answer.done():
                offer.answer.set_exception(error)
