"""How kopf gets to the API server: by a session of ours, made afresh at each login."""

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import kopf

from governor.api import GROUP, VERSION
from governor.app.ports import Kind
from governor.handlers.informing import Informer

OpenSession = Callable[[aiohttp.TraceConfig], tuple[str, aiohttp.ClientSession]]
"""The server's address, and a new session with it that also traces; called in a loop."""

PAUSE_SECONDS = 5.0
"""At least so long between logins: kopf asks for another one at every 401."""

_KINDS = {
    "/api/v1/namespaces" if kind is Kind.NAMESPACES else f"/apis/{GROUP}/{VERSION}/{kind}": kind
    for kind in Kind
}


class Login:
    """The sessions of one life of kopf."""

    def __init__(self, open_session: OpenSession, informer: Informer) -> None:
        self._open_session = open_session
        self._informer = informer
        self._session: aiohttp.ClientSession | None = None
        self._at: float | None = None

    def register(self, registry: kopf.OperatorRegistry) -> None:
        """Makes it kopf's only way to log in."""

        async def login(**_: Any) -> kopf.AiohttpSession:
            return await self._login()

        kopf.on.login(registry=registry, backoff=PAUSE_SECONDS)(login)

    async def close(self) -> None:
        """Closes what kopf may have left open."""
        if self._session is not None:
            await self._session.close()

    async def _login(self) -> kopf.AiohttpSession:
        if self._at is not None:
            await asyncio.sleep(self._at + PAUSE_SECONDS - time.monotonic())
        self._at = time.monotonic()
        await self.close()
        server, self._session = self._open_session(self._trace())
        return kopf.AiohttpSession(server=server, aiohttp_session=self._session)

    def _trace(self) -> aiohttp.TraceConfig:
        """A list or watch that the server starts to answer is a sign of life; a list, of a gap."""

        async def answered(
            _: aiohttp.ClientSession,
            __: SimpleNamespace,
            params: aiohttp.TraceRequestEndParams,
        ) -> None:
            kind = _KINDS.get(params.url.path)
            if kind is None or not params.response.ok:
                return
            self._informer.heard(kind)
            if "watch" not in params.url.query:
                self._informer.listing(kind)

        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(answered)
        return trace
