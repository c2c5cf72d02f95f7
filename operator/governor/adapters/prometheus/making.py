"""Builds the instrument of a Prometheus source, without connecting."""

import ssl

import httpx

from governor import __version__
from governor.adapters.prometheus.credentials import Secrets, authorities, credentials
from governor.adapters.prometheus.exchange import Exchange
from governor.adapters.prometheus.instrument import PrometheusInstrument
from governor.adapters.prometheus.queries import SingleQueryRunner
from governor.api.source import PrometheusSource
from governor.values.durations import seconds
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

TIMEOUT = "5s"
"""The whole time of one query, where the source does not say."""


def make_prometheus(name: str, spec: PrometheusSource, secrets: Secrets) -> PrometheusInstrument:
    """The instrument of a source.

    Args:
        name: of the source, for messages.
        spec: where the server is, and how to speak to it.
        secrets: every Secret that the spec names and that exists.

    Raises:
        FaultError: `SecretInvalid`, or `SourceNotFound` where the url leads nowhere.
    """
    url = _checked(name, spec.url)
    known = credentials(spec, secrets)
    exchange = Exchange(
        url=spec.url,
        headers={"User-Agent": f"governor/{__version__}", **known.headers},
        context=_context(url, spec, secrets),
        deadline_seconds=seconds(spec.timeout or TIMEOUT),
    )
    return PrometheusInstrument(SingleQueryRunner(exchange, known.redact))


def _context(url: httpx.URL, spec: PrometheusSource, secrets: Secrets) -> ssl.SSLContext:
    """Whom to trust: the source's own authorities, else the public ones."""
    if spec.tls is not None and spec.tls.ca_secret_ref is not None:
        return authorities(spec.tls.ca_secret_ref, secrets)
    if url.scheme == "https":
        return httpx.create_ssl_context(trust_env=False)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # Trusts nobody; http has no use for it.


def _checked(name: str, text: str) -> httpx.URL:
    """The url, if paths can be added to it and it tells nobody a password."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise _unusable(name, "is not a URL") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise _unusable(name, "must be http://… or https://…")
    if url.userinfo:
        raise _unusable(name, "must not hold credentials: use bearerSecretRef or basicSecretRef")
    if url.query or url.fragment:
        raise _unusable(name, "must end with a path: no ? and no #")
    return url


def _unusable(name: str, remedy: str) -> FaultError:
    return FaultError(Reason.SOURCE_NOT_FOUND, f"GovernanceSource {name}: prometheus.url {remedy}")
