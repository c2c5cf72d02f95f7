"""What a source's Secrets hold, checked before anything is sent.

No message ever tells a value: only which Secret, which key, and what to do.
"""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from governor.api.servers import BasicSecretRef, SecretKeyRef
from governor.api.source import PrometheusSource
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

Secrets = Mapping[str, Mapping[str, bytes]]
"""Secret name → key → value."""

_HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The headers that prove who asks, and what of them must never be told."""

    headers: Mapping[str, str]
    hidden: tuple[str, ...] = ()

    def redact(self, text: str) -> str:
        """The text without any secret."""
        for secret in self.hidden:
            text = text.replace(secret, _HIDDEN)
        return text


def credentials(spec: PrometheusSource, secrets: Secrets) -> Credentials:
    """Bearer, basic or none, as the source says.

    Raises:
        FaultError: `SecretInvalid`.
    """
    if spec.bearer_secret_ref is not None:
        return _bearer(spec.bearer_secret_ref, secrets)
    if spec.basic_secret_ref is not None:
        return _basic(spec.basic_secret_ref, secrets)
    return Credentials(headers={})


def authorities(ref: SecretKeyRef, secrets: Secrets) -> ssl.SSLContext:
    """A context that trusts only the certificates under that key, and verifies names.

    Raises:
        FaultError: `SecretInvalid`.
    """
    try:
        pem = _bytes(ref.name, ref.key, secrets).decode("ascii")
        # Not left to create_default_context: of an empty text it makes the public authorities.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise _invalid(ref.name, ref.key, "must hold certificates in PEM") from error
    return context


def _bearer(ref: SecretKeyRef, secrets: Secrets) -> Credentials:
    token = _text(ref.name, ref.key, secrets)
    if not token.isascii() or " " in token:
        raise _invalid(ref.name, ref.key, "must hold one token, without spaces")
    return Credentials(headers={"Authorization": f"Bearer {token}"}, hidden=(token,))


def _basic(ref: BasicSecretRef, secrets: Secrets) -> Credentials:
    user_key, password_key = ref.username_key or "username", ref.password_key or "password"
    user = _text(ref.name, user_key, secrets)
    password = _text(ref.name, password_key, secrets)
    if ":" in user:
        raise _invalid(ref.name, user_key, "must hold a user without a colon")
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credentials(headers={"Authorization": f"Basic {encoded}"}, hidden=(encoded, password))


def _text(name: str, key: str, secrets: Secrets) -> str:
    """One line of printable text; the line end that editors and `echo` add is dropped."""
    try:
        text = _bytes(name, key, secrets).decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _invalid(name, key, "must hold UTF-8 text") from error
    if not text:
        raise _invalid(name, key, "is empty: fill it in")
    if not text.isprintable():
        raise _invalid(name, key, "must hold one line without control characters")
    return text


def _bytes(name: str, key: str, secrets: Secrets) -> bytes:
    if name not in secrets:
        raise FaultError(
            Reason.SECRET_INVALID,
            f"there is no Secret {name} in the operator's namespace: create it there",
        )
    if key not in secrets[name]:
        raise _invalid(name, key, "does not exist: add it")
    return secrets[name][key]


def _invalid(name: str, key: str, remedy: str) -> FaultError:
    return FaultError(Reason.SECRET_INVALID, f"Secret {name}: key {key} {remedy}")
