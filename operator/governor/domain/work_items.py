"""What an executor is given to decide by: `decision_context` of a dispatch, version 1."""

from typing import Any
from uuid import UUID

from governor.api.log import Entry
from governor.api.policy import PolicySpec
from governor.domain.details import details
from governor.domain.policies import Dispatch

VERSION = 1
DECISION_PATH = "pending_owner_review"

_KNOWLEDGE = "knowledge_degradation"
_WORK_KINDS = {_KNOWLEDGE: "kb_growth_healthcheck"}
_AFFECTED = {
    "knowledge_degradation": ["knowledge_entries"],
    "trust_drift": ["playbooks"],
    "llm_hallucination": ["incident_evidence"],
    "execution_blast_radius": ["auto_repair_executions"],
}
_STEPS = {
    _KNOWLEDGE: [
        "detected",
        "ai_analyzed",
        "queued_kb_healthcheck",
        "draft_km_updates",
        "waiting_owner_review",
        "km_writeback_after_approval",
        "stale_ratio_recheck",
    ]
}
_STAGES = {
    _KNOWLEDGE: {
        "pending": "queued_kb_healthcheck",
        "dispatched": "queued_kb_healthcheck",
        "executing": "draft_km_updates",
        "succeeded": "stale_ratio_recheck",
        "failed": "needs_manual_km_triage",
        "skipped": "waiting_owner_review",
        "cancelled": "cancelled",
    }
}
_ANY_STEPS = ["detected", "queued", "executing", "recheck"]
_ANY_STAGES = {
    "pending": "queued",
    "dispatched": "queued",
    "executing": "executing",
    "succeeded": "recheck",
    "failed": "needs_manual_triage",
    "skipped": "waiting_owner_review",
    "cancelled": "cancelled",
}


def decision_context(
    entry: Entry, event: UUID, dispatch: Dispatch, spec: PolicySpec | None
) -> dict[str, Any]:
    """What the work item of a finding says.

    Args:
        entry: the finding's opening, or that of the dispatch.
        event: the id of the finding's row.
        dispatch: what the check declares.
        spec: the policy's spec at the entry's generation.
    """
    told = details(entry, spec)
    remediation = told["remediation"]
    kind = entry.event_type
    stages = _STAGES.get(kind, _ANY_STAGES)
    return {
        "version": VERSION,
        "trigger_source": "governance_policy",
        "triggered_metric": kind,
        "metric_value": entry.value,
        "threshold": entry.objective.red_line if entry.objective else None,
        "suggested_action": remediation["items"][0],
        "next_action": remediation["next_action"],
        "decision_path": DECISION_PATH,
        "ownership": told["ownership"],
        "affected_resources": _AFFECTED.get(kind, []),
        "workflow": {
            "work_item_id": f"governance:{kind}:{event}",
            "work_kind": _WORK_KINDS.get(kind, dispatch.executor),
            "current_stage": stages["pending"],
            "steps": _STEPS.get(kind, _ANY_STEPS),
            "stage_by_dispatch_status": stages,
            "next_action": remediation["next_action"],
            "needs_human_review": dispatch.requires_approval,
            "writes_km_without_approval": False,
            "impact": told["impact"],
        },
        "extra": {
            "governance_event_id": str(event),
            **told["impact"],
            "ownership": told["ownership"],
        },
    }
