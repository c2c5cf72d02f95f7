"""A real Prometheus asks for client certificates: sources and channels show theirs, or say why."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from tests.support.channel_worlds import cloud_events
from tests.support.mutual_prometheus import MutualPrometheus, mutual_prometheus
from tests.support.notices import a_notice

from governor.adapters.prometheus import PrometheusInstrument, make_prometheus
from governor.api.source import PrometheusSource
from governor.cli.main import main
from governor.errors import DeliveryError
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.outcomes import Fault, FaultError, Measurement
from governor.values.reasons import Reason

PROBE = Promql(source_ref=SourceRef(name="prometheus"), query="vector(0.5)")
AUTHORITY = {"caSecretRef": {"name": "trust", "key": "ca.crt"}}
IDENTITY = {"clientSecretRef": {"name": "identity"}}

Secrets = Mapping[str, Mapping[str, bytes]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Known to the server and to its clients."""
    return trustme.CA()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA
) -> Iterator[MutualPrometheus]:
    with mutual_prometheus(tmp_path_factory.mktemp("mutual"), authority) as running:
        yield running


def secrets(authority: trustme.CA, shown: trustme.LeafCert | None) -> Secrets:
    """The authority's certificate, and that which is shown."""
    trusted = {"trust": {"ca.crt": authority.cert_pem.bytes()}}
    if shown is None:
        return trusted
    chain = b"".join(pem.bytes() for pem in shown.cert_chain_pems)
    pair = {"tls.crt": chain, "tls.key": shown.private_key_pem.bytes()}
    return {**trusted, "identity": pair}


def tls(known: Secrets) -> dict[str, Any]:
    return {"tls": AUTHORITY | (IDENTITY if "identity" in known else {})}


def instrument(url: str, known: Secrets) -> PrometheusInstrument:
    spec = PrometheusSource.model_validate({"url": url, "timeout": "30s", **tls(known)})
    return make_prometheus("prometheus", spec, known)


async def test_a_source_shows_its_certificate(
    server: MutualPrometheus, authority: trustme.CA
) -> None:
    """With the chain that leads to the authority that the server knows."""
    shown = authority.create_child_ca().issue_cert("governor")
    source = instrument(server.url, secrets(authority, shown))

    assert await source.measure(PROBE, datetime.now(UTC)) == Measurement(value=0.5)
    assert (await source.version()).startswith("3.")
    await source.close()


Issue = Callable[[trustme.CA], trustme.LeafCert | None]


def nothing(_: trustme.CA) -> None:
    return None


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("governor", not_after=datetime.now(UTC) - timedelta(days=1))


def foreign(_: trustme.CA) -> trustme.LeafCert:
    return trustme.CA().issue_cert("governor")


REFUSED = "the server refuses the certificate of Secret identity, key tls.crt"
BAD: dict[str, tuple[Issue, str]] = {
    "none": (nothing, "wants a client certificate: name one in {tls}.clientSecretRef"),
    "expired": (expired, f"{REFUSED} (certificate expired): renew it"),
    "of another authority": (
        foreign,
        f"{REFUSED} (unknown ca): have one issued by an authority that the server trusts",
    ),
}


@pytest.mark.parametrize("length", [0, 500_000], ids=["short", "long"])
@pytest.mark.parametrize("case", BAD)
async def test_a_refused_certificate_is_tls_failed(
    server: MutualPrometheus, authority: trustme.CA, case: str, length: int
) -> None:
    """The message names Secret, key and remedy, for a check and for the source's Ready.

    A long query is still being sent when the server refuses.
    """
    issue, words = BAD[case]
    source = instrument(server.url, secrets(authority, issue(authority)))
    probe = PROBE.model_copy(update={"query": PROBE.query + " " * length})

    outcome = await source.measure(probe, datetime.now(UTC))
    with pytest.raises(FaultError) as caught:
        await source.version()
    await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TLS_FAILED
    assert words.format(tls="spec.prometheus.tls") in outcome.message
    assert caught.value.fault == outcome


@pytest.mark.parametrize("case", BAD)
async def test_channels_say_the_same(
    server: MutualPrometheus, authority: trustme.CA, case: str
) -> None:
    """What serves a source serves every channel with `tls`, in the words of its own spec."""
    issue, words = BAD[case]
    known = secrets(authority, issue(authority))
    webhook = cloud_events(server.url, known, headersSecretRef=None, **tls(known))
    with pytest.raises(DeliveryError) as told:
        await webhook.tell([a_notice()])
    await webhook.close()

    assert words.format(tls="spec.cloudEvents.tls") in str(told.value)


async def test_channels_show_theirs(server: MutualPrometheus, authority: trustme.CA) -> None:
    """A Prometheus takes no events, but says so by HTTP."""
    known = secrets(authority, authority.issue_cert("governor"))
    webhook = cloud_events(f"{server.url}/no-such", known, headersSecretRef=None, **tls(known))
    with pytest.raises(DeliveryError, match="HTTP 404: nothing is at the channel's url"):
        await webhook.tell([a_notice()])
    await webhook.close()


def test_the_command_shows_the_certificate_of_a_manifest(
    server: MutualPrometheus,
    authority: trustme.CA,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`governor check` takes the Secret as `kubectl create secret tls` makes it."""
    api = "governance.aiops.dev/v1alpha1"
    known = secrets(authority, authority.issue_cert("governor"))
    server_of = {"url": server.url, **tls(known)}
    probe = {"sourceRef": {"name": "prometheus"}, "query": "vector(0.5)"}
    objective = {"direction": "Above", "redLine": 0.4}
    manifests: list[dict[str, Any]] = [
        {
            "apiVersion": api,
            "kind": "GovernanceSource",
            "metadata": {"name": "prometheus"},
            "spec": {"allowedNamespaces": {"from": "All"}, "prometheus": server_of},
        },
        *(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/tls" if name == "identity" else "Opaque",
                "metadata": {"name": name},
                "data": {key: b64encode(value).decode() for key, value in content.items()},
            }
            for name, content in known.items()
        ),
    ]
    policy = {
        "apiVersion": api,
        "kind": "GovernancePolicy",
        "metadata": {"name": "slo", "namespace": "aiops"},
        "spec": {"checks": [{"name": "half", "promql": probe, "objective": objective}]},
    }
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump_all(manifests))
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy))
    files = ["-f", str(tmp_path / "policy.yaml"), "--sources", str(tmp_path / "sources.yaml")]

    code = main(["check", *files])

    told = capsys.readouterr()
    assert (code, "0.5 is not below the red line 0.4" in told.out) == (0, True), told
