"""The samples say what the platform's page of checks says, in words the API knows."""

from typing import Any

import pytest
import yaml

from governor.api.acting import DispatchSpec
from governor.api.channel import ChannelSpec
from governor.api.mute import MuteSpec
from governor.api.policy import CheckSpec, PolicySpec
from governor.api.source import SourceSpec
from governor.probes.base import Access
from governor.probes.promql import Promql
from governor_local import binaries, manifests

LATENCY = (
    "max(awooop_truth_chain_quality_summary_last_duration_seconds"
    '{project_id="awoooi",limit="8",success="true"})'
)


def documents(*folders: str) -> list[dict[str, Any]]:
    kubectl = binaries._kubectl()
    return [
        document
        for folder in folders
        for document in yaml.safe_load_all(manifests.rendered(kubectl, manifests.DEPLOY / folder))
    ]


def spec(document: dict[str, Any]) -> PolicySpec:
    return PolicySpec.model_validate(document["spec"])


@pytest.fixture(scope="module")
def flywheel() -> PolicySpec:
    [found] = [d for d in documents("samples") if d["kind"] == "GovernancePolicy"]
    assert (found["metadata"]["namespace"], found["metadata"]["name"]) == ("aiops", "flywheel")
    return spec(found)


def named(policy: PolicySpec, name: str) -> CheckSpec:
    [check] = [check for check in policy.checks if check.name == name]
    return check


def test_the_platforms_policy_has_nine_checks(flywheel: PolicySpec) -> None:
    assert [check.name for check in flywheel.checks] == [
        "trust-drift",
        "knowledge-degradation",
        "llm-hallucination",
        "execution-blast-radius",
        "autonomy-rate",
        "decision-accuracy",
        "confidence-calibration",
        "km-growth-rate",
        "truth-chain-quality-summary-latency",
    ]


@pytest.mark.parametrize(
    ("name", "query", "lines"),
    [
        ("autonomy-rate", "sli:autonomy_rate:5m", ("Above", 0.70, 0.80)),
        ("decision-accuracy", "sli:decision_accuracy:5m", ("Above", 0.85, 0.90)),
        ("confidence-calibration", "sli:confidence_calibration:1h", ("Above", 0.70, 0.80)),
        (
            "km-growth-rate",
            "max(knowledge_entries_created_24h) or max(sli:km_growth_rate:24h)",
            ("Above", 5, 20),
        ),
        ("truth-chain-quality-summary-latency", LATENCY, ("Below", 8, 2)),
    ],
)
def test_an_slo_is_carried_exactly(
    flywheel: PolicySpec, name: str, query: str, lines: tuple[str, float, float]
) -> None:
    check = named(flywheel, name)
    assert isinstance(check.promql, Promql)
    assert check.objective is not None

    assert check.promql.query == query
    assert check.promql.source_ref.name == "prometheus"
    objective = check.objective
    assert (objective.direction, objective.red_line, objective.target) == lines


def test_the_built_in_checks_measure_from_the_platform(flywheel: PolicySpec) -> None:
    sources = {check.name: check.probe.source_ref.name for check in flywheel.checks[:4]}

    assert set(sources.values()) == {"platform"}


def test_the_latency_slo_names_its_own_next_action(flywheel: PolicySpec) -> None:
    guidance = named(flywheel, "truth-chain-quality-summary-latency").guidance
    assert guidance is not None

    assert guidance.next_action == "run_truth_chain_quality_summary_latency_probe"


def test_the_policy_looks_hourly_and_at_hallucination_more_often(flywheel: PolicySpec) -> None:
    assert flywheel.interval == "1h"
    assert named(flywheel, "llm-hallucination").interval == "15m"


def test_the_policy_deprecates_what_its_source_lets_it(flywheel: PolicySpec) -> None:
    [platform] = [
        SourceSpec.model_validate(document["spec"])
        for document in documents("samples")
        if document["kind"] == "GovernanceSource" and document["metadata"]["name"] == "platform"
    ]

    assert flywheel.enforcement == "Enforce"
    assert Access.REMEDIATION in (platform.access or ())


def test_stale_knowledge_becomes_work_for_hermes(flywheel: PolicySpec) -> None:
    dispatches = {check.name: check.dispatch for check in flywheel.checks if check.dispatch}

    assert dispatches == {
        "knowledge-degradation": DispatchSpec(
            executor="hermes_kb_growth_healthcheck", max_attempts=1, requires_approval=True
        )
    }


def test_policies_tell_one_channel_of_each_kind() -> None:
    samples = documents("samples", "local/samples")
    channels = {
        document["metadata"]["name"]: ChannelSpec.model_validate(document["spec"])
        for document in samples
        if document["kind"] == "GovernanceChannel"
    }
    kinds = {
        name: next(
            kind for kind in ("alertmanager", "apprise", "cloud_events") if getattr(each, kind)
        )
        for name, each in channels.items()
    }
    policies = [spec(document) for document in samples if document["kind"] == "GovernancePolicy"]

    assert kinds == {"oncall": "alertmanager", "team-chat": "apprise", "event-bus": "cloud_events"}
    for policy in policies:
        assert policy.notify
        assert {channel.name for channel in policy.notify.channels} == channels.keys()


def test_the_mute_is_of_a_check_that_may_be_muted(flywheel: PolicySpec) -> None:
    document = yaml.safe_load((manifests.DEPLOY / "samples" / "mute.yaml").read_text())
    mute = MuteSpec.model_validate(document["spec"])

    assert document["metadata"]["namespace"] == "aiops"
    assert mute.policy_ref.name == "flywheel"
    assert [named(flywheel, check).severity for check in mute.checks or ()] == [None]


@pytest.mark.parametrize("document", documents("samples", "local/samples"), ids=str)
def test_every_sample_is_understood(document: dict[str, Any]) -> None:
    match document["kind"]:
        case "GovernancePolicy":
            assert spec(document).checks
        case "GovernanceSource":
            SourceSpec.model_validate(document["spec"])
        case "GovernanceChannel":
            ChannelSpec.model_validate(document["spec"])
        case kind:
            assert kind == "Namespace"
