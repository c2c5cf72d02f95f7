"""Which addresses can be used, and whose certificates are believed there."""

import ssl

import httpx

from governor.adapters.web.credentials import Secrets, authorities
from governor.api.servers import HttpTls


def trust(url: str, tls: HttpTls | None, secrets: Secrets) -> ssl.SSLContext:
    """Whom to trust at an address: the authorities that the spec names, else the public ones.

    Raises:
        FaultError: `SecretInvalid`.
    """
    if tls is not None and tls.ca_secret_ref is not None:
        return authorities(tls.ca_secret_ref, secrets)
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
    except httpx.InvalidURL:
        return "is not a URL"
    if url.scheme not in ("http", "https") or not url.host:
        return "must be http://… or https://…"
    if url.userinfo:
        return f"must not hold credentials: use {credentials}"
    if url.query or url.fragment:
        return "must end with a path: no ? and no #"
    return None
