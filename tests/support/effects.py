"""The doors through which an operator acts, with a bomb that may go off before or after any."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from governor.adapters.memory.events import InMemoryEventRecorder
from governor.adapters.memory.sink import InMemorySink
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.app.ports import (
    DispatchOrder,
    Episode,
    EventRecord,
    Json,
    ObjectKey,
    OpenFinding,
)
from governor.errors import DeliveryError

Answer = TypeVar("Answer")


class KilledError(BaseException):
    """The process ends here."""


class Fuse:
    """Kills the process at one of the next effects, and loses answers."""

    def __init__(self) -> None:
        self.left: int | None = None
        """So many half effects go on: even is before one, odd after it. None: all."""
        self.lost = 0
        """So many of the next answers of receivers are lost."""
        self.effects = 0
        """How many were carried out."""

    async def guard(self, do: Callable[[], Awaitable[Answer]], *, loses: bool = True) -> Answer:
        """Carries out an effect, if the process lives to see it.

        Raises:
            DeliveryError: it was done, and its answer is lost.
        """
        self._burn()
        answer = await do()
        self.effects += 1
        self._burn()
        if loses and self.lost:
            self.lost -= 1
            raise DeliveryError("planted: the answer was lost")
        return answer

    def _burn(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise KilledError


class FusedStore(InMemoryStatusStore):
    """The API server, as a process that may end sees it."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse
        self.on_stored: Callable[[str], None] = str
        """Called with the new resourceVersion whenever anything was written, lost or not."""

    def _stored(self, body: dict[str, Any]) -> Json:
        stored = super()._stored(body)
        self.on_stored(stored["metadata"]["resourceVersion"])
        return stored

    async def replace_status(self, key: ObjectKey, resource_version: str, status: Json) -> Json:
        """As the port says."""
        write = super().replace_status
        return await self._fuse.guard(lambda: write(key, resource_version, status), loses=False)


class FusedSink(InMemorySink):
    """The sink, likewise."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def record(
        self, episode: Episode, dispatch: DispatchOrder | None = None
    ) -> OpenFinding | None:
        """As the port says."""
        record = super().record
        return await self._fuse.guard(lambda: record(episode, dispatch))


class FusedEvents(InMemoryEventRecorder):
    """Kubernetes Events, likewise."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse
        self.down = False

    async def record(self, event: EventRecord) -> None:
        """As the port says."""
        if self.down:
            raise DeliveryError("planted: nobody answers")
        record = super().record
        await self._fuse.guard(lambda: record(event))


def offering(fuse: Fuse, offer: Callable[..., Awaitable[Sequence[UUID]]]) -> Any:
    """A channel's offer, likewise."""

    async def fused(*args: Any) -> Sequence[UUID]:
        return await fuse.guard(lambda: offer(*args))

    return fused
