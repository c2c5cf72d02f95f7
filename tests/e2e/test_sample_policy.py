"""The sample policy through good health and bad: status, rows and Events tell the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import pytest
import yaml
from tests.support.cluster import Cluster, eventually
from tests.support.sample_policy import BAD, FINDINGS, GOOD, REMEDIATED, Said

from governor_local import manifests
from governor_local.operator_process import OperatorProcess, give_channels
from governor_local.stack import Stack
from governor_local.world import Health
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

NAME, NAMESPACE = "flywheel", "aiops"
SLOW = 150  # what a chat is told may wait for a minute
"""Seconds to wait for what usually takes five."""


def said(status: Mapping[str, Any]) -> dict[str, Said]:
    """What each check of a status says."""
    return {
        check["name"]: (
            check["verdict"],
            check["reason"],
            check.get("value"),
            check.get("gap"),
            check.get("samples"),
            check["message"],
        )
        for check in status.get("checks", [])
    }


def refs(status: Mapping[str, Any], field: str) -> dict[str, Any]:
    """A field of each check that has it."""
    return {c["name"]: c[field] for c in status["checks"] if field in c}


@pytest.fixture
def flywheel(
    stack: Stack, cluster: Cluster, operator: OperatorProcess, platform: Platform, sources: None
) -> Iterator[str]:
    """The uid of a fresh sample policy, on a platform whose metrics are all there."""
    eventually(lambda: cluster.measured("sli:km_growth_rate:24h") == [43], SLOW)
    give_channels(stack)
    samples = manifests.local_samples(stack.binaries.kubectl, manifests.Addresses.of(stack))
    cluster.apply(*yaml.safe_load_all(samples))
    yield cluster.policy(NAME, NAMESPACE)["metadata"]["uid"]
    stack.kubectl("delete", "governancepolicy", NAME, "-n", NAMESPACE)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What was told of the policy, wherever it is told."""

    status: Mapping[str, Any]
    rows: Mapping[str, Mapping[str, Any]]
    """By check."""
    events: tuple[Mapping[str, Any], ...]


def told(cluster: Cluster, uid: str, wanted: Mapping[str, Said]) -> Told:
    """All that was told once every check says what it should and nothing is left to tell."""

    def come() -> Mapping[str, Any]:
        status = cluster.status(NAME, NAMESPACE)
        assert said(status) == wanted
        assert not status["pending"]
        return status

    status = eventually(come, SLOW)
    rows = [row for row in cluster.rows(NAMESPACE) if row["policy_uid"] == uid]
    by_check = {row["check_name"]: row for row in rows}
    assert len(by_check) == len(rows), "two rows of one check"
    events = (e for e in cluster.events(NAMESPACE) if e["regarding"]["uid"] == uid)
    return Told(status=status, rows=by_check, events=tuple(events))


def event_names(findings: Mapping[str, Any], transition: str) -> set[str]:
    """How the Events of a transition must be named: after the transition's id."""
    ids = (uuid5(UUID(finding["id"]), transition) for finding in findings.values())
    return {f"{NAME}.{transition_id.hex[:16]}" for transition_id in ids}


def names(events: tuple[Mapping[str, Any], ...], reason: str) -> set[str]:
    """The names of all Events of a reason."""
    return {event["metadata"]["name"] for event in events if event["reason"] == reason}


def notes(events: tuple[Mapping[str, Any], ...], reason: str) -> set[str]:
    """The notes of all Events of a reason, up to the time in them."""
    return {event["note"].rpartition("since ")[0] for event in events if event["reason"] == reason}


def test_degrade_and_recover_open_and_resolve_each_finding_once(
    cluster: Cluster, platform: Platform, flywheel: str
) -> None:
    """All nine checks, exactly: verdicts, findings, Events and rows, and nothing besides."""
    good = told(cluster, flywheel, GOOD)
    assert (good.status["verdict"], good.rows, good.events) == ("Warning", {}, ())

    platform.become(Health.BAD)
    bad = told(cluster, flywheel, REMEDIATED)
    findings = refs(bad.status, "finding")
    assert {check: ref["eventType"] for check, ref in findings.items()} == {
        check: finding.event_type for check, finding in FINDINGS.items()
    }
    assert {c: row["id"] for c, row in bad.rows.items()} == {
        c: r["id"] for c, r in findings.items()
    }
    assert {check: undated(row["details"]) for check, row in bad.rows.items()} == {
        check: finding.details(BAD[check]) for check, finding in FINDINGS.items()
    }
    for check, row in bad.rows.items():
        assert (row["event_type"], row["severity"]) == (
            FINDINGS[check].event_type,
            FINDINGS[check].severity,
        )
        assert (row["resolved"], row["policy"], row["generation"]) == (False, NAME, 1)
    assert names(bad.events, "FindingOpened") == event_names(findings, "open")
    assert notes(bad.events, "FindingOpened") == {
        f"{check}: {BAD[check][-1]} ({finding.event_type}, " for check, finding in FINDINGS.items()
    }
    assert len(names(bad.events, "Remediated")) == 1
    assert len(bad.events) == len(FINDINGS) + 1

    platform.become(Health.GOOD)
    recovered = told(cluster, flywheel, GOOD)
    ended = refs(recovered.status, "lastFinding")
    assert refs(recovered.status, "finding") == {}
    assert {check: ref["id"] for check, ref in ended.items()} == {
        check: ref["id"] for check, ref in findings.items()
    }
    assert {ref["reason"] for ref in ended.values()} == {"Recovered"}
    assert recovered.rows.keys() == FINDINGS.keys()
    for check, row in recovered.rows.items():
        assert (row["id"], row["resolved"], row["resolved_reason"], row["details"]) == (
            ended[check]["id"],
            True,
            "Recovered",
            bad.rows[check]["details"],
        )
        assert instant(row["resolved_at"]) == instant(ended[check]["resolvedAt"])
        assert instant(row["opened_at"]) == instant(ended[check]["openedAt"])
    assert names(recovered.events, "FindingResolved") == event_names(findings, "resolve")
    assert names(recovered.events, "FindingOpened") == event_names(findings, "open")
    assert notes(recovered.events, "FindingResolved") == {
        f"{check}: resolved (Recovered): {GOOD[check][-1]} ({finding.event_type}, was open "
        for check, finding in FINDINGS.items()
    }
    assert len(recovered.events) == 2 * len(FINDINGS) + 1


def undated(details: Mapping[str, Any]) -> dict[str, Any]:
    """The same without the ids and times of remediations, which nobody can know before."""
    runs = details["remediation"].get("runs")
    if runs is None:
        return dict(details)
    assert all(UUID(run["id"]) and instant(run["at"]) for run in runs)
    bare = [{name: run[name] for name in run if name not in ("id", "at")} for run in runs]
    return {**details, "remediation": {**details["remediation"], "runs": bare}}


def instant(text: str) -> datetime:
    """A time, however it is written."""
    return datetime.fromisoformat(text)
