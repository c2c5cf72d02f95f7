"""One thing, lent to many users, closed when the last has given it back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from governor.app.resources.bugs import whereabouts

_log = logging.getLogger(__name__)


class Closable(Protocol):
    """What holds connections."""

    async def close(self) -> None:
        """Lets go of them."""


ThingT = TypeVar("ThingT", bound=Closable)


class Lent(Generic[ThingT]):
    """A thing that may be replaced while it is in use."""

    def __init__(self, thing: ThingT) -> None:
        self._thing = thing
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[ThingT]:
        """The thing; it is not closed before it is given back."""
        self._users += 1
        self._idle.clear()
        try:
            yield self._thing
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()

    async def retire(self) -> None:
        """Closes the thing once nobody uses it; it is lent no more."""
        await self._idle.wait()
        try:
            await self._thing.close()
        except Exception as error:  # noqa: BLE001 - nobody waits for the close
            kind = type(self._thing).__name__
            _log.error("a %s could not be closed: %s", kind, whereabouts(error))
