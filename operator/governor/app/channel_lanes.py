"""One policy's findings on their way to one channel, whose outbox is shared by all policies."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

from governor.api.log import Entry, channel_target
from governor.app.delivering import Lane, Office
from governor.app.ports import ObjectKey
from governor.app.specs import Specs
from governor.domain.notices import Notice, notice
from governor.errors import RejectedError, RetiredError

Offer = Callable[[str, ObjectKey, Sequence[Notice]], Awaitable[Sequence[UUID]]]
"""Channel, policy and what it is owed, in order; the ids of what was told (some, at least).

Raises DeliveryError, as `app.ports.Notifier` does.
"""


class _WithdrawnError(Exception):
    """An offer was taken back before it was told."""


class ChannelLane(Lane):
    """Offers all that is owed at once, so that a flood can become one digest."""

    def __init__(
        self,
        channel: str,
        key: ObjectKey,
        office: Office,
        *,
        cluster: str,
        specs: Specs,
        offer: Offer,
        remembers: Callable[[str], bool],
    ) -> None:
        """Joins the parts.

        Args:
            channel: its name.
            key: the policy.
            office: what its lanes share.
            cluster: its name, for people.
            specs: the policy's, for texts.
            offer: gives notices to the channel's outbox.
            remembers: whether that channel's receiver tells a repetition from news. If it
                does not, what it was told is written down before it is told more.
        """
        super().__init__(office)
        self.targets = (channel_target(channel),)
        self._channel = channel
        self._key = key
        self._cluster = cluster
        self._specs = specs
        self._offer = offer
        self._remembers = remembers
        self._out: AbstractSet[UUID] = set()
        """The entries that are being offered."""
        self._withdrawn = asyncio.Event()

    @property
    def place(self) -> str:
        """Channels may refuse one namespace and serve another."""
        return f"{self.target} from {self._key.namespace}"

    async def _pass(self) -> bool:
        todo = [entry for entry in self.owed if not self._done(entry)]
        if not todo or (self._unwritten and not self._remembers(self._channel)):
            return True
        try:
            told = await self._offered(todo)
        except _WithdrawnError:
            self._wake.set()
            return True
        except RetiredError as error:
            for entry in todo:
                self._reject(entry, error)
        except RejectedError as error:
            self._reject(todo[0], error)
        else:
            self._complaints.delivered(self.place)
            for entry in todo:
                if entry.id in told:
                    self.note(entry, "delivered")
        if self._remembers(self._channel):
            self._on_learned()
            self._wake.set()  # what is left is offered at once
        else:
            self._on_urgent()
        return True

    def owe(self, log: Sequence[Entry]) -> None:
        """As the base says. An offer is taken back that holds what is no longer owed."""
        super().owe(log)
        if not self._out <= {entry.id for entry in self.owed}:
            self._withdrawn.set()

    async def _offered(self, todo: Sequence[Entry]) -> Sequence[UUID]:
        """The ids of what the channel was told.

        Raises:
            _WithdrawnError: what is owed is another now.
            DeliveryError: as `Offer` does.
        """
        self._withdrawn.clear()
        self._out = {entry.id for entry in todo}
        notices = await self._notices(todo)
        offer = asyncio.ensure_future(self._offer(self._channel, self._key, notices))
        offer.add_done_callback(_heard)
        withdrawal = asyncio.create_task(self._withdrawn.wait())
        try:
            await asyncio.wait({offer, withdrawal}, return_when=asyncio.FIRST_COMPLETED)
            if not offer.done():
                raise _WithdrawnError
            return offer.result()
        finally:
            self._out = set()
            offer.cancel()
            withdrawal.cancel()

    @property
    def _unwritten(self) -> bool:
        """Whether something was told that the status does not say yet."""
        return any(done.target == self.target for done in self._learned.delivered)

    async def _notices(self, todo: Sequence[Entry]) -> list[Notice]:
        generations = {entry.generation for entry in todo}
        specs = {each: await self._specs.find_or_default(each) for each in generations}
        return [
            notice(
                entry,
                cluster=self._cluster,
                namespace=self._key.namespace,
                policy=self._key.name,
                spec=specs[entry.generation],
            )
            for entry in todo
        ]


def _heard(offer: asyncio.Future[Sequence[UUID]]) -> None:
    """Its end may come when nobody waits for it any more."""
    if not offer.cancelled():
        offer.exception()
