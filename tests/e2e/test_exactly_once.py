"""Nothing is lost and nothing is told twice: outages, kills, forgeries and wipes."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.support.asking import value
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import built_in, number, policy
from tests.support.status_rights import no_right_to_status

from governor_local.operator_process import SINK_DATABASE, OperatorProcess
from governor_local.stack import Stack
from governor_local.world import Health
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

NAME = "exact"
EVENT_TYPE = "slo_number_violation"
RETRIES = 60
"""Seconds in which a sink that is back is told what it missed: its lane waits ever longer."""


@pytest.fixture(autouse=True)
def measurable(stack: Stack, sources: None, operator: OperatorProcess) -> Iterator[None]:
    """Prometheus answers; afterwards all that a test stopped is up again."""
    stack.prometheus.start()
    yield
    stack.control_plane.apiserver.resume()
    stack.sink.start()


def apply(cluster: Cluster, namespace: str, measured: float, **spec: Any) -> str:
    """A policy whose only check is past its red line of 10, or not; evaluated at once."""
    check = number(measured, red_line=10)
    return cluster.apply(policy(NAME, namespace, check, **{"interval": "7d"} | spec))


def write_status(cluster: Cluster, namespace: str, change: dict[str, Any]) -> None:
    """Somebody with all rights merges something into the status."""
    patch = ("patch", "governancepolicy", NAME, "-n", namespace, "--subresource=status")
    cluster.stack.kubectl(*patch, "--type=merge", "-p", json.dumps({"status": change}))


def wipe_status(cluster: Cluster, namespace: str) -> None:
    """Somebody with all rights removes the status."""
    body = cluster.policy(NAME, namespace)
    del body["status"]
    path = f"/apis/{body['apiVersion']}/namespaces/{namespace}/governancepolicies/{NAME}/status"
    answer = cluster.stack.kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(body))
    assert "observedGeneration" not in json.loads(answer.stdout)["status"]


def pending(cluster: Cluster, namespace: str) -> list[tuple[str, tuple[str, ...]]]:
    """The log as the API server has it: transitions, and whom they are yet to be told."""
    entries = cluster.status(NAME, namespace).get("pending", [])
    return [(entry["transition"], tuple(entry["targets"])) for entry in entries]


def episodes(cluster: Cluster, namespace: str) -> list[tuple[str, bool]]:
    """Event types of the rows, and whether they are resolved, oldest first."""
    return [(row["event_type"], row["resolved"]) for row in cluster.rows(namespace)]


def test_three_applies_within_one_slot_make_two_rows(cluster: Cluster, namespace: str) -> None:
    """They open, resolve and reopen; the slot is an hour long."""
    for measured, verdict in ((11, "Violated"), (9, "Ok"), (12, "Violated")):
        apply(cluster, namespace, measured)
        cluster.verdict(NAME, namespace, verdict)
        cluster.told(NAME, namespace)

    assert episodes(cluster, namespace) == [(EVENT_TYPE, True), (EVENT_TYPE, False)]
    assert cluster.reasons(namespace) == ["FindingOpened", "FindingResolved", "FindingOpened"]


def test_a_sink_that_was_down_has_the_same_rows_afterwards(
    stack: Stack, cluster: Cluster, namespace: str, platform: Platform
) -> None:
    """It misses a whole degradation and recovery; evaluation and status go on meanwhile."""
    kinds = ["trustDrift", "knowledgeDegradation", "llmHallucination", "executionBlastRadius"]
    checks = [built_in(kind.lower(), kind) for kind in kinds]
    cluster.apply(policy(NAME, namespace, *checks))
    cluster.verdict(NAME, namespace, "Ok")

    def degrade_and_recover() -> None:
        platform.become(Health.BAD)
        eventually(lambda: cluster.status(NAME, namespace)["summary"]["violated"] == len(kinds))
        platform.become(Health.GOOD)
        eventually(lambda: cluster.status(NAME, namespace)["summary"]["ok"] == len(kinds))

    degrade_and_recover()
    cluster.told(NAME, namespace)
    undisturbed = cluster.rows(namespace)
    stack.sink.stop()
    degrade_and_recover()
    missed = pending(cluster, namespace)
    stack.sink.start()
    cluster.told(NAME, namespace, RETRIES)

    assert len(missed) == 2 * len(kinds)
    assert all("sink" in targets for _, targets in missed)
    rows = cluster.rows(namespace)
    assert essences(rows[len(undisturbed) :]) == essences(undisturbed)
    assert all(row["resolved_reason"] == "Recovered" for row in rows)
    assert len({row["id"] for row in rows}) == 2 * len(kinds)
    opened = ["FindingOpened"] * len(kinds)
    resolved = ["FindingResolved"] * len(kinds)
    # The policy is under Audit: each time playbooks drift it says what it would do.
    said = cluster.reasons(namespace)
    assert said.count("WouldRemediate") == 2
    assert [each for each in said if each != "WouldRemediate"] == 2 * (opened + resolved)


def essences(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by check, without what tells one episode from another."""
    own = ("id", "opened_at", "details_at", "last_seen_at", "resolved_at")
    by_check = sorted(rows, key=lambda row: row["check_name"])
    return [{name: row[name] for name in row if name not in own} for row in by_check]


def test_a_kill_between_status_and_row_loses_nothing(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """What the status says is told by the next process: one row, one Event."""
    stack.sink.stop()
    apply(cluster, namespace, 11)
    eventually(lambda: pending(cluster, namespace))
    operator.kill()

    assert [transition for transition, _ in pending(cluster, namespace)] == ["open"]
    stack.sink.start()
    assert cluster.rows(namespace) == []
    operator.start()
    cluster.told(NAME, namespace, RETRIES)
    assert episodes(cluster, namespace) == [(EVENT_TYPE, False)]
    assert cluster.reasons(namespace) == ["FindingOpened"]


def test_a_kill_between_row_and_clearing_tells_nothing_twice(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """The operator may not write status while the row is written: its delivery isn't noted."""
    stack.sink.stop()
    apply(cluster, namespace, 11)
    eventually(lambda: cluster.reasons(namespace) == ["FindingOpened"])
    with no_right_to_status(cluster):
        stack.sink.start()
        [row] = eventually(lambda: cluster.rows(namespace), RETRIES)
        operator.kill()

    [(transition, targets)] = pending(cluster, namespace)
    assert (transition, "sink" in targets) == ("open", True)
    operator.start()
    cluster.told(NAME, namespace, RETRIES)
    [after] = cluster.rows(namespace)
    # A new leader says it again 15 s after its start, and that is noted.
    assert after | {"last_seen_at": None} == row | {"last_seen_at": None}
    assert cluster.reasons(namespace) == ["FindingOpened"]


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_a_forged_entry_is_not_delivered(
    *, cluster: Cluster, namespace: str, operator: OperatorProcess, running: bool
) -> None:
    """An entry whose ids do not derive from its words disappears untold, and is counted."""
    apply(cluster, namespace, 9)
    cluster.verdict(NAME, namespace, "Ok")
    if not running:
        operator.stop()

    write_status(cluster, namespace, {"pending": [forged()]})
    operator.start()

    cluster.told(NAME, namespace)
    assert value(operator, "governor_deliveries_total", target="log", outcome="dropped")
    # Whatever is told goes in order: a true finding is told after the forged one would be.
    apply(cluster, namespace, 11)
    cluster.verdict(NAME, namespace, "Violated")
    cluster.told(NAME, namespace)
    assert episodes(cluster, namespace) == [(EVENT_TYPE, False)]
    assert cluster.reasons(namespace) == ["FindingOpened"]


def forged() -> dict[str, Any]:
    """An opening that nobody decided."""
    now = datetime.now(UTC).isoformat()
    return {
        "id": str(uuid4()),
        "transition": "open",
        "check": "number",
        "eventType": "trust_drift",
        "finding": str(uuid4()),
        "openedAt": now,
        "decidedAt": now,
        "generation": 1,
        "severity": "critical",
        "reason": "PastRedLine",
        "message": "forged",
        "targets": ["sink", "event"],
    }


def test_a_wiped_status_takes_over_what_the_sink_has_open(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """No second row opens, whether the operator runs or not; recovery resolves the first."""
    apply(cluster, namespace, 11)
    cluster.verdict(NAME, namespace, "Violated")
    cluster.told(NAME, namespace)
    [row] = cluster.rows(namespace)

    wipe_status(cluster, namespace)
    wiped_running = cluster.verdict(NAME, namespace, "Violated")
    operator.stop()
    wipe_status(cluster, namespace)
    operator.start()
    wiped_stopped = cluster.verdict(NAME, namespace, "Violated")
    apply(cluster, namespace, 9)
    cluster.verdict(NAME, namespace, "Ok")
    cluster.told(NAME, namespace)

    for status in (wiped_running, wiped_stopped):
        assert status["checks"][0]["finding"]["id"] == row["id"]
    [resolved] = cluster.rows(namespace)
    assert (resolved["id"], resolved["resolved"]) == (row["id"], True)
    assert cluster.reasons(namespace) == ["FindingOpened", "FindingResolved"]


def test_a_status_wiped_while_the_sink_is_down_opens_no_second_row(
    stack: Stack, cluster: Cluster, namespace: str
) -> None:
    """Nobody can say then what is open; the sink's index does, once it is back."""
    apply(cluster, namespace, 11)
    cluster.verdict(NAME, namespace, "Violated")
    cluster.told(NAME, namespace)
    [row] = cluster.rows(namespace)

    stack.sink.stop()
    wipe_status(cluster, namespace)
    cluster.verdict(NAME, namespace, "Violated")
    stack.sink.start()
    cluster.told(NAME, namespace, RETRIES)

    assert [each["id"] for each in cluster.rows(namespace)] == [row["id"]]
    check = cluster.check(NAME, namespace, "number")
    assert check["finding"]["id"] == row["id"]


def test_each_generation_is_kept_once_with_who_made_it(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """Who changed which threshold when; a restart adds nothing."""
    for manager, red_line in (("ada", 1), ("grace", 2), ("ada", 3)):
        another_second(cluster, namespace)
        body = policy(NAME, namespace, number(0, red_line=red_line))
        options = ("--server-side", "--force-conflicts", f"--field-manager={manager}")
        cluster.stack.kubectl("apply", *options, "-f", "-", input=json.dumps(body))
        cluster.verdict(NAME, namespace, "Ok")
    expected = [(1, "ada", 1), (2, "grace", 2), (3, "ada", 3)]

    eventually(lambda: len(revisions(cluster, namespace)) == len(expected))
    assert revisions(cluster, namespace) == expected
    operator.stop()
    operator.start()
    marker = policy("marker", namespace, number(0, red_line=1))
    cluster.apply(marker)
    eventually(
        lambda: (1, "kubectl-client-side-apply", 1) in revisions(cluster, namespace, "marker")
    )
    assert revisions(cluster, namespace) == expected


def another_second(cluster: Cluster, namespace: str) -> None:
    """Waits: who wrote a spec last can't be told from managedFields within one second."""
    fields = cluster.policy(NAME, namespace).get("metadata", {}).get("managedFields", [])
    times = [datetime.fromisoformat(entry["time"]) for entry in fields]
    latest = max(times, default=datetime.min.replace(tzinfo=UTC))
    eventually(lambda: datetime.now(UTC) >= latest + timedelta(seconds=1))


def revisions(cluster: Cluster, namespace: str, name: str = NAME) -> list[tuple[int, str, float]]:
    """Generation, field manager and red line of each stored revision."""
    columns = "generation, field_manager, spec #> '{checks,0,objective,redLine}'"
    which = f"where namespace = '{namespace}' and policy = '{name}' order by generation, seen_at"
    table = "governance.governance_policy_revisions"
    query = f"select jsonb_build_array({columns}) from {table} {which}"  # noqa: S608 - our words
    answer = cluster.stack.sink.execute(query, database=SINK_DATABASE)
    return [tuple(json.loads(line)) for line in answer.splitlines()]
