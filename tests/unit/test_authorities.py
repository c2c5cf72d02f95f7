"""Authorities of clusters and databases are believed, however odd their certificates look."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from governor.adapters.authorities import verifying

PEM = serialization.Encoding.PEM
DAY = dt.timedelta(days=1)


def odd(name: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> bytes:
    """A certificate without any key identifier, for a key that is its issuer's, too."""
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, it)]) for it in (issuer, name)]
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder(*named, key.public_key(), 1 + ca, now - DAY, now + DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(PEM)
    )


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """A whole TLS handshake in memory; raises what the client objects to."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(to_client, to_server, server_hostname=name)
    answers = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (asks, answers, asks, answers):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.fixture
def authority(tmp_path: Path) -> tuple[str, ssl.SSLContext]:
    """An authority's certificate, and a server for `database` that it vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    pair = tmp_path / "pair.pem"
    pair.write_bytes(odd("database", "odd", key, ca=False) + key.private_bytes(PEM, *form))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair)
    return odd("odd", "odd", key, ca=True).decode(), server


def test_an_odd_authority_is_believed(
    authority: tuple[str, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though Python 3.13's own context, as here every Python's, would not."""
    pem, server = authority
    plain = ssl.create_default_context

    def strict(**trusted: str) -> ssl.SSLContext:
        context = plain(**trusted)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(strict(cadata=pem), server, "database")

    shake_hands(verifying(pem=pem), server, "database")


def test_chains_and_names_are_verified_all_the_same(
    authority: tuple[str, ssl.SSLContext],
) -> None:
    """Another name, or an authority that is not named, is refused."""
    pem, server = authority
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(verifying(pem=pem), server, "elsewhere")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(verifying(), server, "database")
