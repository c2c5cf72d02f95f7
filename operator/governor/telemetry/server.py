"""Serves `/metrics`, `/healthz` and `/readyz`."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from governor.telemetry.health import Health, Liveness

Address = tuple[str | None, int]
"""Host and port; no host: every interface."""

Exposition = Callable[[str], tuple[bytes, str]]
"""What a scrape that accepts this is answered, and of which type that is."""

Handler = Callable[[web.Request], Awaitable[web.Response]]


@contextlib.asynccontextmanager
async def serving(
    exposition: Exposition, liveness: Liveness, *, metrics: Address, health: Address
) -> AsyncIterator[None]:
    """Serves until the block ends; then answers what was asked, and closes.

    Raises:
        OSError: an address can't be listened on.
    """
    routes: dict[Address, dict[str, Handler]] = defaultdict(dict)
    routes[metrics]["/metrics"] = _exposing(exposition)
    routes[health]["/healthz"] = _answering(liveness.alive)
    routes[health]["/readyz"] = _answering(liveness.ready)
    async with contextlib.AsyncExitStack() as stack:
        for address, handlers in routes.items():
            await stack.enter_async_context(_site(address, handlers))
        yield


@contextlib.asynccontextmanager
async def _site(address: Address, handlers: dict[str, Handler]) -> AsyncIterator[None]:
    app = web.Application()
    app.add_routes([web.get(path, handler) for path, handler in handlers.items()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, *address).start()
        yield
    finally:
        await runner.cleanup()


def _exposing(exposition: Exposition) -> Handler:
    async def expose(request: web.Request) -> web.Response:
        accept = request.headers.get("Accept", "")
        # In a thread: with thousands of policies the text takes longer than a slot may wait.
        body, content_type = await asyncio.to_thread(exposition, accept)
        return web.Response(body=body, headers={"Content-Type": content_type})

    return expose


def _answering(ask: Callable[[], Health]) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        health = ask()
        status = "ok" if health.ok else "failing"
        body = {"status": status, "role": health.role, "checks": health.checks}
        return web.json_response(body, status=200 if health.ok else 503)

    return answer
