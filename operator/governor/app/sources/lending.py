"""One instrument, lent to many measurements, closed when the last has given it back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from governor.app.ports import Instrument

_log = logging.getLogger(__name__)


class Lent:
    """An instrument that may be replaced while it is in use."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Instrument]:
        """The instrument; it is not closed before it is given back."""
        self._users += 1
        self._idle.clear()
        try:
            yield self._instrument
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()

    async def retire(self) -> None:
        """Closes the instrument once nobody uses it; it is lent no more."""
        await self._idle.wait()
        try:
            await self._instrument.close()
        except Exception:  # noqa: BLE001 - nobody waits for the close
            _log.exception("an instrument could not be closed")
