"""Who may not use a source sends it nothing; who may again is measured within seconds."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import policy, prometheus_source, promql
from tests.support.recording_prometheus import recording_prometheus
from tests.support.said import error
from tests.support.sources import deleted, postgres_source, readiness, said, says, secret

from governor_local.databases import make_login
from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import DATABASE, Platform

pytestmark = [pytest.mark.e2e]

WITHIN = 10
"""Seconds from a change of a source, its Secret or a label to a run; an Error alone is
measured again after 30."""
SECRET = "e2e-permissions"
LABEL = "e2e.governance.aiops.dev/may"
SELECTED = {"from": "Selector", "selector": {"matchLabels": {LABEL: "measure"}}}
FINE = ("Ok", "Met", "0 is not above the red line 0")
LOGIN = {"name": SECRET, "key": "dsn"}


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


@pytest.fixture
def reader(stack: Stack) -> str:
    """The connection string of a login that only this module's sources use."""
    dsn = make_login(stack.governed, "e2e_reader", database=DATABASE)
    stack.governed.execute("grant select on public.playbooks to e2e_reader", database=DATABASE)
    return dsn


@pytest.fixture
def logged(stack: Stack) -> Iterator[None]:
    """The governed server writes every statement into its log."""
    stack.governed.configure(log_statement="all")
    yield
    stack.governed.configure(log_statement="none")


def statements(stack: Stack) -> list[str]:
    """What the login of this module has sent, as the server logged it."""
    text = stack.governed.log.read_text(errors="replace")
    records = text.replace("\n\t", " ").splitlines()  # further lines of a statement are indented
    return [record for record in records if f"e2e_reader@{DATABASE}" in record]


def drift(name: str, source: str) -> dict[str, Any]:
    """A check of the playbooks."""
    return {"name": name, "trustDrift": {"sourceRef": {"name": source}}}


def test_a_namespace_that_is_not_allowed_sends_nothing_until_it_is(
    stack: Stack, cluster: Cluster, namespace: str, reader: str, logged: None
) -> None:
    """SourceForbidden beside checks that go on; the servers see no query; then a label."""
    with recording_prometheus() as prometheus:
        guarded = [
            secret(SECRET, {"dsn": reader}),
            postgres_source("guarded", LOGIN, namespaces=SELECTED),
            prometheus_source("walled", prometheus.url),
        ]
        guarded[2]["spec"]["allowedNamespaces"] = SELECTED
        checks = [
            drift("guarded", "guarded"),
            promql("walled", "up", red_line=1, source="walled"),
            drift("fine", "platform"),
        ]
        with deleted(cluster, *guarded):
            cluster.apply(*guarded, policy("asking", namespace, *checks, interval="7d"))

            refusal = f"does not allow namespace {namespace}: an administrator can, in its"
            refused = {
                name: error(
                    "SourceForbidden", f"GovernanceSource {name} {refusal} allowedNamespaces"
                )
                for name in ("guarded", "walled")
            }
            says(cluster, "asking", namespace, refused | {"fine": FINE})
            readiness(cluster, {"guarded": "Reachable", "walled": "Reachable"})
            assert any("server_version" in line for line in statements(stack))
            assert not any("playbooks" in line for line in statements(stack))
            assert prometheus.asked("up") == []

            stack.kubectl("label", "namespace", namespace, f"{LABEL}=measure")
            cluster.verdict("asking", namespace, "Ok", WITHIN)
            assert said(cluster, "asking", namespace)["guarded"] == FINE
            assert any("playbooks" in line for line in statements(stack))
            assert len(prometheus.asked("up")) == 1

            stack.kubectl("label", "namespace", namespace, f"{LABEL}-")
            cluster.verdict("asking", namespace, "Error", WITHIN)
            assert len(prometheus.asked("up")) == 1


def test_what_an_administrator_mends_is_measured_within_seconds(
    stack: Stack, cluster: Cluster, namespace: str, reader: str
) -> None:
    """A password, an access and a source that was not there, though no slot comes for days."""
    right = secret(SECRET, {"dsn": reader})
    forgotten = stack.governed.dsn(user="e2e_reader", password="wrong", database=DATABASE)
    wrong = secret(SECRET, {"dsn": forgotten})
    misread = postgres_source("misread", LOGIN)
    withheld = postgres_source("withheld", LOGIN, access=["BuiltinChecks"])
    granted = postgres_source(
        "withheld", LOGIN, access=["BuiltinChecks", "CustomSql"], customSqlSecretRef=LOGIN
    )
    absent = postgres_source("absent", LOGIN)
    query = {"sourceRef": {"name": "withheld"}, "query": "select 1"}
    checks = [
        drift("misread", "misread"),
        {"name": "withheld", "sql": query, "objective": {"direction": "Above", "redLine": 0}},
        drift("absent", "absent"),
    ]
    with deleted(cluster, right, misread, withheld, absent):
        cluster.apply(wrong, misread, withheld)
        cluster.apply(policy("asking", namespace, *checks, interval="7d"))

        def refused() -> bool:
            told = said(cluster, "asking", namespace)
            assert {name: reason for name, (_, reason, _) in told.items()} == {
                "misread": "AuthenticationFailed",
                "withheld": "SourceForbidden",
                "absent": "SourceNotFound",
            }
            return True

        eventually(refused)

        cluster.apply(right, granted, absent)
        cluster.verdict("asking", namespace, "Ok", WITHIN)
        versions = readiness(cluster, dict.fromkeys(("misread", "withheld", "absent"), "Reachable"))
        assert all(version.startswith("PostgreSQL 18.") for _, _, version in versions.values())
