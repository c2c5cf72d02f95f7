"""What a finding says, from the decision to `details`: every kind, texts and ownership."""

from typing import Any

import pytest
from tests.support.builders import History, blast, policy, slo, spec

from governor.api.log import Entry
from governor.api.policy import PolicySpec
from governor.domain import texts
from governor.domain.details import details
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Absence, Fault, Measurement, Outcome
from governor.values.reasons import Reason

SOURCE = {"sourceRef": {"name": "platform"}}
PARTS = ("items", "next_action", "hint")


def check_of(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "interval": "60s", kind: {**SOURCE, **more}}


def owned(by: texts.Ownership) -> dict[str, Any]:
    """An ownership as `details` spells it."""
    return {
        "lead_agent": by.lead_agent,
        "lead_reason": by.lead_reason,
        "support_agents": list(by.support_agents),
        "human_owner": by.human_owner,
        "human_reason": by.human_reason,
    }


def opening(check: dict[str, Any], outcome: Outcome) -> tuple[Entry, PolicySpec]:
    """The entry of a finding that this outcome opens, and the spec it was judged by."""
    life = History(policy(check))
    life.tick()
    life.decide(**{check["name"].replace("-", "_"): outcome})
    (entry,) = (e for e in life.told if e.transition == "open")
    return entry, PolicySpec.model_validate(spec(check))


TRUST = Measurement(
    value=3 / 7,
    samples=7,
    facts={
        "drifted_count": 3,
        "total_playbooks": 7,
        "would_deprecate_count": 2,
        "unjudged": 1,
    },
    lists={"would_deprecate_ids": ("pb-1", "pb-2"), "sample_playbook_ids": ("pb-3",)},
)


def test_trust_drift() -> None:
    """Numbers under impact; what would be deprecated under remediation; samples to act on."""
    entry, its_spec = opening(check_of("trustDrift", "trust", deprecateUnusedAfter="36h"), TRUST)

    said = details(entry, its_spec)

    items = list(TrustDrift.GUIDANCE.items)
    assert said == {
        "status": "warning",
        "impact": {
            "drifted_count": 3,
            "total_playbooks": 7,
            "drift_ratio": 0.4286,
            "threshold": 0.2,
            "auto_deprecate_after_days": 1.5,
        },
        "objective": {"direction": "Below", "red_line": 0.0, "target": None},
        "remediation": {
            "items": items,
            "next_action": "review_low_trust_playbooks",
            "hint": TrustDrift.GUIDANCE.hint,
            "auto_deprecated_count": 0,
            "auto_deprecated_ids": [],
            "would_deprecate_count": 2,
            "would_deprecate_ids": ["pb-1", "pb-2"],
        },
        "actionable": {"items": items, "sample_playbook_ids": ["pb-3"]},
        "ownership": owned(texts.OWNERSHIP["trust_drift"]),
        "unjudged": 1,
        "generation": 1,
        "message": "0.4286 is above the red line 0",
        "texts": "generation",
    }


def test_lists_without_room_are_counted_where_they_are_read() -> None:
    """What an entry had to cut off is said beside the list."""
    many = Measurement(
        value=1.0,
        samples=60,
        facts={"drifted_count": 60, "total_playbooks": 60, "would_deprecate_count": 60},
        lists={
            "would_deprecate_ids": tuple(f"{'x' * 195}{n}" for n in range(60)),
            "sample_playbook_ids": ("a", "b"),
        },
    )
    entry, its_spec = opening(check_of("trustDrift", "trust"), many)

    said = details(entry, its_spec)

    kept = len(said["remediation"]["would_deprecate_ids"])
    assert 0 < kept < 60
    assert said["remediation"]["would_deprecate_ids_omitted"] == 60 - kept
    assert said["remediation"]["would_deprecate_count"] == 60
    assert said["actionable"]["sample_playbook_ids_omitted"] == 2


@pytest.mark.parametrize(
    ("kind", "facts", "impact", "next_action"),
    [
        (
            "knowledgeDegradation",
            {"stale_count": 31, "total_count": 100, "unjudged": 4},
            {
                "stale_count": 31,
                "total_count": 100,
                "stale_ratio": 0.31,
                "threshold": 0.2,
                "stale_days": 7,
            },
            "run_kb_growth_healthcheck",
        ),
        (
            "llmHallucination",
            {"failed_count": 31, "total_checked": 100},
            {
                "failed_count": 31,
                "total_checked": 100,
                "hallucination_rate": 0.31,
                "threshold": 0.1,
            },
            "run_knowledge_gap_audit",
        ),
        (
            "executionBlastRadius",
            {"failed_count": 31, "total_executions": 100, "unjudged": 4},
            {
                "failed_count": 31,
                "total_executions": 100,
                "failure_rate": 0.31,
                "threshold": 0.15,
            },
            "pause_auto_repair_for_top_failing_playbooks",
        ),
    ],
)
def test_other_built_ins(
    kind: str, facts: dict[str, Any], impact: dict[str, Any], next_action: str
) -> None:
    """Exactly the named numbers; what could not be judged beside them; defaults for the rest."""
    entry, its_spec = opening(
        check_of(kind, "check"), Measurement(value=0.31, samples=100, facts=facts)
    )

    said = details(entry, its_spec)

    assert said["status"] == "warning"
    assert said["impact"] == impact
    assert said.get("unjudged") == facts.get("unjudged")
    assert said["remediation"]["next_action"] == next_action
    assert tuple(said["remediation"]) == PARTS
    assert said["actionable"] == {"items": said["remediation"]["items"]}
    assert said["ownership"]["human_owner"]


def test_knowledge_degradation_has_its_owners() -> None:
    """The one built-in whose agents are known by name."""
    entry, its_spec = opening(
        check_of("knowledgeDegradation", "knowledge"), Measurement(value=0.5, samples=2)
    )

    owners = details(entry, its_spec)["ownership"]

    assert owners["lead_agent"] == "Hermes"
    assert owners["support_agents"] == ["OpenClaw", "ElephantAlpha"]
    assert owners["human_owner"] == "KM owner / SRE owner"
    assert all(owners.values())


def test_promql() -> None:
    """An SLO tells its value against its lines."""
    entry, its_spec = opening(slo(), Measurement(value=0.62))

    said = details(entry, its_spec)

    assert said["status"] == "violation"
    assert said["impact"] == {
        "name": "autonomy_rate",
        "value": 0.62,
        "target": 0.8,
        "threshold": 0.7,
        "direction": "Above",
        "gap": 0.08,
    }
    assert said["objective"] == {"direction": "Above", "red_line": 0.7, "target": 0.8}
    assert said["remediation"]["next_action"] == "trigger_flywheel_safeguard"
    assert said["message"] == "0.62 is below the red line 0.7"
    assert said["ownership"] == owned(texts.SLO_OWNERSHIP)


def test_sql() -> None:
    """A team's own query tells as an SLO does."""
    check = check_of("sql", "open-review-ratio", query="select 1") | {
        "objective": {"direction": "Below", "redLine": 0.5}
    }
    entry, its_spec = opening(check, Measurement(value=0.75, samples=8))

    said = details(entry, its_spec)

    assert said["status"] == "violation"
    assert said["impact"]["name"] == "open_review_ratio"
    assert said["impact"]["gap"] == 0.25
    assert said["remediation"]["next_action"] == "review_sql_check"


def test_texts_of_the_check_override_one_by_one() -> None:
    """What the policy says counts; what it leaves out is the default."""
    check = slo(
        guidance={"remediation": ["Pause risky auto-fix tasks"], "nextAction": "page_us"},
        ownership={"leadAgent": "Atlas", "supportAgents": ["Iris"], "humanOwner": "Team blue"},
    )
    reasons = slo(
        guidance={"hint": "See the board."},
        ownership={"leadReason": "it knows", "humanReason": "they answer"},
    )
    entry, its_spec = opening(check, Measurement(value=0.1))

    said = details(entry, its_spec)
    defaults = details(entry, None)

    assert said["remediation"] == {
        "items": ["Pause risky auto-fix tasks"],
        "next_action": "page_us",
        "hint": defaults["remediation"]["hint"],
    }
    assert said["actionable"] == {"items": ["Pause risky auto-fix tasks"]}
    assert said["ownership"] == {
        "lead_agent": "Atlas",
        "lead_reason": None,
        "support_agents": ["Iris"],
        "human_owner": "Team blue",
        "human_reason": None,
    }
    explained = details(entry, PolicySpec.model_validate(spec(reasons)))
    assert explained["remediation"] == defaults["remediation"] | {"hint": "See the board."}
    assert explained["ownership"] == defaults["ownership"] | {
        "lead_reason": "it knows",
        "human_reason": "they answer",
    }


def test_default_reason_does_not_explain_another_name() -> None:
    """Who is named by the policy is not given the reason of whom it replaces."""
    check = check_of("knowledgeDegradation", "knowledge") | {
        "ownership": {"leadAgent": "Atlas", "leadReason": "knows it", "humanOwner": "Ann"}
    }
    entry, its_spec = opening(check, Measurement(value=0.5, samples=2))

    owners = details(entry, its_spec)["ownership"]

    assert (owners["lead_agent"], owners["lead_reason"]) == ("Atlas", "knows it")
    assert (owners["human_owner"], owners["human_reason"]) == ("Ann", None)

    check["ownership"] = {"leadAgent": "Atlas", "humanReason": "on duty"}
    owners = details(entry, PolicySpec.model_validate(spec(check)))["ownership"]
    assert (owners["lead_agent"], owners["lead_reason"]) == ("Atlas", None)
    assert (owners["human_owner"], owners["human_reason"]) == ("KM owner / SRE owner", "on duty")


def test_unknown_spec_gives_defaults_and_says_so() -> None:
    """Numbers are the entry's own; the texts are marked."""
    entry, its_spec = opening(slo(guidance={"nextAction": "page_us"}), Measurement(value=0.1))

    said = details(entry, None)

    assert said["texts"] == "defaults"
    assert said["remediation"]["next_action"] == "trigger_flywheel_safeguard"
    assert said["impact"] == details(entry, its_spec)["impact"]


@pytest.mark.parametrize("now", [blast("autonomy-rate"), slo("another")], ids=["kind", "name"])
def test_check_that_is_not_in_the_spec_any_more_gets_defaults(now: dict[str, Any]) -> None:
    """A spec in which the name is another kind of check has no words for the finding."""
    entry, _ = opening(slo(guidance={"nextAction": "page_us"}), Measurement(value=0.1))

    said = details(entry, PolicySpec.model_validate(spec(now)))

    assert said["texts"] == "defaults"
    assert said["remediation"]["next_action"] == "trigger_flywheel_safeguard"


def test_resolution_says_what_was_measured_then() -> None:
    """A resolution's details are whole: they are the row's, if the opening never comes."""
    life = History()
    life.slots("violated", "ok")
    closing = life.told[-1]

    said = details(closing, PolicySpec.model_validate(spec()))

    assert said["impact"]["value"] == 0.9
    assert said["status"] == "violation"
    assert said["message"] == "0.9 meets the target 0.8"


FAULT = Fault(reason=Reason.UNREACHABLE, message="connection refused")
NOTHING = Absence(reason=Reason.EMPTY_RESULT, message="the query gave no series")


def of_governance(
    checks: list[dict[str, Any]], event_type: str, outcome: Outcome
) -> tuple[Entry, PolicySpec]:
    """The entry of a finding about governance that three runs of this outcome open."""
    life = History(policy(*checks))
    for _ in range(3):
        life.tick()
        life.decide(**{check["name"].replace("-", "_"): outcome for check in checks})
    entry = next(e for e in life.told if e.event_type == event_type)
    return entry, PolicySpec.model_validate(spec(*checks))


def test_self_failure() -> None:
    """How many checks failed, of how many, and why each."""
    entry, its_spec = of_governance(
        [slo("a"), slo("b"), slo("c")], "governance_self_failure", FAULT
    )

    said = details(entry, its_spec)

    assert said["status"] == "critical"
    assert said["impact"] == {
        "failed_checks": 3,
        "total_checks": 3,
        "source": "prometheus",
        "errors": [f"{name}: Unreachable: connection refused" for name in "abc"],
    }
    assert said["objective"] is None
    assert said["remediation"]["next_action"] == "investigate_governance_pipeline_health"
    assert said["texts"] == "generation"
    assert said["ownership"] == owned(texts.OWNERSHIP["governance_self_failure"])


def test_data_gap() -> None:
    """Missing SLO metrics: how many were skipped."""
    entry, its_spec = of_governance([slo("a"), slo("b")], "governance_slo_data_gap", NOTHING)

    said = details(entry, its_spec)

    assert said["status"] == "warning"
    assert said["impact"] == {"reason": "all_slo_metrics_not_emitted", "skipped_count": 2}
    assert said["remediation"]["next_action"] == "run_adr100_slo_emit_playbook"


def test_blind_check() -> None:
    """Which check, why, for how many runs; its owner is the check's, its guidance is not."""
    check = blast(guidance={"nextAction": "page_us"}, ownership={"humanOwner": "Team blue"})
    entry, its_spec = of_governance([check], "governance_check_blind", FAULT)

    said = details(entry, its_spec)

    assert said["status"] == "warning"
    assert said["impact"] == {
        "check": "blast",
        "reason": "Unreachable",
        "message": "connection refused",
        "runs": 3,
    }
    assert said["remediation"]["next_action"] == "restore_blind_check"
    assert said["ownership"]["human_owner"] == "Team blue"
    assert said["texts"] == "generation"


def test_unknown_event_type_is_told_all_the_same() -> None:
    """An entry of a newer version's log still makes a row that can be read."""
    entry, its_spec = opening(slo(), Measurement(value=0.1))
    stranger = entry.model_copy(update={"event_type": "from_the_future"})

    said = details(stranger, its_spec)

    assert said["status"] == "warning"
    assert said["remediation"]["next_action"] == "review_finding"
    assert said["ownership"] == owned(texts.OWNERSHIP["governance_self_failure"])
    assert said["texts"] == "defaults"


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_text_that_is_no_object_is_nothing(text: str) -> None:
    """Whoever writes into a status can't keep the rest of the finding from being told."""
    entry, its_spec = opening(check_of("trustDrift", "trust"), TRUST)
    broken = entry.model_copy(update={"impact": text, "lists": text})

    said = details(broken, its_spec)

    assert said["impact"] == {}
    assert said["remediation"]["would_deprecate_count"] is None
    assert said["remediation"]["would_deprecate_ids"] == []
    assert said["actionable"]["sample_playbook_ids"] == []
