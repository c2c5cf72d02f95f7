"""Client certificates and headers of a source: every bad Secret is refused before it is used."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from governor.adapters.prometheus import make_prometheus
from governor.api.channel import ChannelSpec
from governor.api.source import PrometheusSource
from governor.domain.resources import secret_names
from governor.values.outcomes import Fault, FaultError
from governor.values.reasons import Reason

IDENTITY = {"tls": {"clientSecretRef": {"name": "identity"}}}
HEADERS = {"headersSecretRef": {"name": "extra", "key": "headers"}}
BEARER = {"bearerSecretRef": {"name": "access", "key": "token"}}
BASIC = {"basicSecretRef": {"name": "access"}}
LOGINS = {"token": b"planted", "username": b"ana", "password": b"planted"}
PLANTED = "planted"

AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert("governor")
CERTIFICATE = b"".join(pem.bytes() for pem in LEAF.cert_chain_pems)
KEY = LEAF.private_key_pem.bytes()
NO_PEM = b"-----BEGIN %s-----\nplanted\n-----END %s-----\n"
NO_CERTIFICATE = NO_PEM % (b"CERTIFICATE", b"CERTIFICATE")


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> bytes:
    protection: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )


def locked() -> bytes:
    key = serialization.load_pem_private_key(KEY, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return pem(key, b"planted")


def fault_of(fields: Mapping[str, Any], secrets: Mapping[str, Mapping[str, bytes]]) -> Fault:
    spec = PrometheusSource.model_validate({"url": "https://prometheus:9090", **fields})
    with pytest.raises(FaultError) as caught:
        make_prometheus("prometheus", spec, secrets)
    return caught.value.fault


PAIRS: dict[str, tuple[dict[str, bytes] | None, str]] = {
    "no Secret": (None, "there is no Secret identity in the operator's namespace: create it"),
    "no certificate": ({"tls.key": KEY}, "Secret identity: key tls.crt does not exist: add it"),
    "no key": ({"tls.crt": CERTIFICATE}, "Secret identity: key tls.key does not exist: add it"),
    "an empty certificate": ({"tls.crt": b"", "tls.key": KEY}, "tls.crt must hold certificates"),
    "no certificate's text": ({"tls.crt": b"planted", "tls.key": KEY}, "tls.crt must hold"),
    "a damaged certificate": ({"tls.crt": NO_CERTIFICATE, "tls.key": KEY}, "tls.crt must hold"),
    "a damaged chain": (
        {"tls.crt": CERTIFICATE + NO_CERTIFICATE, "tls.key": KEY},
        "tls.crt must hold certificates in PEM",
    ),
    "a binary certificate": ({"tls.crt": b"\x30\x82\xff", "tls.key": KEY}, "tls.crt must hold"),
    "an empty key": ({"tls.crt": CERTIFICATE, "tls.key": b""}, "tls.key must hold a private key"),
    "no key's text": ({"tls.crt": CERTIFICATE, "tls.key": b"planted"}, "tls.key must hold"),
    "a damaged key": (
        {"tls.crt": CERTIFICATE, "tls.key": NO_PEM % (b"PRIVATE KEY", b"PRIVATE KEY")},
        "tls.key must hold a private key in PEM",
    ),
    "a certificate for a key": ({"tls.crt": CERTIFICATE, "tls.key": CERTIFICATE}, "tls.key must"),
    "a key with a passphrase": (
        {"tls.crt": CERTIFICATE, "tls.key": locked()},
        "Secret identity: key tls.key must hold a private key without a passphrase",
    ),
    "another's key": (
        {"tls.crt": CERTIFICATE, "tls.key": AUTHORITY.issue_cert("b").private_key_pem.bytes()},
        "Secret identity: key tls.key does not belong to tls.crt: put both of one pair there",
    ),
    "a key of another kind": (
        {"tls.crt": CERTIFICATE, "tls.key": pem(rsa.generate_private_key(65537, 2048))},
        "tls.key does not belong to tls.crt",
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_a_bad_pair_is_secret_invalid(case: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The message names Secret, key and remedy; nobody is asked for a passphrase."""
    pair, words = PAIRS[case]

    fault = fault_of(IDENTITY, {} if pair is None else {"identity": pair})

    assert fault.reason is Reason.SECRET_INVALID
    assert words in fault.message
    assert PLANTED not in fault.message
    assert capfd.readouterr() == ("", "")


def test_a_weak_certificate_is_secret_invalid() -> None:
    """OpenSSL would show it to nobody."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weakness is what is tested
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "governor")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    shown = certificate.public_bytes(serialization.Encoding.PEM)

    fault = fault_of(IDENTITY, {"identity": {"tls.crt": shown, "tls.key": pem(key)}})

    assert fault.message == (
        "Secret identity: key tls.crt holds a certificate too weak for TLS: have a stronger one "
        "issued"
    )


def test_the_pair_may_stand_in_one_text() -> None:
    """As some tools write it."""
    spec = PrometheusSource.model_validate({"url": "https://prometheus:9090", **IDENTITY})
    both = CERTIFICATE + KEY

    assert make_prometheus("prometheus", spec, {"identity": {"tls.crt": both, "tls.key": both}})


BAD_HEADERS: dict[str, tuple[dict[str, Any], bytes | None, str]] = {
    "no Secret": ({}, None, "there is no Secret extra"),
    "a line end within": ({}, b"X-Scope-OrgID: planted\rHost: evil", "line 1 must have a value"),
    "a folded line": ({}, b"X-One: 1\n planted", "line 2 must be `Name: value`"),
    "a name with a line end": ({}, b"X-\nOne: planted", "line 1 must be `Name: value`"),
    "the host": ({}, b"Host: planted", "line 1 must not set Host: the operator does"),
    "a length": ({}, b"X: 1\nContent-Length: 9", "line 2 must not set Content-Length"),
    "a login twice": (
        BEARER,
        b"X: 1\nAUTHORIZATION: Bearer planted",
        "line 2 must not set AUTHORIZATION: another Secret of the same spec does; leave one",
    ),
    "a login of two kinds": (BASIC, b"authorization: planted", "another Secret of the same spec"),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_bad_headers_are_secret_invalid(case: str) -> None:
    """As for channels; and what one Secret sends, no other may send."""
    login, headers, words = BAD_HEADERS[case]
    extra = {} if headers is None else {"extra": {"headers": headers}}

    fault = fault_of({**login, **HEADERS}, {"access": LOGINS, **extra})

    assert fault.reason is Reason.SECRET_INVALID
    assert "Secret extra" in fault.message
    assert words in fault.message
    assert PLANTED not in fault.message


def test_every_secret_of_a_source_and_of_a_channel_is_known_by_name() -> None:
    """So a change of any of them is seen, and `governor check` asks for it."""
    source = PrometheusSource.model_validate(
        {"url": "https://prometheus:9090", **BEARER, **HEADERS, **IDENTITY}
    )
    alertmanager = {"urls": ["https://alertmanager:9093"], **IDENTITY}
    channel = ChannelSpec.model_validate(
        {"allowedNamespaces": {"from": "All"}, "alertmanager": alertmanager}
    )

    assert secret_names(source) == {"access", "extra", "identity"}
    assert secret_names(channel) == {"identity"}
