"""How a server must prove who it is. Where TLS is wanted there is no way back to plaintext."""

import ssl

from governor.adapters.authorities import verifying
from governor.adapters.postgres.dsn import Secrets, invalid, secret_value
from governor.api.servers import SecretKeyRef
from governor.api.source import PostgresTls


def tls_context(tls: PostgresTls | None, secrets: Secrets) -> ssl.SSLContext | None:
    """The context to connect with; None: no TLS at all.

    Raises:
        FaultError: `SecretInvalid`: the authorities' Secret is missing or is not PEM.
    """
    tls = tls or PostgresTls()
    if tls.mode == "Disable":
        return None
    context = verifying() if tls.ca_secret_ref is None else _trusting(tls.ca_secret_ref, secrets)
    context.check_hostname = tls.mode != "VerifyCA"
    return context


def _trusting(ref: SecretKeyRef, secrets: Secrets) -> ssl.SSLContext:
    """A context that trusts only the authorities under that key."""
    try:
        pem = secret_value(ref, secrets).decode("ascii").strip()
        # An empty text would mean: trust the system's authorities.
        return verifying(pem=pem or "-")
    except (ssl.SSLError, ValueError):
        raise invalid(ref, "must hold certificates in PEM") from None
