"""What an executor is given to decide by, exactly as checks.md lists it."""

import json
from typing import Any

import pytest
from tests.support.builders import History, drift, drifted, knowledge, slo, spec

from governor.api.log import Entry
from governor.api.policy import PolicySpec
from governor.domain.details import details
from governor.domain.policies import resolve
from governor.domain.work_items import decision_context
from governor.values.outcomes import Measurement, Outcome


def context(
    check: dict[str, Any], outcome: str | Outcome, **dispatch: Any
) -> tuple[dict[str, Any], Entry, PolicySpec]:
    """The work item of a check's finding, with the entry and the spec it was made of."""
    its_spec = PolicySpec.model_validate(
        spec(check | {"dispatch": {"executor": "hermes_kb_growth_healthcheck"} | dispatch})
    )
    life = History(resolve(its_spec))
    life.slots(outcome, check=check["name"])
    (entry,) = [e for e in life.told if e.transition == "open"]
    (declared,) = life.policy.checks
    assert entry.finding is not None
    assert declared.dispatch is not None
    return decision_context(entry, entry.finding, declared.dispatch, its_spec), entry, its_spec


STALE = Measurement(
    value=0.5, samples=10, facts={"stale_count": 5, "total_count": 10, "unjudged": 1}
)
IMPACT = {
    "stale_count": 5,
    "total_count": 10,
    "stale_ratio": 0.5,
    "threshold": 0.2,
    "stale_days": 7,
}


def test_knowledge_degradation() -> None:
    """Word by word: executors parse it."""
    told, entry, _ = context(knowledge(), STALE)
    ownership = told["ownership"]

    assert told == {
        "version": 1,
        "trigger_source": "governance_policy",
        "triggered_metric": "knowledge_degradation",
        "metric_value": 0.5,
        "threshold": 0.2,
        "suggested_action": "Find out whether what feeds the knowledge base still runs",
        "next_action": "run_kb_growth_healthcheck",
        "decision_path": "pending_owner_review",
        "ownership": ownership,
        "affected_resources": ["knowledge_entries"],
        "workflow": {
            "work_item_id": f"governance:knowledge_degradation:{entry.finding}",
            "work_kind": "kb_growth_healthcheck",
            "current_stage": "queued_kb_healthcheck",
            "steps": [
                "detected",
                "ai_analyzed",
                "queued_kb_healthcheck",
                "draft_km_updates",
                "waiting_owner_review",
                "km_writeback_after_approval",
                "stale_ratio_recheck",
            ],
            "stage_by_dispatch_status": {
                "pending": "queued_kb_healthcheck",
                "dispatched": "queued_kb_healthcheck",
                "executing": "draft_km_updates",
                "succeeded": "stale_ratio_recheck",
                "failed": "needs_manual_km_triage",
                "skipped": "waiting_owner_review",
                "cancelled": "cancelled",
            },
            "next_action": "run_kb_growth_healthcheck",
            "needs_human_review": True,
            "writes_km_without_approval": False,
            "impact": IMPACT,
        },
        "extra": {"governance_event_id": str(entry.finding), **IMPACT, "ownership": ownership},
    }
    assert (ownership["lead_agent"], ownership["human_owner"]) == (
        "Hermes", "KM owner / SRE owner",
    )  # fmt: skip
    assert [agent.split()[0] for agent in map(str, ownership["support_agents"])] == [
        "OpenClaw", "ElephantAlpha",
    ]  # fmt: skip


def test_any_other_check() -> None:
    """Its work kind is the executor's name; stages and steps are the plain ones."""
    told, entry, _ = context(slo(), "violated", executor="runbook-bot")

    workflow = told["workflow"]
    assert workflow["work_kind"] == "runbook-bot"
    assert workflow["work_item_id"] == f"governance:slo_autonomy_rate_violation:{entry.finding}"
    assert workflow["current_stage"] == "queued"
    assert workflow["steps"] == ["detected", "queued", "executing", "recheck"]
    assert workflow["stage_by_dispatch_status"] == {
        "pending": "queued",
        "dispatched": "queued",
        "executing": "executing",
        "succeeded": "recheck",
        "failed": "needs_manual_triage",
        "skipped": "waiting_owner_review",
        "cancelled": "cancelled",
    }
    assert (told["metric_value"], told["threshold"]) == (0.5, 0.7)
    assert told["affected_resources"] == []
    assert told["extra"]["name"] == "autonomy_rate"


def test_a_built_in_names_what_it_is_about() -> None:
    """The governed table; lists of the finding are part of its impact, or told elsewhere."""
    told, entry, its_spec = context(drift(), drifted("a", "b"))

    assert told["affected_resources"] == ["playbooks"]
    assert told["workflow"]["work_kind"] == "hermes_kb_growth_healthcheck"
    assert told["workflow"]["impact"] == details(entry, its_spec)["impact"]
    assert told["threshold"] == 0
    assert told["extra"]["threshold"] == 0.2


@pytest.mark.parametrize(("asked", "review"), [(None, True), (True, True), (False, False)])
def test_whether_a_person_must_approve(asked: bool | None, review: bool) -> None:
    """By default one must; what agents write never goes without."""
    told, _, _ = context(knowledge(), STALE, requiresApproval=asked)

    assert told["workflow"]["needs_human_review"] is review
    assert told["workflow"]["writes_km_without_approval"] is False


def test_an_authors_words_come_first() -> None:
    """Guidance and ownership of the check."""
    said = knowledge(
        guidance={"remediation": ["Ask the librarians", "Wait"], "nextAction": "ask"},
        ownership={"humanOwner": "librarians"},
    )
    told, _, _ = context(said, STALE)

    assert told["suggested_action"] == "Ask the librarians"
    assert told["next_action"] == told["workflow"]["next_action"] == "ask"
    assert told["ownership"]["human_owner"] == "librarians"


def test_a_finding_without_an_objective_has_no_threshold() -> None:
    """What a status was edited to, or an older version wrote."""
    _, entry, its_spec = context(knowledge(), STALE)
    bare = entry.model_copy(update={"objective": None})
    declared = resolve(its_spec).checks[0].dispatch
    assert entry.finding is not None
    assert declared is not None
    told = decision_context(bare, entry.finding, declared, None)

    assert told["threshold"] is None
    assert json.loads(json.dumps(told)) == told
