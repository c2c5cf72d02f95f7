"""TLS before a PostgreSQL server that has none: answers its SSLRequest, then passes bytes on.

Protocol: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
_BEHIND = "127.0.0.1"


@dataclass(slots=True, kw_only=True)
class TlsFront:
    """A server on 127.0.0.1 that stands before the real one."""

    behind: int
    """The real server's port."""
    context: ssl.SSLContext | None
    """What to prove itself with; None: it refuses TLS."""
    port: int = 0
    plaintext: int = 0
    """How many connections sent something other than an SSLRequest."""
    encrypted: int = 0
    """How many connections got through the handshake."""
    sent: int = 0
    """How many bytes the real server sent through."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        # Handshakes fail and connections break here: that is what these tests are about.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._meet(reader, writer)
        writer.close()
        self._tasks.discard(task)

    async def end(self) -> None:
        """Cuts every connection."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
            self.plaintext += 1
            return
        if self.context is None:
            writer.write(b"N")
            await writer.drain()
            # A client that goes on in plaintext is caught here.
            self.plaintext += bool(await reader.read(1))
            return
        writer.write(b"S")
        await writer.start_tls(self.context)
        self.encrypted += 1
        upstream, downstream = await asyncio.open_connection(_BEHIND, self.behind)
        try:
            one = asyncio.ensure_future(self._pass_on(reader, downstream))
            other = asyncio.ensure_future(self._pass_on(upstream, writer, count=True))
            try:
                await asyncio.wait({one, other}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                one.cancel()
                other.cancel()
                await asyncio.wait({one, other})
        finally:
            downstream.close()

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, count: bool = False
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                self.sent += len(data) if count else 0
                target.write(data)
                await target.drain()


@asynccontextmanager
async def tls_front(behind: int, context: ssl.SSLContext | None) -> AsyncIterator[TlsFront]:
    """A front before the server on that port, for the block's time."""
    front = TlsFront(behind=behind, context=context)
    server = await asyncio.start_server(front.serve, _BEHIND, 0)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()
        await front.end()
