"""A pool of connections can't be trusted after a request on it was cut short.

httpcore 1.0 forgets a connection whose request is cancelled just after connecting: it is
neither in use, nor idle, nor closed, and its place in the pool is lost for good.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx

_CLOSING_SECONDS = 5.0
"""How long letting go of a replaced client may take; nobody waits for it meanwhile."""


class Clients:
    """Lends a client, and replaces it once a request on it was cut short."""

    def __init__(self, make: Callable[[], httpx.AsyncClient]) -> None:
        self._make = make
        self._current = make()
        self._users: Counter[httpx.AsyncClient] = Counter()
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one request; a replaced one is closed by the last who leaves it."""
        client = self._current
        self._users[client] += 1
        try:
            yield client
        except (asyncio.CancelledError, httpx.TimeoutException):
            if client is self._current:
                self._current = self._make()
            raise
        finally:
            self._users[client] -= 1
            if not self._users[client]:
                del self._users[client]
                if client is not self._current:
                    self._close_aside(client)

    async def close(self) -> None:
        """Closes every connection, those in use included."""
        for client in {self._current, *self._users}:
            await client.aclose()
        await asyncio.gather(*self._closing)

    def _close_aside(self, client: httpx.AsyncClient) -> None:
        """In a task of its own: who leaves is late, or being cancelled."""
        task = asyncio.create_task(_close(client))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(client: httpx.AsyncClient) -> None:
    with suppress(TimeoutError, OSError, httpx.HTTPError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await client.aclose()
