"""A way to a server that fails as a test wants: cut, refused, silent, slow, half-open.

Bytes pass untouched, so TLS does. It works in a thread of its own: a test may block, or run
a loop of its own, and it still passes on.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from tests.support.aside import Aside

from governor_local.ports import free_port

_HOST = "127.0.0.1"
_SECONDS = 10
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: whatever was not sent is thrown away, and the peer is told of a reset."""


class Proxy:
    """One server's other address. What it is told to do it does until told otherwise."""

    def __init__(self, behind: int) -> None:
        self.behind = behind
        """The real server's port."""
        self.port = free_port()
        """Where to connect instead; the same after `refuse`."""
        self.accepted = 0
        """How many connections were made so far."""
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._lines: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._lost: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._delay = 0.0
        self._after: int | None = None

    def well(self) -> None:
        """Passes everything on, also what waited in a `hang`; listens again."""
        self._do(self._well())

    def cut(self) -> None:
        """Resets every connection; new ones are served."""
        self._do(self._cut())

    def refuse(self) -> None:
        """Resets every connection, and nobody listens any more."""
        self._do(self._refuse())

    def hang(self) -> None:
        """Accepts, and passes nothing on in either direction."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def slow(self, seconds: float) -> None:
        """Each piece of an answer comes so much later."""
        self._delay = seconds

    def break_off(self, after: int) -> None:
        """Of an answer so many bytes arrive, at most; then its connection ends."""
        self._after = after

    def lose(self) -> None:
        """Half-open: connections that are made are dead, and neither side hears of it."""
        self._do(self._lose())

    async def open(self) -> None:
        """Begins."""
        self._flowing.set()
        await self._listen()

    async def close(self) -> None:
        """Ends, and cuts what is left."""
        await self._refuse()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, _HOST, self.port)

    async def _well(self) -> None:
        self._delay, self._after = 0.0, None
        self._flowing.set()
        await self._listen()

    async def _lose(self) -> None:
        self._lost |= self._lines.keys()

    async def _cut(self) -> None:
        lines = dict(self._lines)
        for task, ends in lines.items():
            for end in ends:
                _reset(end)
            task.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        ends = self._lines[task] = [writer]
        try:
            answers, upstream = await asyncio.open_connection(_HOST, self.behind)
            ends.append(upstream)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(task, reader, upstream))
                group.create_task(self._pump(task, answers, writer, answering=True))
        except* (OSError, EOFError):
            pass  # one side went away, and the other is told
        finally:
            del self._lines[task]
            self._lost.discard(task)
            for end in ends:
                end.close()

    async def _pump(
        self,
        line: asyncio.Task[None],
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        answering: bool = False,
    ) -> None:
        while data := await source.read(65536):
            await self._flowing.wait()
            if line in self._lost:
                continue
            if answering and self._delay:
                await asyncio.sleep(self._delay)
            broken = answering and self._after is not None
            target.write(data[: self._after] if broken else data)
            await target.drain()
            if broken:
                raise EOFError
        if line in self._lost:
            await asyncio.Event().wait()  # nor does it end when one side ends it
        raise EOFError


def _reset(end: asyncio.StreamWriter) -> None:
    sock: socket.socket | None = end.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.transport.abort()


@asynccontextmanager
async def _proxy(behind: int) -> AsyncIterator[Proxy]:
    made = Proxy(behind)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@contextmanager
def proxy(behind: int) -> Iterator[Proxy]:
    """A way to the server on that port of 127.0.0.1, for the block's time."""
    with Aside() as aside:
        yield aside.enter(_proxy(behind))
