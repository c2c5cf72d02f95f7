"""What must be said of the sample policy: in good health, in bad, and by each finding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governor.domain.texts import OWNERSHIP, SLO_OWNERSHIP, Ownership
from governor.probes.base import Probe
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.probes.llm_hallucination import LlmHallucination
from governor.probes.promql import Promql
from governor.probes.trust_drift import TrustDrift

Said = tuple[str, str, float, float, int | None, str]
"""Verdict, reason, value, gap, samples, message."""

GOOD: Mapping[str, Said] = {
    "trust-drift": ("Ok", "Met", 0, 0, 1800, "0 is not above the red line 0"),
    "knowledge-degradation": ("Ok", "Met", 0.1, 0.1, 4800, "0.1 is not above the red line 0.2"),
    "llm-hallucination": ("Ok", "Met", 0.03, 0.02, 100, "0.03 meets the target 0.05"),
    "execution-blast-radius": ("Ok", "Met", 0.04, 0.11, 100, "0.04 is not above the red line 0.15"),
    "autonomy-rate": ("Ok", "Met", 0.87, 0.07, None, "0.87 meets the target 0.8"),
    "decision-accuracy": (
        "Warning",
        "PastTarget",
        0.875,
        -0.025,
        None,
        "0.875 is below the target 0.9, red line 0.85",
    ),
    "confidence-calibration": ("Ok", "Met", 0.875, 0.075, None, "0.875 meets the target 0.8"),
    "km-growth-rate": ("Ok", "Met", 31, 11, None, "31 meets the target 20"),
    "truth-chain-quality-summary-latency": ("Ok", "Met", 1.5, 0.5, None, "1.5 meets the target 2"),
}


def violated(value: float, gap: float, samples: int | None, message: str) -> Said:
    """Past the red line."""
    return "Violated", "PastRedLine", value, gap, samples, message


BAD: Mapping[str, Said] = {
    "trust-drift": violated(0.02, 0.02, 1800, "0.02 is above the red line 0"),
    "knowledge-degradation": violated(0.3, 0.1, 4800, "0.3 is above the red line 0.2"),
    "llm-hallucination": violated(0.25, 0.15, 100, "0.25 is above the red line 0.1"),
    "execution-blast-radius": violated(0.3, 0.15, 100, "0.3 is above the red line 0.15"),
    "autonomy-rate": violated(0.55, 0.15, None, "0.55 is below the red line 0.7"),
    "decision-accuracy": violated(0.75, 0.1, None, "0.75 is below the red line 0.85"),
    "confidence-calibration": violated(0.5, 0.2, None, "0.5 is below the red line 0.7"),
    "km-growth-rate": violated(3, 2, None, "3 is below the red line 5"),
    "truth-chain-quality-summary-latency": violated(
        11.5, 3.5, None, "11.5 is above the red line 8"
    ),
}


REMEDIATED: Mapping[str, Said] = BAD | {
    "trust-drift": violated(0.0134, 0.0134, 1788, "0.0134 is above the red line 0"),
}
"""In bad health, once the unused playbooks are deprecated: `Enforce` is what it says."""

UNUSED = [f"pb-{number:05}" for number in range(12)]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a finding must say, but for what its check's verdict says already."""

    event_type: str
    severity: str
    status: str
    impact: Mapping[str, Any]
    objective: Mapping[str, Any]
    kind: type[Probe]
    next_action: str
    items: list[str] | None = None
    """Where the policy says so itself."""
    remediation: Mapping[str, Any] | None = None
    actionable: Mapping[str, Any] | None = None
    unjudged: int | None = None

    def details(self, said: Said) -> dict[str, Any]:
        """`details` of its row, whole."""
        items = self.items or list(self.kind.GUIDANCE.items)
        owner = OWNERSHIP.get(self.event_type, SLO_OWNERSHIP)
        return {
            "status": self.status,
            "impact": self.impact,
            "objective": self.objective,
            "remediation": {
                "items": items,
                "next_action": self.next_action,
                "hint": self.kind.GUIDANCE.hint,
                **(self.remediation or {}),
            },
            "actionable": {"items": items, **(self.actionable or {})},
            "ownership": owned(owner),
            "generation": 1,
            "message": said[-1],
            "texts": "generation",
            **({} if self.unjudged is None else {"unjudged": self.unjudged}),
        }


def owned(owner: Ownership) -> dict[str, Any]:
    """`details.ownership`."""
    return {
        "lead_agent": owner.lead_agent,
        "lead_reason": owner.lead_reason,
        "support_agents": list(owner.support_agents),
        "human_owner": owner.human_owner,
        "human_reason": owner.human_reason,
    }


def slo(
    check: str,
    direction: str,
    red_line: float,
    target: float,
    *,
    severity: str = "warning",
    next_action: str = "trigger_flywheel_safeguard",
    items: list[str] | None = None,
) -> Finding:
    """The finding of a promql check."""
    name = check.replace("-", "_")
    _, _, value, gap, _, _ = BAD[check]
    return Finding(
        event_type=f"slo_{name}_violation",
        severity=severity,
        status="violation",
        impact={
            "name": name,
            "value": value,
            "target": target,
            "threshold": red_line,
            "direction": direction,
            "gap": gap,
        },
        objective={"direction": direction, "red_line": red_line, "target": target},
        kind=Promql,
        next_action=next_action,
        items=items,
    )


def below(red_line: float, target: float | None = None) -> dict[str, Any]:
    """`details.objective` of the built-in checks."""
    return {"direction": "Below", "red_line": red_line, "target": target}


LATENCY = "truth-chain-quality-summary-latency"
FINDINGS: Mapping[str, Finding] = {
    "trust-drift": Finding(
        event_type="trust_drift",
        severity="warning",
        status="warning",
        impact={
            "drifted_count": 36,
            "total_playbooks": 1800,
            "drift_ratio": 0.02,
            "threshold": 0.2,
            "auto_deprecate_after_days": 30,
        },
        objective=below(0),
        kind=TrustDrift,
        next_action="review_low_trust_playbooks",
        remediation={
            "auto_deprecated_count": 12,
            "auto_deprecated_ids": UNUSED,
            "runs": [{"changed": UNUSED, "not_changed": [], "unconfirmed": [], "cancelled": None}],
        },
        actionable={"sample_playbook_ids": [f"pb-{number:05}" for number in range(12, 22)]},
        unjudged=0,
    ),
    "knowledge-degradation": Finding(
        event_type="knowledge_degradation",
        severity="warning",
        status="warning",
        impact={
            "stale_count": 1440,
            "total_count": 4800,
            "stale_ratio": 0.3,
            "threshold": 0.2,
            "stale_days": 7,
        },
        objective=below(0.2),
        kind=KnowledgeDegradation,
        next_action="run_kb_growth_healthcheck",
        unjudged=0,
    ),
    "llm-hallucination": Finding(
        event_type="llm_hallucination",
        severity="critical",
        status="warning",
        impact={
            "failed_count": 25,
            "total_checked": 100,
            "hallucination_rate": 0.25,
            "threshold": 0.1,
        },
        objective=below(0.1, 0.05),
        kind=LlmHallucination,
        next_action="run_knowledge_gap_audit",
    ),
    "execution-blast-radius": Finding(
        event_type="execution_blast_radius",
        severity="critical",
        status="warning",
        impact={
            "failed_count": 30,
            "total_executions": 100,
            "failure_rate": 0.3,
            "threshold": 0.15,
        },
        objective=below(0.15),
        kind=ExecutionBlastRadius,
        next_action="pause_auto_repair_for_top_failing_playbooks",
        unjudged=0,
    ),
    "autonomy-rate": slo(
        "autonomy-rate",
        "Above",
        0.7,
        0.8,
        items=[
            "Pause the automatic repairs that fail most.",
            "Look through the decisions that were handed to people in the last hour.",
        ],
    ),
    "decision-accuracy": slo("decision-accuracy", "Above", 0.85, 0.9, severity="critical"),
    "confidence-calibration": slo("confidence-calibration", "Above", 0.7, 0.8),
    "km-growth-rate": slo("km-growth-rate", "Above", 5, 20, severity="info"),
    LATENCY: slo(
        LATENCY,
        "Below",
        8,
        2,
        next_action="run_truth_chain_quality_summary_latency_probe",
    ),
}
