"""What the operator must say about the demo's policies, in each state of the world."""

from collections.abc import Mapping

Check = tuple[str, str, str]
"""Namespace, policy, check."""
Seen = tuple[str, str]
"""Verdict and reason."""
Finding = tuple[str, str, str]
"""Policy with its namespace, check (empty for the policy as a whole) and event type."""

_MET, _PAST_TARGET, _VIOLATED = (
    ("Ok", "Met"),
    ("Warning", "PastTarget"),
    ("Violated", "PastRedLine"),
)
_NO_SERIES, _UNREACHABLE = ("NoData", "EmptyResult"), ("Error", "Unreachable")

_ON_DATABASE: Mapping[Check, Seen] = {
    ("aiops", "flywheel", "trust-drift"): _MET,
    ("aiops", "flywheel", "knowledge-degradation"): _MET,
    ("aiops", "flywheel", "llm-hallucination"): _MET,
    ("aiops", "flywheel", "execution-blast-radius"): _MET,
    ("demo", "every-verdict", "unverified-evidence"): _VIOLATED,
    ("demo", "every-verdict", "conversation-quality"): ("Error", "RelationNotFound"),
}

_ON_PROMETHEUS: Mapping[Check, Seen] = {
    ("aiops", "flywheel", "autonomy-rate"): _MET,
    ("aiops", "flywheel", "decision-accuracy"): _PAST_TARGET,
    ("aiops", "flywheel", "confidence-calibration"): _MET,
    ("aiops", "flywheel", "km-growth-rate"): _MET,
    ("aiops", "flywheel", "truth-chain-quality-summary-latency"): _MET,
    ("demo", "every-verdict", "repair-success"): _MET,
    ("demo", "every-verdict", "draft-acceptance"): _PAST_TARGET,
    ("demo", "every-verdict", "answer-helpfulness"): ("NoData", "NonFinite"),
    ("demo", "every-verdict", "handover-time"): _NO_SERIES,
    ("demo", "every-verdict", "queue-depth"): ("Error", "SeveralSeries"),
    ("demo", "awaiting-data", "rollback-rate"): _NO_SERIES,
    ("demo", "awaiting-data", "escalation-rate"): _NO_SERIES,
}

GOOD: Mapping[Check, Seen] = {**_ON_DATABASE, **_ON_PROMETHEUS}
"""All servers up, the agents do well."""

BAD: Mapping[Check, Seen] = {
    check: _VIOLATED if check[1] == "flywheel" else seen for check, seen in GOOD.items()
}
"""All servers up, the agents do badly."""

PROMETHEUS_DOWN: Mapping[Check, Seen] = {**GOOD, **dict.fromkeys(_ON_PROMETHEUS, _UNREACHABLE)}
DATABASE_DOWN: Mapping[Check, Seen] = {**GOOD, **dict.fromkeys(_ON_DATABASE, _UNREACHABLE)}

OPENED: frozenset[Finding] = frozenset(
    {
        ("demo/every-verdict", "unverified-evidence", "sql_unverified_evidence_violation"),
        ("demo/awaiting-data", "", "governance_slo_data_gap"),
    }
)
"""What opens at the first evaluation, and is told by every channel."""

WORK = ("demo/every-verdict", "unverified-evidence", "evidence_verification")
"""The policy, check and executor of the work item that there is then."""

MUTABLE: Finding = ("aiops/flywheel", "knowledge-degradation", "knowledge_degradation")
"""A finding of bad agents that makes a work item, and may be muted."""
