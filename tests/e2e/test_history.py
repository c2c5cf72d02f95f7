"""Every value is kept, once, and can be printed; through a kill; unless none is to be kept."""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from tests.support.asking import value
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import number, policy, promql

from governor.domain.schedules import slot_at
from governor.values.moments import in_seconds
from governor_local.operator_process import (
    SINK_DATABASE,
    Installation,
    OperatorProcess,
    history_settings,
)
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

PATIENCE = 40
ROWS = """
SELECT coalesce(json_agg(m ORDER BY m.check_name, m.slot), '[]')
FROM governance.governance_measurements m WHERE m.namespace = '{}'
"""


@pytest.fixture(autouse=True)
def measurable(stack: Stack, sources: None) -> None:
    """Prometheus answers."""
    stack.prometheus.start()


def rows(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """What is kept of a namespace's policies, by check and slot."""
    found: list[dict[str, Any]] = json.loads(
        cluster.stack.sink.execute(ROWS.format(namespace), database=SINK_DATABASE)
    )
    return [row | {"slot": datetime.fromisoformat(row["slot"])} for row in found]


def history(stack: Stack, *arguments: str) -> str:
    """What `governor history` prints in a shell with what `governor-local env` exports."""
    return subprocess.run(
        [sys.executable, "-m", "governor", "history", *arguments],
        env=history_settings(stack),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def kept(cluster: Cluster, namespace: str, checks: Sequence[str], count: int) -> list[Any]:
    """The rows, once there are so many of each check."""

    def enough() -> list[dict[str, Any]]:
        found = rows(cluster, namespace)
        of = [sum(row["check_name"] == check for row in found) for check in checks]
        assert min(of) >= count, of
        return found

    return eventually(enough, PATIENCE)


def test_values_are_kept_once_a_slot_through_a_kill_and_can_be_printed(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """On the grid, whoever measured them; a check that is blind has gaps."""
    good, blind = number(0.25, red_line=1), promql("blind", "no_such_series", red_line=1)
    cluster.apply(policy("kept", namespace, good, blind))
    uid = cluster.policy("kept", namespace)["metadata"]["uid"]
    before = kept(cluster, namespace, ["number", "blind"], 2)

    operator.kill()
    operator.start()
    again = kept(cluster, namespace, ["number", "blind"], len(before) // 2 + 2)

    assert [row for row in again if row in before] == before
    for check, verdict, found in (("number", "Ok", 0.25), ("blind", "NoData", None)):
        of = [row for row in again if row["check_name"] == check]
        slots = [row["slot"] for row in of]
        assert len(set(slots)) == len(slots)
        assert slots == [slot_at(uid, 5, slot) for slot in slots]
        assert {(row["verdict"], row["value"], row["policy_uid"]) for row in of} == {
            (verdict, found, uid)
        }
    assert (value(operator, "governor_measurements_stored_total") or 0) >= 2

    head, line, titles, *printed = history(
        cluster.stack, f"{namespace}/kept", "number", "--last", "1000"
    ).splitlines()
    assert head == f"{namespace}/kept   number   Below is good"
    assert line.startswith("▄▄")
    assert titles.split()[:2] == ["SLOT", "VALUE"]
    told = [row.split()[:2] for row in printed]
    for row in again:
        if row["check_name"] == "number":
            assert [in_seconds(row["slot"]), "0.25"] in told
    both = json.loads(history(cluster.stack, f"{namespace}/kept", "-o", "json"))
    assert [check["name"] for check in both["checks"]] == ["blind", "number"]
    assert {value["reason"] for value in both["checks"][0]["values"]} == {"EmptyResult"}


def test_an_operator_that_is_to_keep_nothing_writes_nothing(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    installation: Installation,
    one_operator: OperatorProcess,
) -> None:
    """Verdicts are served as ever."""
    one_operator.stop()
    stack.sink.start()
    off = OperatorProcess(
        stack, installation, name="off", settings={"GOVERNOR_MEASUREMENTS_DAYS": "0"}
    )
    cluster.apply(policy("unkept", namespace, number(2, red_line=1)))
    try:
        off.start()
        cluster.verdict("unkept", namespace, "Violated", PATIENCE)
        cluster.told("unkept", namespace)
        evaluated = eventually(lambda: value(off, "governor_lateness_seconds_count"))
        eventually(
            lambda: (value(off, "governor_lateness_seconds_count") or 0) >= evaluated + 3, PATIENCE
        )
    finally:
        off.stop()

    assert rows(cluster, namespace) == []
    assert len(cluster.rows(namespace)) == 1
