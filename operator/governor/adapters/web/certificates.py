"""Certificates that Secrets hold: the authorities to believe, and the one to show."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NoReturn

from governor.adapters.web.credentials import Secrets, held, invalid
from governor.api.servers import SecretKeyRef
from governor.values.outcomes import FaultError

CERTIFICATE = "tls.crt"
"""The key of a certificate in Secrets of type kubernetes.io/tls."""

PRIVATE_KEY = "tls.key"
"""The key of its private key."""

_ANOTHER_PAIR = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
"""OpenSSL's words for a key that does not belong to the certificate."""

_WEAK = ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK")
"""Its words for a certificate that it does not show to anybody."""


class _PassphraseError(Exception):
    """A private key asks for one."""


def authorities(ref: SecretKeyRef, secrets: Secrets) -> ssl.SSLContext:
    """A context that trusts only the certificates under that key, and verifies names.

    Raises:
        FaultError: `SecretInvalid`.
    """
    return _holding(ref.name, ref.key, secrets)


def identify(context: ssl.SSLContext, name: str, secrets: Secrets) -> None:
    """Has the context show the certificate of a Secret to servers that ask for one.

    Raises:
        FaultError: `SecretInvalid`: a key is missing or unreadable, or they are no pair.
    """
    _holding(name, CERTIFICATE, secrets)  # What fails after this is not the certificate's form.
    certificate, key = held(name, CERTIFICATE, secrets), held(name, PRIVATE_KEY, secrets)
    with _readable(certificate) as certificate_path, _readable(key) as key_path:
        try:
            context.load_cert_chain(certificate_path, key_path, password=_refuse_passphrase)
        except _PassphraseError:
            raise invalid(
                name, PRIVATE_KEY, "must hold a private key without a passphrase"
            ) from None
        except ssl.SSLError as error:
            raise _unfit(name, error) from None


def _holding(name: str, key: str, secrets: Secrets) -> ssl.SSLContext:
    try:
        pem = held(name, key, secrets).decode("ascii")
        # Not left to create_default_context: of an empty text it makes the public authorities.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise invalid(name, key, "must hold certificates in PEM") from None
    return context


def _unfit(name: str, error: ssl.SSLError) -> FaultError:
    if error.reason in _ANOTHER_PAIR:
        return invalid(
            name, PRIVATE_KEY, f"does not belong to {CERTIFICATE}: put both of one pair there"
        )
    if error.reason in _WEAK:
        return invalid(
            name, CERTIFICATE, "holds a certificate too weak for TLS: have a stronger one issued"
        )
    return invalid(name, PRIVATE_KEY, "must hold a private key in PEM")


def _refuse_passphrase() -> NoReturn:
    """OpenSSL would ask for it on the console."""
    raise _PassphraseError


@contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """A path under which the ssl module, which reads nothing but files, finds the content."""
    with _nameless() as file:
        file.write(content)
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def _nameless() -> BinaryIO:
    """A file that nobody else can open; on Linux it lies in memory, never on a disk."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("governor"), "w+b")
    return tempfile.TemporaryFile()
