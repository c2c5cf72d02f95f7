"""A raw HTTP server that answers as badly as a test wants, and remembers what it was asked.

Raw, because a real server library would not send half an answer or stall within one.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    form: dict[str, str]


Behaviour = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


class HttpWorld:
    """One server; `behaviour` may be changed between requests."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self.heard = asyncio.Event()
        self.busy = 0
        self.busiest = 0
        self.url = ""
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            while True:
                asked = await _read(reader)
                self.asked.append(asked)
                self.heard.set()
                self.busy += 1
                self.busiest = max(self.busiest, self.busy)
                try:
                    await self.behaviour(asked, writer)
                    await writer.drain()
                finally:
                    self.busy -= 1
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass  # The other side went away, or the test is over.
        finally:
            writer.transport.abort()

    async def close(self) -> None:
        """Ends every connection, whatever it was doing."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for writer in self._connections.values():
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def http_world(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[HttpWorld]:
    """Serves on a free port of 127.0.0.1; `url` names it by `host`."""
    world = HttpWorld(behaviour)
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    world.url = f"{'https' if tls else 'http'}://{host}:{port}"
    try:
        yield world
    finally:
        server.close()
        await world.close()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = request.split(" ")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    form = dict(parse_qsl(body.decode()))
    return Asked(method=method, path=path, headers=headers, body=body, form=form)


def answer(status: int, body: bytes | str, **headers: str) -> bytes:
    """A whole answer."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def answering(status: int, body: bytes | str, **headers: str) -> Behaviour:
    """Always that answer."""
    return sending(answer(status, body, **headers))


def answering_json(status: int, document: Any, **headers: str) -> Behaviour:
    """Always that document."""
    return answering(status, json.dumps(document), **headers)


def sending(text: bytes) -> Behaviour:
    """Always those bytes, whether HTTP or not."""

    async def send(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return send


def breaking_off(text: bytes) -> Behaviour:
    """Those bytes, and the connection ends."""

    async def break_off(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()

    return break_off


def stalling(text: bytes = b"") -> Behaviour:
    """Those bytes, and then nothing for as long as the test lasts."""

    async def stall(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        await asyncio.Event().wait()

    return stall


def slowly(behaviour: Behaviour, seconds: float) -> Behaviour:
    """That behaviour, after a while."""

    async def wait(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await behaviour(asked, writer)

    return wait


def dripping(text: bytes, every_seconds: float) -> Behaviour:
    """Those bytes one by one: never silent for long, never done in time."""

    async def drip(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        for byte in text:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every_seconds)

    return drip
