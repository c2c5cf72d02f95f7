"""Who may have playbooks deprecated through which source, asked again right before it is done."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.world import HandClock

from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.adapters.prometheus import make_prometheus
from governor.api.source import PrometheusSource, SourceSpec
from governor.app.ports import Deprecation, ObjectKey
from governor.app.resources import Namespaces
from governor.app.sources import SourceDirectory
from governor.probes.base import Probe
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import FaultError, Outcome
from governor.values.reasons import Reason

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DRIFT = TrustDrift.model_validate({"sourceRef": {"name": "platform"}})

AIOPS = {"from": "Selector", "selector": {"matchLabels": {"team": "aiops"}}}
POSTGRES = {
    "secretRef": {"name": "s", "key": "dsn"},
    "remediationSecretRef": {"name": "s", "key": "remediation"},
}
ALLOWED = {
    "allowedNamespaces": AIOPS,
    "access": ["BuiltinChecks", "Remediation"],
    "postgres": POSTGRES,
}
NOT_THERE = "there is no GovernanceSource platform: create it, or name another in sourceRef"
NO_ACCESS = (
    "GovernanceSource platform does not allow Remediation: an administrator can add it to its "
    "access"
)

REFUSED: dict[str, tuple[dict[str, Any] | None, str, str]] = {
    "not there": (None, "aiops", NOT_THERE),
    "access by default": ({**ALLOWED, "access": None}, "aiops", NO_ACCESS),
    "other access": ({**ALLOWED, "access": ["BuiltinChecks"]}, "aiops", NO_ACCESS),
    "another namespace": (
        ALLOWED,
        "web",
        "GovernanceSource platform does not allow namespace web: an administrator can",
    ),
    "a Prometheus": (
        {"allowedNamespaces": {"from": "All"}, "prometheus": {"url": "http://p:9090"}},
        "aiops",
        "GovernanceSource platform is a prometheus source: this check needs a postgres source",
    ),
    "not understood": (
        {"allowedNamespaces": {"from": "All"}},
        "aiops",
        "GovernanceSource platform can't be understood: ",
    ),
}


class Desk:
    """A directory whose instruments only note what they are asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[TrustDrift, tuple[str, ...], datetime]] = []
        self.store = InMemoryStatusStore(kind="GovernanceSource")
        namespaces = Namespaces()
        self.directory = SourceDirectory(
            maker=self,
            secrets=self,
            namespaces=namespaces,
            store=self.store,
            clock=HandClock(),
            telemetry=InMemoryTelemetry(),
            on_change=lambda _: None,
        )
        namespaces.seen("aiops", {"team": "aiops"})
        namespaces.seen("web", {"team": "web"})

    def make(
        self, name: str, spec: SourceSpec, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> "Desk":
        del name, spec, secrets
        return self

    async def read(self, name: str) -> tuple[str, Mapping[str, bytes]] | None:
        del name
        return None

    async def measure(self, probe: Probe, at: datetime) -> Outcome:
        raise AssertionError(f"nobody asked for it: {probe}, {at}")

    async def deprecate(self, probe: TrustDrift, ids: Sequence[str], at: datetime) -> Deprecation:
        self.asked.append((probe, tuple(ids), at))
        return Deprecation(changed=tuple(ids), already=(), kept=())

    async def version(self) -> str:
        return "1"

    async def close(self) -> None:
        pass

    def create(self, spec: dict[str, Any]) -> ObjectKey:
        body = self.store.create("", "platform", spec)
        self.directory.seen(body)
        return ObjectKey(uid=body["metadata"]["uid"], namespace="", name="platform")


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_who_is_allowed_has_playbooks_deprecated(desk: Desk) -> None:
    """Through the source's own instrument, as it was asked."""
    desk.create(ALLOWED)

    came = await desk.directory.deprecate("aiops", DRIFT, ["a", "b"], AT)

    assert desk.directory.remediation_refused("aiops", "platform") is None
    assert came == Deprecation(changed=("a", "b"), already=(), kept=())
    assert desk.asked == [(DRIFT, ("a", "b"), AT)]


@pytest.mark.parametrize(("spec", "namespace", "words"), REFUSED.values(), ids=REFUSED)
async def test_who_is_not_allowed_learns_why(
    desk: Desk, spec: dict[str, Any] | None, namespace: str, words: str
) -> None:
    """Before, and again when it is tried; nothing is done."""
    if spec is not None:
        desk.create(spec)

    refusal = desk.directory.remediation_refused(namespace, "platform")
    with pytest.raises(FaultError) as caught:
        await desk.directory.deprecate(namespace, DRIFT, ["a"], AT)

    assert refusal is not None
    assert refusal.startswith(words)
    assert caught.value.fault.message == refusal
    assert desk.asked == []


async def test_access_that_is_withdrawn_counts_at_once(desk: Desk) -> None:
    """Whatever was answered before."""
    key = desk.create(ALLOWED)
    assert desk.directory.remediation_refused("aiops", "platform") is None
    desk.directory.seen(desk.store.change_spec(key, {**ALLOWED, "access": ["BuiltinChecks"]}))

    with pytest.raises(FaultError, match="SourceForbidden"):
        await desk.directory.deprecate("aiops", DRIFT, ["a"], AT)

    assert desk.directory.remediation_refused("aiops", "platform") == NO_ACCESS
    assert desk.asked == []


async def test_a_prometheus_can_not_be_remediated() -> None:
    """Even if whoever asks did not check."""
    made = make_prometheus("p", PrometheusSource.model_validate({"url": "http://p:9090"}), {})
    try:
        with pytest.raises(FaultError) as caught:
            await made.deprecate(DRIFT, ["a"], AT)
    finally:
        await made.close()

    assert caught.value.fault.reason is Reason.SOURCE_NOT_FOUND
    assert caught.value.fault.message == "a postgres source is needed"
