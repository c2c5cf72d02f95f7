"""Each way in which a PostgreSQL's Secret, address or certificate can be wrong, in status."""

import base64
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import trustme
from tests.support.aside import Aside
from tests.support.bad_worlds import READY, Said, error
from tests.support.cluster import Cluster
from tests.support.manifests import policy
from tests.support.sources import PLAIN, deleted, postgres_source, readiness, said, secret
from tests.support.tls_front import tls_front

from governor_local.operator_process import NAMESPACE, OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import DATABASE, Platform

pytestmark = [pytest.mark.e2e]

SECRET = "e2e-bad-logins"
TLS = {"caSecretRef": {"name": SECRET, "key": "ca"}}
AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
FINE: Said = ("Ok", "Met", "0 is not above the red line 0")


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


@dataclass(frozen=True, slots=True)
class Login:
    """A connection string, how its server must prove itself, and what a check says of it."""

    dsn: str
    tls: Mapping[str, Any]
    says: Said


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the platform's PostgreSQL is, behind fronts that speak TLS, and where nobody is."""

    user: str
    """User and password, as a URL has them."""
    real: str
    nobody: str
    plain: str
    proven: str
    strange: str
    misnamed: str

    def dsn(self, address: str, user: str | None = None, database: str = DATABASE) -> str:
        """A connection string; all is right that is not said."""
        return f"postgresql://{user or self.user}@{address}/{database}"


def proving(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """What a server proves itself with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def addresses(stack: Stack, cluster: Cluster) -> Iterator[Addresses]:
    """The platform's database as the operator may read it, in several disguises."""
    stored = cluster.get("secret", "platform-database", NAMESPACE)["data"]["dsn"]
    good = base64.b64decode(stored).decode()
    with Aside() as aside:

        def front(context: ssl.SSLContext | None) -> str:
            return f"localhost:{aside.enter(tls_front(stack.governed.port, context)).port}"

        yield Addresses(
            user=good.partition("//")[2].partition("@")[0],
            real=f"127.0.0.1:{stack.governed.port}",
            nobody=f"127.0.0.1:{stack.processes.port('nobody')}",
            plain=front(None),
            proven=front(proving(AUTHORITY, "localhost")),
            strange=front(proving(STRANGER, "localhost")),
            misnamed=front(proving(AUTHORITY, "elsewhere.example.com")),
        )


def logins(to: Addresses) -> dict[str, Login]:
    """By the name of source, check and key of the Secret."""
    refused = "the certificate of {} is refused:"
    return {
        "wrong-dsn": Login(
            f"host={to.real}",
            PLAIN,
            error("SecretInvalid", f"Secret {SECRET}: key wrong-dsn must begin with postgresql://"),
        ),
        "wrong-password": Login(
            to.dsn(to.real, "governor_reader:wrong"),
            PLAIN,
            error(
                "AuthenticationFailed",
                'password authentication failed for user "governor_reader": correct user and '
                f"password in the Secret {SECRET}, key wrong-password",
            ),
        ),
        "wrong-database": Login(
            to.dsn(to.real, database="platfrom"),
            PLAIN,
            error(
                "SecretInvalid",
                'database "platfrom" does not exist: correct the database in the Secret '
                f"{SECRET}, key wrong-database",
            ),
        ),
        "wrong-port": Login(
            to.dsn(to.nobody),
            PLAIN,
            error(
                "Unreachable",
                f"{to.nobody} can't be reached: connection refused: look at the server and the "
                "network",
            ),
        ),
        "no-tls": Login(
            to.dsn(to.plain),
            TLS,
            error(
                "TLSFailed",
                f"{to.plain} offers no TLS: enable it there, or set spec.postgres.tls.mode: "
                "Disable",
            ),
        ),
        "strange-tls": Login(
            to.dsn(to.strange),
            TLS,
            error(
                "TLSFailed",
                f"{refused.format(to.strange)} unable to get local issuer certificate: give its "
                "authority in spec.postgres.tls.caSecretRef",
            ),
        ),
        "misnamed-tls": Login(
            to.dsn(to.misnamed),
            TLS,
            error(
                "TLSFailed",
                f"{refused.format(to.misnamed)} Hostname mismatch, certificate is not valid for "
                "'localhost'.: connect by the certificate's name, or set tls.mode: VerifyCA",
            ),
        ),
        "proven-tls": Login(to.dsn(to.proven), TLS, FINE),
    }


MISSING: Mapping[str, tuple[Mapping[str, str], Said]] = {
    "missing-secret": (
        {"name": "e2e-nothing", "key": "dsn"},
        error(
            "SecretInvalid",
            "there is no Secret e2e-nothing in the operator's namespace: create it there",
        ),
    ),
    "missing-key": (
        {"name": SECRET, "key": "nothing"},
        error("SecretInvalid", f"Secret {SECRET}: key nothing does not exist: add it"),
    ),
}
"""Where the source looks, and what its check says."""


def test_bad_logins(cluster: Cluster, namespace: str, addresses: Addresses) -> None:
    """Reason and message in the policy and in its source's Ready; a password in neither."""
    bad = logins(addresses)
    authority = AUTHORITY.cert_pem.bytes().decode()
    manifests = [
        secret(SECRET, {name: login.dsn for name, login in bad.items()} | {"ca": authority}),
        *(postgres_source(n, {"name": SECRET, "key": n}, tls=it.tls) for n, it in bad.items()),
        *(postgres_source(name, where) for name, (where, _) in MISSING.items()),
    ]
    checks = [{"name": n, "trustDrift": {"sourceRef": {"name": n}}} for n in (*bad, *MISSING)]
    with deleted(cluster, *manifests):
        cluster.apply(*manifests, policy("logins", namespace, *checks, interval="7d"))

        told = said(cluster, "logins", namespace)
        assert told == {name: login.says for name, login in bad.items()} | {
            name: says for name, (_, says) in MISSING.items()
        }
        reasons = {name: reason for name, (_, reason, _) in told.items()} | {"proven-tls": READY}
        for name, (ready, _, version) in readiness(cluster, reasons).items():
            well = name == "proven-tls"
            assert (ready, version.startswith("PostgreSQL 18.")) == (str(well), well), name
        shown = json.dumps([cluster.policy("logins", namespace), cluster.rows(namespace)])
        assert addresses.user.partition(":")[2] not in shown
