"""What is told when governance itself fails: self failure, data gap, a blind check."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import policy
from tests.support.sample_policy import owned

from governor.domain.texts import GUIDANCE, OWNERSHIP
from governor_local.operator_process import OperatorProcess
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

SLOW = 60
NOWHERE = "there is no GovernanceSource nowhere: create it, or name another in sourceRef"
NO_ROW = "the query gave no row"
PROMETHEUS = {"sourceRef": {"name": "prometheus"}}
SQL = {"sourceRef": {"name": "platform"}}
LINE = {"direction": "Above", "redLine": 0.5}


def slo(name: str, query: str, source: str = "prometheus") -> dict[str, Any]:
    """A promql check that is never due but when its spec changes."""
    probe = {"sourceRef": {"name": source}, "query": query}
    return {"name": name, "interval": "7d", "promql": probe, "objective": LINE}


def row_of(query: str) -> dict[str, Any]:
    """An sql check that is due every 5 seconds."""
    return {"name": "seen", "interval": "5s", "sql": {**SQL, "query": query}, "objective": LINE}


BROKEN: Mapping[str, dict[str, Any]] = {
    "failing": {"checks": [slo(name, "vector(1)", "nowhere") for name in ("a", "b", "c")]},
    "gap": {"checks": [slo(name, "vector(1) == 2") for name in ("a", "b")]},
    "blind": {"checks": [row_of("select 1 where false")], "selfFailure": {"blindAfter": 2}},
}
MENDED: Mapping[str, dict[str, Any]] = {
    "failing": {"checks": [slo(name, "vector(1)") for name in ("a", "b", "c")]},
    "gap": {"checks": [slo(name, "vector(1)") for name in ("a", "b")]},
    "blind": {"checks": [row_of("select 1")], "selfFailure": {"blindAfter": 2}},
}


def finding(
    event_type: str, status: str, next_action: str, message: str, impact: Mapping[str, Any]
) -> dict[str, Any]:
    """`details` of a finding about governance, whole."""
    items = list(GUIDANCE[event_type].items)
    return {
        "status": status,
        "impact": impact,
        "objective": None,
        "remediation": {
            "items": items,
            "next_action": next_action,
            "hint": GUIDANCE[event_type].hint,
        },
        "actionable": {"items": items},
        "ownership": owned(OWNERSHIP[event_type]),
        "generation": 1,
        "message": message,
        "texts": "generation",
    }


DETAILS: Mapping[tuple[str, str, str, str], Mapping[str, Any]] = {
    ("failing", "", "governance_self_failure", "critical"): finding(
        "governance_self_failure",
        "critical",
        "investigate_governance_pipeline_health",
        "3 of 3 checks are in Error",
        {
            "failed_checks": 3,
            "total_checks": 3,
            "errors": [f"{name}: SourceNotFound: {NOWHERE}" for name in ("a", "b", "c")],
            "source": "nowhere",
        },
    ),
    ("gap", "", "governance_slo_data_gap", "warning"): finding(
        "governance_slo_data_gap",
        "warning",
        "run_adr100_slo_emit_playbook",
        "2 SLO checks, and none has data",
        {"reason": "all_slo_metrics_not_emitted", "skipped_count": 2},
    ),
    ("blind", "seen", "governance_check_blind", "warning"): finding(
        "governance_check_blind",
        "warning",
        "restore_blind_check",
        NO_ROW,
        {"check": "seen", "reason": "EmptyResult", "message": NO_ROW, "runs": 2},
    ),
}
"""By policy, check, event type and severity."""


def apply(cluster: Cluster, namespace: str, specs: Mapping[str, dict[str, Any]]) -> None:
    """Policies of these specs."""
    cluster.apply(*(policy(name, namespace, **spec) for name, spec in specs.items()))


def test_each_opens_and_resolves_once_and_says_what_it_must(
    cluster: Cluster, operator: OperatorProcess, platform: Platform, sources: None, namespace: str
) -> None:
    """In the row, to the last key; in status by the same id; in one Event for each change."""

    def opened() -> list[dict[str, Any]]:
        rows = list(cluster.rows(namespace))
        assert len(rows) >= len(DETAILS)
        return rows

    apply(cluster, namespace, BROKEN)
    rows = eventually(opened, SLOW)
    statuses = {name: cluster.told(name, namespace, SLOW) for name in BROKEN}

    assert {
        (r["policy"], r["check_name"], r["event_type"], r["severity"]): r["details"] for r in rows
    } == DETAILS
    ids = {row["policy"]: row["id"] for row in rows}
    assert {name: opened_in(status) for name, status in statuses.items()} == ids
    assert not any(row["resolved"] for row in rows)
    assert told(cluster, namespace) == {
        ("failing", "FindingOpened"): 1,
        ("failing", "CheckBlind"): 3,
        ("gap", "FindingOpened"): 1,
        ("gap", "CheckBlind"): 2,
        ("blind", "FindingOpened"): 1,
        ("blind", "CheckBlind"): 1,
    }

    apply(cluster, namespace, MENDED)
    for name in MENDED:
        cluster.verdict(name, namespace, "Ok", SLOW)
    statuses = {name: cluster.told(name, namespace, SLOW) for name in MENDED}

    assert {name: opened_in(status) for name, status in statuses.items()} == dict.fromkeys(MENDED)
    after = cluster.rows(namespace)
    assert {row["policy"]: row["id"] for row in after} == ids
    assert {(row["resolved"], row["resolved_reason"]) for row in after} == {(True, "Recovered")}
    assert [row["details"] for row in after] == [row["details"] for row in rows]
    assert told(cluster, namespace) == {
        ("failing", "FindingOpened"): 1,
        ("failing", "CheckBlind"): 3,
        ("failing", "FindingResolved"): 1,
        ("failing", "CheckMeasurable"): 3,
        ("gap", "FindingOpened"): 1,
        ("gap", "CheckBlind"): 2,
        ("gap", "FindingResolved"): 1,
        ("gap", "CheckMeasurable"): 2,
        ("blind", "FindingOpened"): 1,
        ("blind", "CheckBlind"): 1,
        ("blind", "FindingResolved"): 1,
        ("blind", "CheckMeasurable"): 1,
    }


def opened_in(status: Mapping[str, Any]) -> str | None:
    """The id of the one finding that is open in a status."""
    places = [finding.get("finding") for finding in status["findings"]]
    places += [check.get("blind") for check in status["checks"]]
    places += [check.get("finding") for check in status["checks"]]
    ids = [place["id"] for place in places if place]
    assert len(ids) <= 1
    return ids[0] if ids else None


def told(cluster: Cluster, namespace: str) -> Counter[tuple[str, str]]:
    """How many Events of each reason each policy has."""
    return Counter(
        (event["regarding"]["name"], event["reason"]) for event in cluster.events(namespace)
    )
