"""Each way in which a PostgreSQL's Secret, address or certificate can be wrong, in status."""

import base64
import json
import ssl
from collections.abc import Iterator

import pytest
import trustme
from tests.support.aside import Aside
from tests.support.bad_logins import MISSING, SECRET, Addresses, logins
from tests.support.cluster import Cluster
from tests.support.manifests import policy
from tests.support.said import READY
from tests.support.sources import deleted, postgres_source, readiness, says, secret
from tests.support.tls_front import tls_front

from governor_local.operator_process import NAMESPACE, OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

AUTHORITY, STRANGER = trustme.CA(), trustme.CA()


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


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

        wanted = {name: login.says for name, login in bad.items()} | {
            name: told for name, (_, told) in MISSING.items()
        }
        says(cluster, "logins", namespace, wanted)
        reasons = {name: reason for name, (_, reason, _) in wanted.items()} | {"proven-tls": READY}
        for name, (ready, _, version) in readiness(cluster, reasons).items():
            well = name == "proven-tls"
            assert (ready, version.startswith("PostgreSQL 18.")) == (str(well), well), name
        shown = json.dumps([cluster.policy("logins", namespace), cluster.rows(namespace)])
        assert addresses.user.partition(":")[2] not in shown
