"""One HTTP request and its whole answer, bounded in time, in size and in number."""

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager

import httpx

from governor.adapters.web.answers import Answer, Place
from governor.adapters.web.clients import Clients
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

CONCURRENCY = 16
"""Requests to one server at the same time; the rest waits within its own deadline."""

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


class Exchange:
    """Sends requests to one server. Follows no redirect, uses no ambient proxy."""

    def __init__(
        self,
        *,
        url: str,
        headers: Mapping[str, str],
        context: ssl.SSLContext,
        deadline_seconds: float,
        place: Place,
    ) -> None:
        self._clients = Clients(lambda: _client(url, headers, context))
        self._place = place
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self.deadline_seconds = deadline_seconds

    async def ask(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """The whole answer to one request; the deadline counts from now, waiting included.

        Args:
            method: of HTTP.
            path: below the server's url, or a whole url.
            form: what to send, as a form.
            content: what to send, as it is.

        Raises:
            FaultError: `Timeout`, `Unreachable`, `TLSFailed`, or `MalformedAnswer` for
                what is no HTTP, breaks off or does not end.
        """
        sent = False
        try:
            async with asyncio.timeout(self.deadline_seconds) as deadline, self._slots:
                patience = _patience(deadline, self.deadline_seconds)
                sent = True
                async with self._clients.lent() as client:
                    return await _ask(
                        client.stream(method, path, data=form, content=content, timeout=patience)
                    )
        except httpx.ConnectTimeout as error:
            raise FaultError(Reason.TIMEOUT, "connecting took too long") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            late = "no whole answer" if sent else f"{CONCURRENCY} requests are before it: not sent"
            raise FaultError(Reason.TIMEOUT, f"{late} within {self.deadline_seconds:g}s") from error
        except httpx.HTTPError as error:
            raise _fault(error, self._place) from error

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


async def _ask(answering: AbstractAsyncContextManager[httpx.Response]) -> Answer:
    """The answer, read to its end."""
    async with answering as response:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > LONGEST_ANSWER:
                raise FaultError(
                    Reason.MALFORMED_ANSWER, f"the answer is longer than {LONGEST_ANSWER} bytes"
                )
        return Answer(
            status=response.status_code,
            body=bytes(body),
            retry_after=response.headers.get("retry-after"),
        )


def _patience(deadline: asyncio.Timeout, whole_seconds: float) -> httpx.Timeout:
    """Lets httpx give up by itself, just before the deadline would cut it off.

    It tidies up better so: httpcore leaves a socket open where a TLS handshake is cancelled.
    The deadline is still needed, for a server that is never silent and never done.

    Raises:
        TimeoutError: so little time is left that nothing should be sent. Else a crowd that
            waited in vain for a hanging server would open connections only to drop them.
    """
    left = (deadline.when() or 0.0) - asyncio.get_running_loop().time()
    if left < whole_seconds * _TOO_LATE:
        raise TimeoutError
    return httpx.Timeout(left * _WAITING, connect=left * _CONNECTING)


def _fault(error: httpx.HTTPError, place: Place) -> FaultError:
    """What went wrong below HTTP, in the words of whoever noticed first."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FaultError(Reason.TLS_FAILED, f"certificate refused: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return FaultError(Reason.TLS_FAILED, f"TLS failed: {cause.reason or cause}")
        if isinstance(cause, socket.gaierror):  # Its numbers are none of os.strerror's.
            return FaultError(
                Reason.UNREACHABLE,
                f"the host name can't be resolved ({cause.strerror}): "
                f"correct {place.field}, or look at the DNS",
            )
    # httpcore says this of a connection that ends before a first byte.
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return FaultError(Reason.MALFORMED_ANSWER, f"the answer is no whole HTTP: {error}")
    errnos = [c.errno for c in _causes(error) if isinstance(c, OSError) and c.errno]
    said = os.strerror(errnos[-1]) if errnos else str(error) or "the connection was lost"
    return FaultError(
        Reason.UNREACHABLE,
        f"{place.name} can't be reached: {said}: look at the server and the {place.owner}'s url",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came from, groups included."""
    seen: set[int] = set()
    queue: list[BaseException] = [error]
    while queue:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            queue.extend(current.exceptions)
        queue.extend(e for e in (current.__cause__, current.__context__) if e is not None)
