"""Which addresses can be used, whose certificates are believed there, and which is shown."""

import ssl
from dataclasses import dataclass

import httpx

from governor.adapters.web.certificates import authorities, identify
from governor.adapters.web.credentials import Secrets
from governor.api.servers import HttpTls, SecretKeyRef

_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom to believe at an address, and who to be there."""

    context: ssl.SSLContext
    client: str | None = None
    """The Secret of the certificate that is shown; None: none is."""


def trust(url: str, tls: HttpTls | None, secrets: Secrets) -> Trust:
    """Believes the authorities that the spec names, else the public ones; shows what it names.

    Raises:
        FaultError: `SecretInvalid`.
    """
    tls = tls or HttpTls()
    context = _believing(url, tls.ca_secret_ref, secrets)
    if tls.client_secret_ref is None:
        return Trust(context=context)
    identify(context, tls.client_secret_ref.name, secrets)
    return Trust(context=context, client=tls.client_secret_ref.name)


def _believing(url: str, ca: SecretKeyRef | None, secrets: Secrets) -> ssl.SSLContext:
    if ca is not None:
        return authorities(ca, secrets)
    if url.startswith("https://"):
        return httpx.create_ssl_context(trust_env=False)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # Trusts nobody; http has no use for it.


def unusable(text: str, credentials: str) -> str | None:
    """Why paths can't be added to a url, or whom it tells a password; None: it can be used.

    Args:
        text: the url, which the answer never repeats.
        credentials: the fields that credentials belong in.
    """
    try:
        url = httpx.URL(text)
        host = url.host
    except (httpx.InvalidURL, UnicodeError):  # the second: a host that stands for no letters
        return "is not a URL"
    if url.scheme not in ("http", "https") or not host:
        return "must be http://… or https://…"
    if url.port is not None and not 0 < url.port <= _LARGEST_PORT:
        return f"must have a port from 1 to {_LARGEST_PORT}"  # else its last 16 bits would count
    if url.userinfo:
        return f"must not hold credentials: use {credentials}"
    if url.query or url.fragment:
        return "must end with a path: no ? and no #"
    return None
