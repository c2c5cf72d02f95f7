"""One policy's findings on their way to one channel, whose outbox is shared by all policies."""

from collections.abc import Awaitable, Callable, Sequence
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

    @property
    def place(self) -> str:
        """Channels may refuse one namespace and serve another."""
        return f"{self.target} from {self._key.namespace}"

    async def _pass(self) -> bool:
        todo = [entry for entry in self.owed if not self._done(entry)]
        if not todo or (self._unwritten and not self._remembers(self._channel)):
            return True
        try:
            told = await self._offer(self._channel, self._key, await self._notices(todo))
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
