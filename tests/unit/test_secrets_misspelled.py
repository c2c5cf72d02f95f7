"""What files and editors add to a credential: dropped where everybody expects it, else refused.

Dropped is the end of the last line. Whatever else can't belong to the credential is refused
by the Secret's name, its key and what to do; and never with a part of it.
"""

import re
from collections.abc import Callable, Mapping

import pytest
from tests.support.governed import instrument

from governor.adapters.channels.apprise_urls import service
from governor.adapters.postgres.dsn import read_dsn
from governor.adapters.web.credentials import credentials
from governor.adapters.web.headers import secret_headers
from governor.adapters.web.trust import trust
from governor.api.servers import BasicSecretRef, HttpTls, SecretKeyRef
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

REF = SecretKeyRef(name="access", key="key")
SECRET = "hunter2"


def bearer(value: bytes) -> object:
    return credentials(REF, None, {"access": {"key": value}}).headers


def user(value: bytes) -> object:
    return _basic(key=value, password=SECRET.encode())


def password(value: bytes) -> object:
    return _basic(username=b"ada", key=value)


def _basic(**values: bytes) -> object:
    keys = {"usernameKey": "key"} if "password" in values else {"passwordKey": "key"}
    ref = BasicSecretRef.model_validate({"name": "access", **keys})
    return credentials(None, ref, {"access": values}).headers


def headers(value: bytes) -> object:
    return secret_headers(REF, {"access": {"key": value}}).headers


def dsn(value: bytes) -> object:
    return read_dsn(REF, {"access": {"key": value}})


def chat(value: bytes) -> object:
    return service(REF, {"access": {"key": value}}).url(privacy=False)


KINDS: Mapping[str, tuple[Callable[[bytes], object], str]] = {
    "bearer token": (bearer, SECRET),
    "user": (user, "ada"),
    "password": (password, SECRET),
    "headers": (headers, f"Authorization: Bearer {SECRET}"),
    "DSN": (dsn, f"postgresql://u:{SECRET}@h/d"),
    "chat": (chat, f"json://u:{SECRET}@host/path"),
}
"""How a credential of each kind is read, and a good one."""

BOM = "\ufeff"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"], ids=["LF", "CRLF", "two lines"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_end_of_the_line_is_dropped(kind: str, end: str) -> None:
    """Editors add it, and `echo`."""
    read, good = KINDS[kind]

    assert read((good + end).encode()) == read(good.encode())


MISSPELLED: Mapping[str, tuple[Callable[[str], bytes], str]] = {
    "a byte order mark": (lambda good: (BOM + good).encode(), "begins with a byte order mark"),
    "UTF-16": (lambda good: good.encode("utf-16"), "must hold UTF-8 text"),
    "a NUL": (lambda good: f"{good}\0".encode(), "printable|control characters"),
    "a NUL within": (
        lambda good: f"{good[:-2]}\0{good[-2:]}".encode(),
        "printable|control characters",
    ),
    "an escape": (lambda good: f"{good}\x1b[A".encode(), "printable|control characters"),
}


@pytest.mark.parametrize("how", MISSPELLED)
@pytest.mark.parametrize("kind", KINDS)
def test_what_can_not_belong_to_it_is_refused(kind: str, how: str) -> None:
    """By name, key and remedy; nothing of the credential is told."""
    read, good = KINDS[kind]
    misspell, words = MISSPELLED[how]

    with pytest.raises(FaultError) as raised:
        read(misspell(good))

    fault = raised.value.fault
    assert fault.reason is Reason.SECRET_INVALID
    assert fault.message.startswith("Secret access: key key ")
    assert re.search(words, fault.message)
    assert SECRET not in fault.message
    assert fault.message.isprintable()


def test_certificates_are_pem_and_nothing_else() -> None:
    """Neither a byte order mark nor a NUL is taken for a part of them."""
    for pem in (f"{BOM}-----BEGIN CERTIFICATE-----", "-----BEGIN\0CERTIFICATE-----"):
        with pytest.raises(FaultError, match="must hold certificates in PEM"):
            trust("https://h", HttpTls(ca_secret_ref=REF), {"access": {"key": pem.encode()}})
        with pytest.raises(FaultError, match="must hold certificates in PEM"):
            instrument(
                "postgresql://u:p@h/d",
                ca=pem.encode(),
                tls={"caSecretRef": {"name": "platform", "key": "ca"}},
            )
