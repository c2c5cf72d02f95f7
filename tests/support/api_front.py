"""A proxy before the real API server, that breaks watches and refuses as a test wants."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from governor.adapters.kubernetes.credentials import load

_PASSED_ON = {"accept", "authorization", "content-type", "user-agent"}
EXPIRED = {
    "type": "ERROR",
    "object": {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410},
}


@dataclass(slots=True, eq=False)
class Stream:
    """A watch under way."""

    kind: str
    task: asyncio.Task[Any]
    frozen: bool = False


@dataclass(slots=True)
class ApiFront:
    """One server in front of another. It speaks plain HTTP, and passes tokens on."""

    behind: str
    session: aiohttp.ClientSession
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Verb and kind of every request, as RBAC names them."""
    answered: Counter[int] = field(default_factory=Counter)
    """How often the real server answered with which status."""
    refusals: dict[tuple[str, str], int] = field(default_factory=dict)
    """Verb and kind → the HTTP status that is answered instead."""
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """Kinds whose watches are not answered until the event is set."""
    expired: set[str] = field(default_factory=set)
    """Kinds whose next watch is answered 410: what it asks for is compacted away."""
    streams: set[Stream] = field(default_factory=set)

    def freeze(self, kind: str) -> None:
        """Half-open: watches under way bring nothing more, and do not end."""
        for stream in self._of(kind):
            stream.frozen = True

    def cut(self, kind: str) -> None:
        """Watches under way end; from any thread."""
        for stream in self._of(kind):
            stream.task.get_loop().call_soon_threadsafe(stream.task.cancel)

    @asynccontextmanager
    async def compacted(self, kind: str) -> AsyncIterator[None]:
        """No watch for the block's time; after it, the server knows nothing of that time."""
        self.held[kind] = asyncio.Event()
        self.cut(kind)
        try:
            yield
        finally:
            self.expired.add(kind)
            self.held.pop(kind).set()

    def watched(self, kind: str) -> bool:
        """Whether a watch of that kind is under way, and brings what there is."""
        return any(not stream.frozen for stream in self._of(kind))

    def kubeconfig(self, of: Path, to: Path) -> Path:
        """The same identity, but through this front."""
        config = yaml.safe_load(of.read_text())
        for cluster in config["clusters"]:
            cluster["cluster"]["server"] = self.url
        to.write_text(yaml.safe_dump(config))
        return to

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        verb, kind = _verb_and_kind(request)
        self.asked.append((verb, kind))
        if status := self.refusals.get((verb, kind)):
            return web.json_response(
                {"kind": "Status", "message": "planted", "code": status}, status=status
            )
        if verb == "watch":
            if event := self.held.get(kind):
                await event.wait()
            if kind in self.expired:
                self.expired.discard(kind)
                return web.json_response(EXPIRED)
        async with self.session.request(
            request.method,
            f"{self.behind}{request.raw_path}",
            headers={k: v for k, v in request.headers.items() if k.lower() in _PASSED_ON},
            data=await request.read() or None,
        ) as answer:
            self.answered[answer.status] += 1
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            await response.prepare(request)
            task = asyncio.current_task()
            assert task is not None
            stream = Stream(kind, task)
            if verb == "watch":
                self.streams.add(stream)
            try:
                async for chunk in answer.content.iter_any():
                    if not stream.frozen:
                        await response.write(chunk)
                if stream.frozen:
                    await asyncio.Event().wait()  # nor does it end when the server ends it
            finally:
                self.streams.discard(stream)
            return response

    def _of(self, kind: str) -> list[Stream]:
        return [stream for stream in self.streams if stream.kind == kind]


@asynccontextmanager
async def api_front(kubeconfig: Path) -> AsyncIterator[ApiFront]:
    """A front before the API server of that kubeconfig, on a free port of 127.0.0.1."""
    credentials = load(kubeconfig)
    connector = aiohttp.TCPConnector(ssl=credentials.tls, limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=True
    ) as session:
        front = ApiFront(credentials.server, session)
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", front.handle)
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield front
        finally:
            for stream in list(front.streams):
                stream.task.cancel()
            with suppress(asyncio.CancelledError):
                await runner.cleanup()


def _verb_and_kind(request: web.Request) -> tuple[str, str]:
    parts = request.path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if len(parts) >= 3 and parts[0] == "namespaces":
        parts = parts[2:]
    if not parts:
        return "discover", ""
    if request.method != "GET":
        return request.method.lower(), parts[0]
    if len(parts) > 1:
        return "get", parts[0]
    return ("watch" if "watch" in request.query else "list"), parts[0]
