"""Policies that are deleted: what they had open ends, wherever it is told, and once.

That nothing waits for the operator: tests/e2e/test_never_in_the_way.py.
"""

import json
from collections.abc import Iterator

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.ear import Ear
from tests.support.manifests import allowed_namespace, notify, number, policy
from tests.support.namespaces import finish_deletion
from tests.support.replica_pair import Pair

from governor.adapters.kubernetes.orphan_store import LABEL
from governor_local.operator_process import NAMESPACE, OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

NAME = "doomed"
BAD = number(2, red_line=1)
PATIENCE = 60
COPIED = 120
"""Seconds; what could not be told for one minute is copied."""
ENDED = ["FindingOpened", "FindingResolved"]


@pytest.fixture(autouse=True)
def measurable(stack: Stack, sources: None, operator: OperatorProcess) -> Iterator[None]:
    """Prometheus answers; afterwards the sink is up."""
    stack.prometheus.start()
    yield
    stack.sink.start()


def kept(cluster: Cluster, namespace: str) -> list[str]:
    """The policies of a namespace that have left something to tell, or a copy of it."""
    listing = ("get", "configmaps", "-n", NAMESPACE, "-l", LABEL, "-o", "json")
    maps = json.loads(cluster.stack.kubectl(*listing).stdout)["items"]
    policies = [json.loads(body["data"]["policy.json"]) for body in maps]
    return [policy["name"] for policy in policies if policy["namespace"] == namespace]


def resolved(cluster: Cluster, namespace: str) -> list[tuple[str, str | None]]:
    """Each row's policy, and why it ended."""
    return [(row["policy"], row["resolved_reason"]) for row in cluster.rows(namespace)]


def delete(cluster: Cluster, namespace: str, name: str = NAME) -> None:
    cluster.stack.kubectl("delete", "governancepolicy", name, "-n", namespace)


def test_its_findings_end_in_every_place(cluster: Cluster, namespace: str, ear: Ear) -> None:
    """In the row, as an Event, and for the channel that heard of the opening."""
    cluster.apply(policy(NAME, namespace, BAD, notify=notify(ear.name)))
    cluster.found(NAME, namespace, "number")
    delete(cluster, namespace)

    eventually(lambda: resolved(cluster, namespace) == [(NAME, "PolicyDeleted")], PATIENCE)
    eventually(lambda: cluster.reasons(namespace) == ENDED, PATIENCE)
    eventually(lambda: ("resolved", "number") in ear.words(), PATIENCE)
    eventually(lambda: not kept(cluster, namespace), PATIENCE)


def test_what_it_had_not_told_outlives_it_and_the_process(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """The sink is down when it goes, and the operator is killed before the sink is back."""
    stack.sink.stop()
    cluster.apply(policy(NAME, namespace, BAD))
    cluster.verdict(NAME, namespace, "Violated")
    delete(cluster, namespace)
    eventually(lambda: kept(cluster, namespace), PATIENCE)
    operator.kill()
    stack.sink.start()
    operator.start()

    eventually(lambda: resolved(cluster, namespace) == [(NAME, "PolicyDeleted")], PATIENCE)
    eventually(lambda: not kept(cluster, namespace), PATIENCE)
    assert cluster.reasons(namespace) == ENDED


def test_another_of_its_name_is_another(cluster: Cluster, namespace: str) -> None:
    """Made at once: one finding ends, and one opens."""
    cluster.apply(policy(NAME, namespace, BAD))
    cluster.found(NAME, namespace, "number")
    delete(cluster, namespace)
    cluster.apply(policy(NAME, namespace, BAD))
    cluster.found(NAME, namespace, "number")

    wanted = [(NAME, "PolicyDeleted"), (NAME, None)]
    eventually(lambda: resolved(cluster, namespace) == wanted, PATIENCE)
    eventually(lambda: not kept(cluster, namespace), PATIENCE)


def test_what_was_copied_is_told_if_it_went_while_nobody_ran(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """And the sweep ends what nobody saw go."""
    stack.sink.stop()
    cluster.apply(policy(NAME, namespace, BAD))
    cluster.verdict(NAME, namespace, "Violated")
    eventually(lambda: kept(cluster, namespace), COPIED)
    operator.kill()
    delete(cluster, namespace)
    stack.sink.start()
    operator.start()

    eventually(lambda: resolved(cluster, namespace) == [(NAME, "PolicyDeleted")], COPIED)
    eventually(lambda: not kept(cluster, namespace), PATIENCE)


def test_what_goes_while_a_leader_is_missed_is_seen_to_by_the_next(
    cluster: Cluster, namespace: str, ear: Ear, pair: Pair
) -> None:
    """The other replica saw it go. The sweep, which comes later, would only end its row."""
    cluster.apply(policy(NAME, namespace, BAD, notify=notify(ear.name)))
    cluster.found(NAME, namespace, "number")
    pair.leader().kill()
    delete(cluster, namespace)

    eventually(lambda: cluster.reasons(namespace) == ENDED, PATIENCE)
    eventually(lambda: ("resolved", "number") in ear.words(), PATIENCE)
    eventually(lambda: resolved(cluster, namespace) == [(NAME, "PolicyDeleted")], PATIENCE)
    eventually(lambda: not kept(cluster, namespace), PATIENCE)


def test_a_namespace_that_goes_whole_ends_all_of_it(cluster: Cluster) -> None:
    """Its Events can't be told any more, and that holds up nothing."""
    cluster.apply(allowed_namespace("doomed"))
    for name in ("one", "two"):
        cluster.apply(policy(name, "doomed", BAD))
        cluster.found(name, "doomed", "number")
    cluster.stack.kubectl("delete", "namespace", "doomed", "--wait=false")
    finish_deletion(cluster, "doomed")

    wanted = [("one", "PolicyDeleted"), ("two", "PolicyDeleted")]
    eventually(lambda: sorted(resolved(cluster, "doomed")) == wanted, PATIENCE)
    eventually(lambda: not kept(cluster, "doomed"), PATIENCE)
