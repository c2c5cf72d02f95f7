"""A finding becomes one work item, while the sink is down, and while leaders change."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import policy
from tests.support.replica_pair import role
from tests.support.work import Work, knowledge

from governor_local.operator_process import Installation, OperatorProcess
from governor_local.stack import Stack
from governor_local.world import Health
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

NAME = "work"
RETRIES = 60
"""Seconds in which a sink that is back is told what it missed: its lane waits ever longer."""


@pytest.fixture(autouse=True)
def measurable(stack: Stack, sources: None, operator: OperatorProcess) -> Iterator[None]:
    """The operator runs; afterwards the sink is up."""
    yield
    stack.sink.start()


def test_a_sink_that_is_down_meanwhile_changes_nothing(
    stack: Stack, cluster: Cluster, namespace: str, platform: Platform, work: Work
) -> None:
    """It misses the opening and the recovery around an executor's work; then all of them."""
    platform.become(Health.GOOD)
    check = knowledge("knowledge", work.declared("knowledge"))
    cluster.apply(policy(NAME, namespace, check))
    cluster.verdict(NAME, namespace, "Ok")

    @contextmanager
    def down() -> Iterator[None]:
        stack.sink.stop()
        yield
        stack.sink.start()

    def change(health: Health) -> None:
        platform.become(health)
        bad = health is Health.BAD
        eventually(lambda: ("finding" in cluster.check(NAME, namespace, "knowledge")) is bad)

    def story(missing: AbstractContextManager[None], again: AbstractContextManager[None]) -> None:
        with missing:
            change(Health.BAD)
        cluster.told(NAME, namespace, RETRIES)
        claimed = work.claim("knowledge")
        with again:
            change(Health.GOOD)
        cluster.told(NAME, namespace, RETRIES)
        work.finish("knowledge", claimed)

    story(nullcontext(), nullcontext())
    undisturbed = essences(work.items()), essences(cluster.rows(namespace))
    story(down(), down())
    with down():
        change(Health.BAD)
        change(Health.GOOD)
    cluster.told(NAME, namespace, RETRIES)

    items, rows = work.items(), cluster.rows(namespace)
    assert (essences(items[1:2]), essences(rows[1:2])) == undisturbed
    assert [row["resolved_reason"] for row in rows] == ["Recovered"] * 3
    # Nobody is offered work on what had ended before anybody could know of it.
    assert {item["dispatch_status"] for item in items[2:]} <= {"cancelled"}


def essences(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what tells one finding from another: ids and times."""
    said = [{k: v for k, v in row.items() if not _own(k, v)} for row in rows]
    return [row | {"decision_context": row.get("decision_context", {}).keys()} for row in said]


def _own(key: str, value: object) -> bool:
    return key == "id" or key.endswith(("_id", "_at", "_token", "_until"))


@pytest.fixture
def second(
    stack: Stack, installation: Installation, operator: OperatorProcess
) -> Iterator[OperatorProcess]:
    """A second replica, which stands by."""
    second = OperatorProcess(stack, installation, name="second")
    second.start()
    yield second
    second.stop()


def test_two_replicas_create_one_work_item(
    cluster: Cluster,
    namespace: str,
    platform: Platform,
    work: Work,
    operator: OperatorProcess,
    second: OperatorProcess,
) -> None:
    """The leader dies once it has decided; whatever it had done by then, the other does not again.

    That the database keeps it at one, too: tests/integration/test_dispatch_concurrency.py.
    """
    platform.become(Health.GOOD)
    names = ("one", "two", "three")
    for name in names:
        check = knowledge("knowledge", work.declared(name))
        cluster.apply(policy(name, namespace, check))
    for name in names:
        cluster.verdict(name, namespace, "Ok")

    platform.become(Health.BAD)
    cluster.verdict(names[0], namespace, "Violated")
    operator.kill()
    eventually(lambda: role(second) == "leader", RETRIES)
    for name in names:
        cluster.verdict(name, namespace, "Violated", RETRIES)
        cluster.told(name, namespace, RETRIES)
        for _ in range(2):
            cluster.run_now(name, namespace)
    for name in names:
        cluster.told(name, namespace, RETRIES)
    found = [(item["executor_type"], item["dispatch_status"]) for item in work.items()]
    assert sorted(found) == sorted((work.executor(name), "pending") for name in names)
    assert len(cluster.rows(namespace)) == len(names)
    assert second.running
