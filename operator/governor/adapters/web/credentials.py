"""What Secrets hold, checked before anything is sent.

No message ever tells a value: only which Secret, which key, and what to do.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from governor.adapters.secret_text import secret_text
from governor.api.servers import BasicSecretRef, SecretKeyRef
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

    def and_also(self, others: "Credentials") -> "Credentials":
        """Both: what either sends is sent, and what either hides is hidden."""
        return Credentials(
            headers={**self.headers, **others.headers}, hidden=(*self.hidden, *others.hidden)
        )

    def redact(self, text: str) -> str:
        """The text without any secret."""
        # The longest first: what is left of one must not be what betrays another.
        for secret in sorted(self.hidden, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text


def credentials(
    bearer: SecretKeyRef | None, basic: BasicSecretRef | None, secrets: Secrets
) -> Credentials:
    """Bearer, basic or none, as the spec says.

    Raises:
        FaultError: `SecretInvalid`.
    """
    if bearer is not None:
        return _bearer(bearer, secrets)
    if basic is not None:
        return _basic(basic, secrets)
    return Credentials(headers={})


def _bearer(ref: SecretKeyRef, secrets: Secrets) -> Credentials:
    token = _line(ref.name, ref.key, secrets)
    if not token.isascii() or " " in token:
        raise invalid(ref.name, ref.key, "must hold one token, without spaces")
    return Credentials(headers={"Authorization": f"Bearer {token}"}, hidden=(token,))


def _basic(ref: BasicSecretRef, secrets: Secrets) -> Credentials:
    user_key, password_key = ref.username_key or "username", ref.password_key or "password"
    user = _line(ref.name, user_key, secrets)
    password = _line(ref.name, password_key, secrets)
    if ":" in user:
        raise invalid(ref.name, user_key, "must hold a user without a colon")
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credentials(headers={"Authorization": f"Basic {encoded}"}, hidden=(encoded, password))


def written(name: str, key: str, secrets: Secrets) -> str:
    """The text under a key; the line end that editors and `echo` add is dropped.

    Raises:
        FaultError: `SecretInvalid`: there is none, or it is no text.
    """
    text = secret_text(held(name, key, secrets), lambda remedy: invalid(name, key, remedy))
    if not text:
        raise invalid(name, key, "is empty: fill it in")
    return text


def invalid(name: str, key: str, remedy: str) -> FaultError:
    """The fault of a key, with what to do about it."""
    return FaultError(Reason.SECRET_INVALID, f"Secret {name}: key {key} {remedy}")


def _line(name: str, key: str, secrets: Secrets) -> str:
    """One line of printable text."""
    text = written(name, key, secrets)
    if not text.isprintable():
        raise invalid(name, key, "must hold one line without control characters")
    return text


def held(name: str, key: str, secrets: Secrets) -> bytes:
    """What is under a key, as it is.

    Raises:
        FaultError: `SecretInvalid`: there is no such Secret, or no such key.
    """
    if name not in secrets:
        raise FaultError(
            Reason.SECRET_INVALID,
            f"there is no Secret {name} in the operator's namespace: create it there",
        )
    if key not in secrets[name]:
        raise invalid(name, key, "does not exist: add it")
    return secrets[name][key]
