"""What a real API server refuses, and in which words; and that it takes all the rest."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.refusals import Refusal, refusals

from governor.api import API_VERSION, GROUP, VERSION
from governor.api.loading import load_policy
from governor.errors import SpecError
from governor_local.stack import Stack

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
TABLE = refusals()
PATHS = {
    "GovernancePolicy": f"/apis/{GROUP}/{VERSION}/namespaces/default/governancepolicies",
    "GovernanceSource": f"/apis/{GROUP}/{VERSION}/governancesources",
}
UNSAID = "some validation rules were not checked because the object was invalid"


class Judge:
    """Asks the API server whether it would take a manifest, without storing it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def refusal(self, kind: str, spec: dict[str, Any]) -> list[str]:
        """Its words, one per fault; none if it would take the manifest."""
        answer = self._client.post(
            PATHS[kind],
            params={"dryRun": "All", "fieldValidation": "Strict"},
            json={
                "apiVersion": API_VERSION,
                "kind": kind,
                "metadata": {"name": "judged"},
                "spec": spec,
            },
        )
        if answer.status_code == httpx.codes.CREATED:
            return []
        assert answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY)
        status = answer.json()
        causes = status.get("details", {}).get("causes", ())
        said = [f"{cause['field']}: {cause['message']}" for cause in causes]
        return [words for words in said if UNSAID not in words] or [status["message"]]


@pytest.fixture(scope="module")
def judge(stack: Stack) -> Iterator[Judge]:
    """The stack's API server, once it serves the CRDs."""
    stack.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "crds"))
    stack.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    plane = stack.control_plane
    with httpx.Client(
        base_url=stack.api_server_url,
        verify=ssl.create_default_context(cafile=str(plane.ca)),
        headers={"Authorization": f"Bearer {plane.token}"},
        trust_env=False,
    ) as client:
        yield Judge(client)


@pytest.mark.parametrize("row", TABLE, ids=[row.case for row in TABLE])
def test_a_bad_manifest_is_refused(judge: Judge, row: Refusal) -> None:
    """In exactly these words, which name the field and the remedy."""
    assert judge.refusal(row.kind, row.spec) == row.server


def drift(**fields: Any) -> dict[str, Any]:
    """A good check, with these fields."""
    return {"name": "drift", "trustDrift": {"sourceRef": {"name": "platform"}}} | fields


def promql(**objective: Any) -> dict[str, Any]:
    """A good promql check with this objective."""
    query = {"sourceRef": {"name": "prometheus"}, "query": "up"}
    return {"name": "up", "promql": query, "objective": objective}


def built_in(kind: str, **objective: Any) -> dict[str, Any]:
    """A built-in check with this objective."""
    return {"name": "it", kind: {"sourceRef": {"name": "platform"}}, "objective": objective}


GOOD_CHECKS = {
    "the shortest interval": drift(interval="5s"),
    "the longest interval": drift(interval="7d"),
    "the longest interval in seconds": drift(interval="604800s"),
    "the longest name": drift(name="a" * 40),
    "a name of one digit": drift(name="7"),
    "every threshold at its end": drift(failureThreshold=100, successThreshold=100),
    "a critical check": drift(severity="critical"),
    "guidance and ownership": drift(
        guidance={"remediation": ["Pause it"], "nextAction": "look", "hint": "Look."},
        ownership={"leadAgent": "Hermes", "supportAgents": ["OpenClaw"], "humanOwner": "SRE"},
    ),
    "the longest query": promql(direction="Above", redLine=1)
    | {"promql": {"sourceRef": {"name": "p"}, "query": "é" * 4096, "reduce": "Avg"}},
    "Above with the target on the red line": promql(direction="Above", redLine=1, target=1),
    "Below with the target on the red line": promql(direction="Below", redLine=1, target=1),
    "Above with the target above": promql(direction="Above", redLine=0.7, target=0.8),
    "Below with the target below": promql(direction="Below", redLine=8, target=2),
    "negative lines": promql(direction="Above", redLine=-2.5, target=-1),
    "drift's target on its default red line": built_in("trustDrift", target=0),
    "staleness's target on its default red line": built_in("knowledgeDegradation", target=0.2),
    "hallucination's target on its default red line": built_in("llmHallucination", target=0.1),
    "blast radius's target on its default red line": built_in("executionBlastRadius", target=0.15),
    "a target above the default red line, with its own": built_in(
        "llmHallucination", target=0.4, redLine=0.5, minimumSamples=20
    ),
    "sql with samples": {
        "name": "ratio",
        "sql": {"sourceRef": {"name": "platform"}, "query": "select 1, 2"},
        "objective": {"direction": "Below", "redLine": 0.5, "minimumSamples": 5},
    },
}


@pytest.mark.parametrize("check", GOOD_CHECKS.values(), ids=GOOD_CHECKS)
def test_a_good_check_is_taken(judge: Judge, check: dict[str, Any]) -> None:
    """By the API server and by `governor check` alike."""
    spec = {"checks": [check]}

    assert judge.refusal("GovernancePolicy", spec) == []
    assert load_policy({"spec": spec}).checks[0].name == check["name"]


SECRET = {"name": "platform-database", "key": "dsn"}
GOOD_SOURCES: dict[str, dict[str, Any]] = {
    "a PostgreSQL with everything": {
        "access": ["BuiltinChecks", "CustomSql"],
        "postgres": {
            "secretRef": SECRET,
            "customSqlSecretRef": SECRET,
            "tls": {"mode": "VerifyCA", "caSecretRef": SECRET},
            "statementTimeout": "30s",
            "maxConnections": 32,
            "relations": {"playbooks": "ops.playbooks_v2", "incident_evidence": "Evidence"},
        },
    },
    "a PostgreSQL without TLS": {"postgres": {"secretRef": SECRET, "tls": {"mode": "Disable"}}},
    "a Prometheus with a path": {"prometheus": {"url": "https://p.example.com/prefix/"}},
    "a Prometheus by its address": {"prometheus": {"url": "http://[::1]:9090"}},
    "a Prometheus with everything": {
        "prometheus": {
            "url": "https://prometheus.monitoring.svc:9090",
            "basicSecretRef": {"name": "login", "usernameKey": "user", "passwordKey": "pass"},
            "tls": {"caSecretRef": SECRET},
            "timeout": "1s",
        }
    },
}


@pytest.mark.parametrize("source", GOOD_SOURCES.values(), ids=GOOD_SOURCES)
def test_a_good_source_is_taken(judge: Judge, source: dict[str, Any]) -> None:
    """Every field that there is, in some source."""
    everybody = {"allowedNamespaces": {"from": "All"}}

    assert judge.refusal("GovernanceSource", everybody | source) == []


def test_a_source_for_selected_namespaces_is_taken(judge: Judge) -> None:
    """With every operator of a label selector."""
    requirements = [
        {"key": "example.com/team", "operator": "In", "values": ["a", "b"]},
        {"key": "tier", "operator": "NotIn", "values": [""]},
        {"key": "governed", "operator": "Exists"},
        {"key": "legacy", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"governance": "on"}, "matchExpressions": requirements}
    allowed = {"from": "Selector", "selector": selector}
    spec = {"allowedNamespaces": allowed, "postgres": {"secretRef": SECRET}}

    assert judge.refusal("GovernanceSource", spec) == []


def test_the_samples_are_taken(judge: Judge) -> None:
    """Those that `deploy/samples` ships."""
    documents = [
        document
        for file in sorted((ROOT / "deploy" / "samples").glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if document["kind"] in PATHS
    ]

    assert {document["kind"] for document in documents} == set(PATHS)
    for document in documents:
        assert judge.refusal(document["kind"], document["spec"]) == []


lines = st.one_of(st.integers(-2, 2), st.sampled_from([0.1, 0.15, 0.2, 0.5, -0.1, 1.5]))
objectives = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["Above", "Below"]),
        "redLine": lines,
        "target": lines,
        "minimumSamples": st.integers(1, 3),
    },
)
intervals = st.builds(
    "{}{}".format,
    st.one_of(st.integers(1, 20), st.sampled_from([168, 169, 10080, 10085, 604800, 604805])),
    st.sampled_from("smhd"),
)
kinds = st.sampled_from(
    ["trustDrift", "knowledgeDegradation", "llmHallucination", "executionBlastRadius"]
).map(lambda kind: {kind: {"sourceRef": {"name": "s"}}}) | st.sampled_from(["promql", "sql"]).map(
    lambda kind: {kind: {"sourceRef": {"name": "s"}, "query": "1"}}
)
checks = st.builds(
    lambda kind, fields: kind | fields,
    kinds,
    st.fixed_dictionaries({}, optional={"objective": objectives, "interval": intervals}),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(checks, min_size=1, max_size=32))
def test_both_readers_refuse_the_same(judge: Judge, checks: list[dict[str, Any]]) -> None:
    """CEL and Python agree on each check, and on each message."""
    spec = {"checks": [check | {"name": f"c{at}"} for at, check in enumerate(checks)]}
    said = judge.refusal("GovernancePolicy", spec)
    try:
        load_policy({"spec": spec})
        mine = ""
    except SpecError as error:
        mine = str(error)

    # Python asks a check's own rules only where its fields are right: then it says less.
    assert bool(said) == bool(mine)
    for fault in mine.split("; ") if mine else ():
        assert any(fault.rpartition(": ")[2] in words for words in said)
    for at, check in enumerate(checks):
        refused = any(words.startswith(f"spec.checks[{at}]") for words in said)
        assert refused == _refused_alone(check), (check, said)


def _refused_alone(check: dict[str, Any]) -> bool:
    try:
        load_policy({"spec": {"checks": [check | {"name": "alone"}]}})
    except SpecError:
        return True
    return False
