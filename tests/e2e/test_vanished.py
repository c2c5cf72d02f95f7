"""Rows whose policy nobody saw go are ended by a sweep; not if too many seem to be gone at once."""

from collections.abc import Iterator

import pytest
from tests.support.asking import said, value
from tests.support.cluster import EVENTS, Cluster, eventually
from tests.support.manifests import number, policy

from governor_local.operator_process import SINK_DATABASE, OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

BAD = number(2, red_line=1)
MANY = 12
SWEPT = 120
"""Seconds; the first sweep comes half a minute after the start."""


@pytest.fixture(autouse=True)
def measurable(
    stack: Stack, cluster: Cluster, sources: None, operator: OperatorProcess, namespace: str
) -> Iterator[None]:
    """Prometheus answers; rows that tests leave open are not there to be doubted by a sweep."""
    stack.prometheus.start()
    cluster.end_rows()
    yield
    forget(stack, namespace)


def ask(stack: Stack, sql: str) -> None:
    """Has the sink's superuser do something with all rows, `{rows}`, or some."""
    stack.sink.execute(sql.format(rows=EVENTS), database=SINK_DATABASE)


def forget(stack: Stack, namespace: str) -> None:
    """No row is left of a namespace."""
    ask(stack, f"delete from {{rows}} where namespace = '{namespace}'")  # noqa: S608 - our own


def ends(cluster: Cluster, namespace: str) -> list[str | None]:
    """Why each row ended."""
    return [row["resolved_reason"] for row in cluster.rows(namespace)]


def test_what_an_older_backup_has_open_of_policies_long_gone_is_ended(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """Its end was in the sink, and was lost with what came after the backup."""
    cluster.apply(policy("gone", namespace, BAD), policy("stays", namespace, BAD))
    for name in ("gone", "stays"):
        cluster.found(name, namespace, "number")
    ask(stack, "create table public.backup as table {rows}")
    cluster.stack.kubectl("delete", "governancepolicy", "gone", "-n", namespace)
    eventually(lambda: sorted(ends(cluster, namespace), key=str) == [None, "PolicyDeleted"])

    operator.stop()
    forget(stack, namespace)
    ask(
        stack,
        "insert into {rows} select b.* from public.backup b left join {rows} r using (id)"
        " where r.id is null; drop table public.backup",
    )
    assert ends(cluster, namespace) == [None, None]
    operator.start()

    eventually(lambda: sorted(ends(cluster, namespace), key=str) == [None, "PolicyDeleted"], SWEPT)
    [row] = [row for row in cluster.rows(namespace) if row["resolved"]]
    assert row["policy"] == "gone"
    assert row["details"]["impact"]["value"] == 2  # what the opening said stays
    assert value(operator, "governor_vanished_total", outcome="ended") == 1


def test_many_that_seem_to_be_gone_at_once_are_not_believed_to_be(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """Before a second look, 10 minutes later: tests/unit/test_vanished.py."""
    names = [f"policy-{number}" for number in range(MANY)]
    cluster.apply(*(policy(name, namespace, BAD) for name in names))
    for name in names:
        cluster.found(name, namespace, "number")
    operator.stop()
    cluster.stack.kubectl("delete", "governancepolicies", "--all", "-n", namespace)
    operator.start()

    doubted = {"outcome": "doubted"}
    eventually(lambda: (value(operator, "governor_vanished_total", **doubted) or 0) >= MANY, SWEPT)
    assert ends(cluster, namespace) == [None] * MANY
    doubts = [line["gone"] for line in said(operator) if "seem to be gone" in line["message"]]
    assert doubts[-1] >= MANY
