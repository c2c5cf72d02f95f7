"""One HTTP request and its whole answer, bounded in time, in size and in number."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from governor.adapters.web.allowances import Allowance
from governor.adapters.web.answers import Answer, Place
from governor.adapters.web.clients import Clients
from governor.adapters.web.faults import fault_of
from governor.adapters.web.trust import Trust
from governor.adapters.web.turns import Turns
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

CONCURRENCY = 16
"""Requests to one server at the same time; the rest waits, as `Turns` says."""

LONGEST_ANSWER = 1 << 20
"""Bytes. What is asked for needs a few hundred; beyond this it is something else."""

_IDLE_SECONDS = 15.0
"""How long an idle connection is kept: who asks often finds it open."""

_CONNECTING = 0.45
"""Of the time left, what TCP may take to connect, and TLS after it."""

_WAITING = 0.97
"""Of the time left, what one wait for the server may take."""

_TOO_LATE = 0.1
"""Of the deadline, what must be left for a request to be sent at all."""


class UnsentError(FaultError):
    """Nothing was sent: the server did not answer those that were before it."""


class Exchange:
    """Sends requests to one server. Follows no redirect, uses no ambient proxy."""

    def __init__(
        self,
        *,
        url: str,
        headers: Mapping[str, str],
        trust: Trust,
        deadline_seconds: float,
        place: Place,
    ) -> None:
        self._clients = Clients(lambda: _client(url, headers, trust.context))
        self._trust = trust
        self._place = place
        self._turns = Turns(CONCURRENCY)
        self.deadline_seconds = deadline_seconds

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        allowance: Allowance | None = None,
    ) -> Answer:
        """The whole answer to one request; time counts from when it is its turn.

        Args:
            method: of HTTP.
            path: below the server's url, or a whole url.
            query: what to send, in the url.
            form: what to send, as a form.
            content: what to send, as it is.
            allowance: the time that it may take, of whoever asks more than once, or has less
                of it than `deadline_seconds`.

        Raises:
            UnsentError: `Timeout`, and its turn never came.
            FaultError: `Timeout`, `Unreachable`, `TLSFailed`, or `MalformedAnswer` for
                what is no HTTP, breaks off or does not end.
        """
        allowance = allowance or Allowance(self.deadline_seconds)
        its_turn = False
        try:
            async with self._turns.turn(self.deadline_seconds):
                its_turn = True
                with allowance.passing() as until:
                    return await self._ask(
                        method, path, until, params=query, data=form, content=content
                    )
        except httpx.ConnectTimeout as error:
            raise FaultError(Reason.TIMEOUT, "connecting took too long") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            whole = f"{self.deadline_seconds:g}s"
            if its_turn:
                raise FaultError(Reason.TIMEOUT, f"no whole answer within {whole}") from error
            late = f"{CONCURRENCY} requests are before it: not sent within {whole}"
            raise UnsentError(Reason.TIMEOUT, late) from error
        except (httpx.HTTPError, ssl.SSLError) as error:
            self._turns.answered()
            cause = await self._alert(path, allowance) if _broken(error) else None
            raise fault_of(cause or error, self._place, self._trust.client) from error

    async def _ask(self, method: str, path: str, until: float, **sent: Any) -> Answer:
        """The same, now: `until` is in the event loop's time."""
        patience = _patience(until, self.deadline_seconds)
        async with asyncio.timeout_at(until), self._clients.lent() as client:
            answer = await _whole(
                client.stream(method, path, timeout=patience, **sent), self._place
            )
        self._turns.answered()
        return answer

    async def _alert(self, path: str, allowance: Allowance) -> ssl.SSLError | None:
        """The TLS alert behind a connection that broke; None: there was none.

        With TLS 1.3 a server refuses our certificate after the handshake, while we write. A
        request of several writes then breaks at the second, and the alert is lost; a HEAD
        is a single one.
        """
        try:
            async with asyncio.timeout(max(0.0, allowance.left)), self._clients.lent() as client:
                await client.head(path)
        except ssl.SSLError as alert:
            return alert
        except (TimeoutError, httpx.HTTPError):
            pass
        return None

    async def close(self) -> None:
        """Closes every connection."""
        await self._clients.close()


def _client(url: str, headers: Mapping[str, str], context: ssl.SSLContext) -> httpx.AsyncClient:
    # An answer that is not compressed can't grow beyond what was bounded.
    sent = httpx.Headers({"Accept": "application/json", "Accept-Encoding": "identity"})
    sent.update(headers)  # Whatever their case: none goes twice.
    return httpx.AsyncClient(
        base_url=url,
        headers=sent,
        verify=context,
        trust_env=False,
        follow_redirects=False,
        # No max_connections: the slots of ask() are the one queue, nobody waits in a second.
        limits=httpx.Limits(max_keepalive_connections=CONCURRENCY, keepalive_expiry=_IDLE_SECONDS),
    )


def _broken(error: httpx.HTTPError | ssl.SSLError) -> bool:
    """Whether an established TLS connection broke off."""
    return (
        isinstance(error, httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError)
        and error.request.url.scheme == "https"
    )


async def _whole(answering: AbstractAsyncContextManager[httpx.Response], place: Place) -> Answer:
    """The answer, read to its end."""
    began = asyncio.get_running_loop().time()
    async with answering as response:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > LONGEST_ANSWER:
                raise FaultError(
                    Reason.MALFORMED_ANSWER,
                    f"the answer is longer than {LONGEST_ANSWER} bytes: {place.flooding}",
                )
        return Answer(
            status=response.status_code,
            body=bytes(body),
            retry_after=response.headers.get("retry-after"),
            seconds=asyncio.get_running_loop().time() - began,
        )


def _patience(until: float, whole_seconds: float) -> httpx.Timeout:
    """Lets httpx give up by itself, just before the deadline would cut it off.

    It tidies up better so: httpcore leaves a socket open where a TLS handshake is cancelled.
    The deadline is still needed, for a server that is never silent and never done.

    Raises:
        TimeoutError: so little time is left that nothing should be sent. Else a crowd that
            waited in vain for a hanging server would open connections only to drop them.
    """
    left = until - asyncio.get_running_loop().time()
    if left < whole_seconds * _TOO_LATE:
        raise TimeoutError
    return httpx.Timeout(left * _WAITING, connect=left * _CONNECTING)
