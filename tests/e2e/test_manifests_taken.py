"""What a real API server takes, and `governor check` with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.judge import PATHS, Judge

from governor.api.loading import load_channel, load_mute, load_policy, load_source
from governor.cli.documents import read
from governor.errors import SpecError
from governor_local.stack import Stack

pytestmark = pytest.mark.e2e

AS_WRITTEN: dict[str, Any] = {"exclude_none": True, "by_alias": True, "mode": "json"}
SAMPLES = Path(__file__).parents[2] / "deploy" / "samples"


@pytest.fixture(scope="module")
def judge(stack: Stack) -> Iterator[Judge]:
    """The stack's API server."""
    with Judge.of(stack) as judge:
        yield judge


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
    "a dispatch with everything": drift(
        dispatch={
            "executor": "hermes_kb.growth-healthcheck",
            "maxAttempts": 100,
            "requiresApproval": False,
            "suppressWhileOpen": True,
        }
    ),
    "a dispatch to an executor of one letter": drift(dispatch={"executor": "h"}),
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


DRIFT = drift()
GOOD_POLICIES: dict[str, dict[str, Any]] = {
    "an audit": {"enforcement": "Audit", "mutes": "Forbidden"},
    "enforcement": {"enforcement": "Enforce", "mutes": "Allowed"},
    "one channel": {"notify": {"channels": [{"name": "oncall"}]}},
    "as many channels as there can be": {
        "notify": {"channels": [{"name": f"channel.{at}"} for at in range(8)]}
    },
    "notify with everything": {
        "notify": {
            "channels": [{"name": "oncall"}, {"name": "chat"}],
            "minimumSeverity": "info",
            "reminderInterval": "30d",
            "resolved": False,
        }
    },
    "the shortest reminders": {
        "notify": {"channels": [{"name": "oncall"}], "reminderInterval": "60s"}
    },
}


@pytest.mark.parametrize("fields", GOOD_POLICIES.values(), ids=GOOD_POLICIES)
def test_a_good_policy_is_taken(judge: Judge, fields: dict[str, Any]) -> None:
    """What it says of telling and acting."""
    spec = {"checks": [DRIFT], **fields}

    assert judge.refusal("GovernancePolicy", spec) == []
    assert load_policy({"spec": spec}).model_dump(**AS_WRITTEN) == spec


SECRET = {"name": "platform-database", "key": "dsn"}
EVERYBODY = {"allowedNamespaces": {"from": "All"}}
GOOD_SOURCES: dict[str, dict[str, Any]] = {
    "a PostgreSQL with everything": {
        "access": ["BuiltinChecks", "CustomSql", "Remediation"],
        "postgres": {
            "secretRef": SECRET,
            "customSqlSecretRef": SECRET,
            "remediationSecretRef": SECRET,
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
    spec = EVERYBODY | source

    assert judge.refusal("GovernanceSource", spec) == []
    assert load_source({"spec": spec}).model_dump(**AS_WRITTEN) == spec


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


GOOD_CHANNELS: dict[str, dict[str, Any]] = {
    "one Alertmanager": {"alertmanager": {"urls": ["http://alertmanager.monitoring:9093"]}},
    "Alertmanagers with everything": {
        "alertmanager": {
            "urls": [f"https://alertmanager-{at}.example.org/prefix/" for at in range(8)],
            "bearerSecretRef": SECRET,
            "tls": {"caSecretRef": SECRET},
        }
    },
    "an Alertmanager with a password": {
        "alertmanager": {"urls": ["http://[::1]:9093"], "basicSecretRef": {"name": "login"}}
    },
    "a chat": {"apprise": {"secretRef": SECRET}},
    "a chat with a digest": {"apprise": {"secretRef": SECRET}, "digestAfter": 100},
    "a webhook": {"cloudEvents": {"url": "http://events.example.org"}},
    "a webhook with everything": {
        "cloudEvents": {
            "url": "https://events.example.org:8443/hooks/a%20b",
            "headersSecretRef": SECRET,
            "tls": {"caSecretRef": SECRET},
        }
    },
}


@pytest.mark.parametrize("channel", GOOD_CHANNELS.values(), ids=GOOD_CHANNELS)
def test_a_good_channel_is_taken(judge: Judge, channel: dict[str, Any]) -> None:
    """Every field that there is, in some channel."""
    spec = EVERYBODY | channel

    assert judge.refusal("GovernanceChannel", spec) == []
    assert load_channel({"spec": spec}).model_dump(**AS_WRITTEN) == spec


GOOD_MUTES: dict[str, dict[str, Any]] = {
    "all of a policy": {},
    "one check": {"checks": ["drift"]},
    "as many checks as there can be": {"checks": [f"check-{at}" for at in range(32)]},
    "the longest reason and owner": {"reason": "é" * 500, "owner": "é" * 100},
    "in a zone": {"expiresAt": "2025-12-01T08:00:00+08:00"},
    "with a fraction": {"expiresAt": "2025-12-01T08:00:00.123456789Z"},
    "on a leap day": {"expiresAt": "2024-02-29T23:59:59-14:00"},
}


@pytest.mark.parametrize("fields", GOOD_MUTES.values(), ids=GOOD_MUTES)
def test_a_good_mute_is_taken(judge: Judge, fields: dict[str, Any]) -> None:
    """The admission policy in `deploy/` says how long it may be: these have ended."""
    spec = {
        "policyRef": {"name": "flywheel"},
        "reason": "the base is rebuilt",
        "owner": "SRE",
        "expiresAt": "2025-12-01T08:00:00Z",
        **fields,
    }

    assert judge.refusal("GovernanceMute", spec) == []
    assert load_mute({"spec": spec}).owner == spec["owner"]


moments = st.builds(
    "{}-{}-{}T{}:{}:{}{}{}".format,
    st.sampled_from(["2024", "2025", "1999", "2100", "0000", "24"]),
    st.sampled_from(["02", "12", "00", "13", "2"]),
    st.sampled_from(["01", "29", "30", "31", "32", "00"]),
    st.sampled_from(["00", "23", "24", "8"]),
    st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["", ".5", ".123456789", ".1234567890", ",5", "."]),
    st.sampled_from(["Z", "z", "", "+14:00", "-00:00", "+15:00", "+0100", "+08:60", " Z"]),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moments)
def test_both_readers_take_the_same_moments(judge: Judge, moment: str) -> None:
    """What the API server stores, the operator understands."""
    mute = {"policyRef": {"name": "p"}, "reason": "r", "owner": "o", "expiresAt": moment}

    said = judge.refusal("GovernanceMute", mute)

    try:
        load_mute({"spec": mute})
        mine = []
    except SpecError as error:
        field, _, words = str(error).partition(": ")
        mine = [f'{field}: Invalid value: "{moment}": {words}']
    assert said == mine


def test_the_samples_are_taken(judge: Judge) -> None:
    """Those that `deploy/samples` ships."""
    files = map(str, SAMPLES.glob("*.yaml"))
    documents = [document for document in read(files) if document.kind in PATHS]

    assert {document.kind for document in documents} >= {"GovernancePolicy", "GovernanceSource"}
    for document in documents:
        assert judge.refusal(document.kind, document.body["spec"]) == []
