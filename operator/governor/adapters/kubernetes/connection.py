"""Requests to the API server as JSON in and out, each failure told apart.

Nothing is retried here: whether a write was done is for the caller to find out. (aiohttp
repeats a PUT once when a connection turns out to be closed; its resourceVersion lets it
be done once only.)
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Self

import aiohttp
import yarl
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from governor import __version__
from governor.adapters.kubernetes.credentials import Credentials
from governor.errors import StoreError, UnavailableError

JSON = "application/json"

_USER_AGENT = f"governor/{__version__}"
_CONNECTIONS = 32

_UNAUTHORIZED = 401
_NOT_FOUND = 404
_TOO_MANY = 429


class RefusedError(StoreError):
    """The server understood and said no (4xx but 429)."""

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(str(answer.get("message") or f"HTTP {status}"))
        self.status = status
        details = answer.get("details") or {}
        self.name = str(details.get("name") or "")
        """The object that the refusal is about; empty where it is about none."""
        causes = details.get("causes") or ()
        self.causes = frozenset(str(cause.get("reason")) for cause in causes)

    def absent(self, name: str) -> bool:
        """Whether it says that the object of that name is absent.

        A proxy, or a server that does not serve a kind yet, says 404 to everything.
        """
        return self.status == _NOT_FOUND and self.name == name


class Connection:
    """One server, one identity, one pool. Use as an async context manager."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        timeout_seconds: float = 10.0,
        before_writing: Callable[[], None] = lambda: None,
    ) -> None:
        """Must be called inside the event loop.

        Args:
            credentials: who we are, and to whom.
            timeout_seconds: for one request, from connecting to the answer's last byte. It
                does not count while other requests are before it.
            before_writing: called when it is the turn of a request that is no GET, which may
                have waited for long; what it raises is raised instead of writing.
        """
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        arguments = _session_arguments(credentials, connections=_CONNECTIONS)
        self._connector: aiohttp.TCPConnector = arguments["connector"]
        configuration = Configuration(host=credentials.server, client_session_kwargs=arguments)
        self._client = ApiClient(configuration)
        self._client.user_agent = _USER_AGENT
        # Not left to aiohttp: who waits there has been serialized already, all in one turn of
        # the event loop, and its time is running.
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._before_writing = before_writing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets go of every connection."""
        await self._client.close()  # type: ignore[no-untyped-call]
        await self._connector.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> dict[str, Any]:
        """The answer's JSON object, in a form that is accepted.

        So many as there are connections are under way at a time, first come first served.

        Raises:
            UnavailableError: timeout, lost connection, 429, 5xx, or no JSON.
            RefusedError: any other status but 2xx.
        """
        async with self._slots:
            if method != "GET":
                self._before_writing()
            return await self._request(method, path, body, query, accept)

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        accept: str,
    ) -> dict[str, Any]:
        _, url, headers, content, _ = await self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": accept},
            body=body,
        )
        try:
            response = await self._client.call_api(
                method, url, headers, content, _request_timeout=self._timeout
            )
            raw: bytes = await response.read()  # type: ignore[no-untyped-call]
            return _answer(response.status, raw)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what = str(error) or type(error).__name__
            raise UnavailableError(f"{method} {path}: {what}") from error


def open_session(credentials: Credentials, *traces: aiohttp.TraceConfig) -> aiohttp.ClientSession:
    """A session for kopf, which wants one of its own in a loop of its own.

    The token is put in per request, so that no watch need be cut to renew it.
    """
    arguments = _session_arguments(credentials, connections=0)
    return aiohttp.ClientSession(
        headers={"User-Agent": _USER_AGENT}, trace_configs=list(traces), **arguments
    )


def _session_arguments(credentials: Credentials, *, connections: int) -> dict[str, Any]:
    """What makes an aiohttp session ours.

    Proxies and ~/.netrc of the environment are left out: both halves of the operator
    must talk to one and the same server.
    """
    server = yarl.URL(credentials.server).origin()

    async def authorize(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.url.origin() == server:  # never to where a redirect leads
            request.headers.update(credentials.authorization())
        request.server_hostname = credentials.server_name
        response = await handler(request)
        if response.status == _UNAUTHORIZED:
            credentials.renew()
        return response

    return {
        "connector": aiohttp.TCPConnector(ssl=credentials.tls, limit=connections),
        "middlewares": (authorize,),
        "trust_env": False,
    }


def _answer(status: int, raw: bytes) -> dict[str, Any]:
    if status == _TOO_MANY or status // 100 == 5:  # noqa: PLR2004 - 5xx
        raise UnavailableError(f"HTTP {status}: {raw[:200].decode(errors='replace')}")
    answer = json.loads(raw)
    if not isinstance(answer, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004 - as json.loads does
    if status // 100 != 2:  # noqa: PLR2004 - 2xx
        raise RefusedError(status, answer)
    return answer
