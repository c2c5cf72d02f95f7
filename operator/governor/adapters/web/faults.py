"""What can go wrong below HTTP, and what to do about it."""

import os
import socket
import ssl
from collections.abc import Iterator, Mapping

import httpx

from governor.adapters.web.answers import Place
from governor.adapters.web.certificates import CERTIFICATE
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

_ANOTHER = "have one issued that the server takes"

_OF_OUR_CERTIFICATE: Mapping[str, str] = {
    "ACCESS_DENIED": _ANOTHER,
    "BAD_CERTIFICATE": _ANOTHER,
    "CERTIFICATE_EXPIRED": "renew it",
    "CERTIFICATE_REQUIRED": _ANOTHER,
    "CERTIFICATE_REVOKED": _ANOTHER,
    "CERTIFICATE_UNKNOWN": _ANOTHER,
    "UNKNOWN_CA": "have one issued by an authority that the server trusts",
    "UNSUPPORTED_CERTIFICATE": _ANOTHER,
}
"""TLS alerts of a server that wants another certificate than it was shown, as OpenSSL spells
them, and what to do."""


_WAITING = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""Only say that more bytes are needed; the fault came afterwards."""


def fault_of(error: httpx.HTTPError | ssl.SSLError, place: Place, client: str | None) -> FaultError:
    """What went wrong below HTTP, in the words of whoever noticed first.

    Args:
        error: what httpx raised; it lets an alert after the handshake through as it is.
        place: the server.
        client: the Secret of the certificate that was shown, if one was.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FaultError(Reason.TLS_FAILED, f"certificate refused: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return FaultError(Reason.TLS_FAILED, _tls_words(cause, place, client))
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


def _tls_words(error: ssl.SSLError, place: Place, client: str | None) -> str:
    """What to do about TLS that failed; the server's alert may be about our certificate."""
    alert = (error.reason or "").partition("_ALERT_")[2]
    if alert not in _OF_OUR_CERTIFICATE:
        return f"TLS failed: {error.reason or error}"
    if client is None:
        return f"the server wants a client certificate: name one in {place.client_field}"
    said, remedy = alert.replace("_", " ").lower(), _OF_OUR_CERTIFICATE[alert]
    return (
        f"the server refuses the certificate of Secret {client}, key {CERTIFICATE} ({said}): "
        f"{remedy}"
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
        if not isinstance(current, _WAITING):
            yield current
        if isinstance(current, BaseExceptionGroup):
            queue.extend(current.exceptions)
        queue.extend(e for e in (current.__cause__, current.__context__) if e is not None)
