"""Each row of the condition table as the operator writes it and as kubectl shows it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.conditions import Conditions, conditions, kstatus
from tests.support.manifests import policy, prometheus_source

from governor_local.operator_process import OperatorProcess
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

SLOW = 60
OBJECTIVE = {"direction": "Above", "redLine": 0.5, "target": 0.8}


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


def slo(name: str, query: str, source: str = "prometheus") -> dict[str, Any]:
    """A promql check: 0.8 and more is Ok, below 0.5 is Violated."""
    probe = {"sourceRef": {"name": source}, "query": query}
    return {"name": name, "promql": probe, "objective": OBJECTIVE}


OK, WARNING, VIOLATED = slo("fine", "0.9"), slo("short", "0.6"), slo("bad", "0.1")
NO_DATA, DOWN = slo("empty", "vector(1) == 2"), slo("down", "1", "nobody")
INVALID, LOST = slo("typo", "sum("), slo("lost", "1", "nowhere")
FORBIDDEN = slo("closed", "1", "closed")

BAD = "bad: 0.1 is below the red line 0.5"
EMPTY = "empty: the query gave no series"
REFUSED = (
    "down: Prometheus can't be reached: Connection refused: look at the server and the source's url"
)
TYPO = 'typo: invalid parameter "query": 1:5: parse error: unclosed left parenthesis'
NOWHERE = "lost: there is no GovernanceSource nowhere: create it, or name another in sourceRef"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table: what is applied, and what must be said of it."""

    checks: tuple[dict[str, Any], ...]
    verdict: str
    ready: tuple[str, str, str]
    compliant: tuple[str, str, str]
    stalled: tuple[str, str, str] | None = None
    kstatus: str
    slo: str | None
    suspend: bool = False

    @property
    def conditions(self) -> Conditions:
        """By type."""
        both = {"Ready": self.ready, "Compliant": self.compliant}
        return both | ({"Stalled": self.stalled} if self.stalled else {})


EVALUATED = ("True", "Evaluated", "2 checks evaluated")
SUSPENDED = "suspended: nothing is measured until spec.suspend is false"
CLOSED = (
    "closed: GovernanceSource closed does not allow namespace {namespace}: an administrator can, "
    "in its allowedNamespaces"
)

TABLE: Mapping[str, Row] = {
    "all-ok": Row(
        checks=(OK, slo("good", "1")),
        verdict="Ok",
        ready=EVALUATED,
        compliant=("True", "Ok", "all 2 checks are Ok"),
        kstatus="Current",
        slo="ok",
    ),
    "warning": Row(
        checks=(OK, WARNING),
        verdict="Warning",
        ready=EVALUATED,
        compliant=("True", "Warning", "short: 0.6 is below the target 0.8, red line 0.5"),
        kstatus="Current",
        slo="ok",
    ),
    "violated": Row(
        checks=(OK, VIOLATED),
        verdict="Violated",
        ready=EVALUATED,
        compliant=("False", "Violated", BAD),
        kstatus="Current",
        slo="violated",
    ),
    "no-data": Row(
        checks=(OK, NO_DATA),
        verdict="NoData",
        ready=EVALUATED,
        compliant=("Unknown", "NoData", EMPTY),
        kstatus="Current",
        slo="partial_data",
    ),
    "no-data-at-all": Row(
        checks=(NO_DATA, slo("void", "vector(1) == 3")),
        verdict="NoData",
        ready=EVALUATED,
        compliant=("Unknown", "NoData", f"{EMPTY}; void: the query gave no series"),
        kstatus="Current",
        slo="no_data",
    ),
    "no-data-violated": Row(
        checks=(NO_DATA, VIOLATED),
        verdict="Violated",
        ready=EVALUATED,
        compliant=("False", "Violated", BAD),
        kstatus="Current",
        slo="violated",
    ),
    "error": Row(
        checks=(OK, DOWN),
        verdict="Error",
        ready=("False", "Unreachable", REFUSED),
        compliant=("Unknown", "Unreachable", REFUSED),
        kstatus="InProgress",
        slo="error",
    ),
    "error-violated": Row(
        checks=(VIOLATED, DOWN),
        verdict="Violated",
        ready=("False", "Unreachable", REFUSED),
        compliant=("False", "Violated", BAD),
        kstatus="InProgress",
        slo="violated",
    ),
    "query-invalid": Row(
        checks=(OK, INVALID),
        verdict="Error",
        ready=("False", "QueryInvalid", TYPO),
        compliant=("Unknown", "QueryInvalid", TYPO),
        stalled=("True", "QueryInvalid", TYPO),
        kstatus="Failed",
        slo="error",
    ),
    "source-not-found": Row(
        checks=(OK, LOST),
        verdict="Error",
        ready=("False", "SourceNotFound", NOWHERE),
        compliant=("Unknown", "SourceNotFound", NOWHERE),
        stalled=("True", "SourceNotFound", NOWHERE),
        kstatus="Failed",
        slo="error",
    ),
    "source-forbidden": Row(
        checks=(OK, FORBIDDEN),
        verdict="Error",
        ready=("False", "SourceForbidden", CLOSED),
        compliant=("Unknown", "SourceForbidden", CLOSED),
        stalled=("True", "SourceForbidden", CLOSED),
        kstatus="Failed",
        slo="error",
    ),
    "stalled-violated": Row(
        checks=(VIOLATED, DOWN, LOST),
        verdict="Violated",
        ready=("False", "SourceNotFound", f"{NOWHERE}; {REFUSED}"),
        compliant=("False", "Violated", BAD),
        stalled=("True", "SourceNotFound", NOWHERE),
        kstatus="Failed",
        slo="violated",
    ),
    "suspended": Row(
        checks=(OK, VIOLATED),
        verdict="Suspended",
        ready=("True", "Suspended", SUSPENDED),
        compliant=("Unknown", "Suspended", SUSPENDED),
        kstatus="Current",
        slo=None,
        suspend=True,
    ),
}
PLACES = {
    "Ok": "ok",
    "Warning": "warning",
    "Violated": "violated",
    "NoData": "noData",
    "Error": "error",
}
COLUMNS = "NAME COMPLIANT VERDICT OK WARN VIOLATED NODATA ERROR MUTED EVALUATED AGE"


def closed_source() -> dict[str, Any]:
    """A source that no namespace may use."""
    source = prometheus_source("closed", "http://127.0.0.1:9")
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "nobody"}}
    source["spec"]["allowedNamespaces"] = {"from": "Selector", "selector": selector}
    return source


@pytest.fixture
def bad_sources(cluster: Cluster) -> Iterator[None]:
    """`nobody`, where nobody listens, and `closed`, which nobody may use."""
    nobody = f"http://127.0.0.1:{cluster.stack.processes.port('nobody')}"
    cluster.apply(prometheus_source("nobody", nobody), closed_source())
    yield
    cluster.stack.kubectl("delete", "governancesources", "nobody", "closed")


def test_each_row_is_reached(cluster: Cluster, namespace: str, bad_sources: None) -> None:
    """Conditions with reasons and messages, kstatus, verdict, summary, SLOs, validity, columns."""
    specs = [
        policy(name, namespace, *row.checks, interval="7d", suspend=row.suspend)
        for name, row in TABLE.items()
    ]
    cluster.apply(*specs)

    seen = {name: evaluated(cluster, name, namespace) for name in TABLE}

    assert {name: conditions(each) for name, each in seen.items()} == {
        name: {
            type_: (status, reason, message.replace("{namespace}", namespace))
            for type_, (status, reason, message) in row.conditions.items()
        }
        for name, row in TABLE.items()
    }
    for name, row in TABLE.items():
        status = seen[name]["status"]
        assert (kstatus(seen[name]), status["verdict"]) == (row.kstatus, row.verdict), name
        assert status.get("slo", {}).get("status") == row.slo, name
        if row.suspend:
            assert "validUntil" not in status
            continue
        assert status["summary"] == counted(status["checks"]), name
        assert at(status["validUntil"]) - at(status["lastEvaluated"]) == timedelta(days=21)
    assert seen["stalled-violated"]["status"]["slo"] == {
        "violated": 1,
        "noData": 0,
        "ok": 0,
        "error": 2,
        "allNoData": False,
        "status": "violated",
    }
    assert_kubectl_shows(cluster, namespace)


def evaluated(cluster: Cluster, name: str, namespace: str) -> dict[str, Any]:
    """A policy once each of its checks was evaluated, or it is suspended."""

    def come() -> dict[str, Any]:
        policy = cluster.policy(name, namespace)
        status = policy.get("status", {})
        assert status.get("observedGeneration") == policy["metadata"]["generation"]
        assert all(check["reason"] != "NotYetEvaluated" for check in status["checks"])
        return policy

    return eventually(come, SLOW)


def counted(checks: list[dict[str, Any]]) -> dict[str, int]:
    """How many checks have which verdict; none is muted."""
    verdicts = [check["verdict"] for check in checks]
    return {place: verdicts.count(verdict) for verdict, place in PLACES.items()} | {"muted": 0}


def at(text: str) -> datetime:
    """A time."""
    return datetime.fromisoformat(text)


def assert_kubectl_shows(cluster: Cluster, namespace: str) -> None:
    """Columns, the wide one, and the field that can be selected by."""
    get = ("get", "governancepolicies", "-n", namespace)
    header, *lines = cluster.stack.kubectl(*get).stdout.splitlines()
    assert header.split() == COLUMNS.split()
    shown = {line.split()[0]: line.split()[1:9] for line in lines}
    assert shown["all-ok"] == ["True", "Ok", "2", "0", "0", "0", "0", "0"]
    assert shown["stalled-violated"] == ["False", "Violated", "0", "0", "1", "0", "2", "0"]
    assert shown["no-data"] == ["Unknown", "NoData", "1", "0", "0", "1", "0", "0"]
    assert shown["suspended"][:2] == ["Unknown", "Suspended"]

    header, *lines = cluster.stack.kubectl(*get, "-o", "wide").stdout.splitlines()
    assert header.split() == [*COLUMNS.split(), "MESSAGE"]
    [line] = [line for line in lines if line.startswith("violated ")]
    assert line.endswith(f" {BAD}")

    selected = cluster.stack.kubectl(*get, "-o", "name", "--field-selector=status.verdict=Violated")
    assert {line.rpartition("/")[2] for line in selected.stdout.splitlines()} == {
        name for name, row in TABLE.items() if row.verdict == "Violated"
    }
