"""What a user of kubectl meets in a policy's life: waiting, asking for a run, suspending."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.conditions import conditions, kstatus
from tests.support.dial import Dial
from tests.support.manifests import policy

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

SLOW = 60


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


@pytest.fixture
def dial(stack: Stack, namespace: str) -> Dial:
    """A number of the test's own, below the red line."""
    dial = Dial(stack, namespace)
    dial.turn(0.1)
    return dial


def wait(
    cluster: Cluster, namespace: str, condition: str, seconds: int = SLOW
) -> subprocess.CompletedProcess[str]:
    """`kubectl wait` for a condition of the policy `dial`."""
    command = ("wait", f"--for=condition={condition}", "governancepolicy/dial", "-n", namespace)
    return cluster.stack.kubectl(*command, f"--timeout={seconds}s", check=False)


@contextmanager
def waiting(cluster: Cluster, namespace: str, condition: str) -> Iterator[None]:
    """Somebody waits for a condition that comes only from what the block does."""
    with ThreadPoolExecutor(1) as pool:
        waited: Future[subprocess.CompletedProcess[str]] = pool.submit(
            wait, cluster, namespace, condition
        )
        yield
        assert (
            waited.result().stdout == "governancepolicy.governance.aiops.dev/dial condition met\n"
        )


def test_kubectl_wait_works_both_ways(cluster: Cluster, namespace: str, dial: Dial) -> None:
    """Until it complies, until it does not; and not before."""
    cluster.apply(policy("dial", namespace, dial.check()))

    assert wait(cluster, namespace, "Compliant=False").returncode == 0
    assert "timed out" in wait(cluster, namespace, "Compliant", seconds=1).stderr
    with waiting(cluster, namespace, "Compliant"):
        dial.turn(0.9)
    with waiting(cluster, namespace, "Compliant=False"):
        dial.turn(0.1)


def test_run_now_is_obeyed_at_once_and_echoed(cluster: Cluster, namespace: str, dial: Dial) -> None:
    """The annotation counts by its value: a new one is a new request. It stays the user's."""
    cluster.apply(policy("dial", namespace, dial.check(), interval="7d"))
    cluster.verdict("dial", namespace, "Violated", SLOW)
    name = "governance.aiops.dev/run-now"

    for value, request, verdict in ((0.9, "first", "Ok"), (0.1, "second", "Violated")):
        dial.turn(value)
        annotate = ("annotate", "governancepolicy", "dial", "-n", namespace, "--overwrite")
        cluster.stack.kubectl(*annotate, f"{name}={request}")
        # A source's change may have it measured before the request is seen; then it is again.
        eventually(
            lambda wanted=request: (
                cluster.status("dial", namespace).get("lastHandledRunNow") == wanted
            ),
            SLOW,
        )
        cluster.verdict("dial", namespace, verdict, SLOW)

    metadata = cluster.policy("dial", namespace)["metadata"]
    assert metadata["annotations"].keys() == {
        name,
        "kubectl.kubernetes.io/last-applied-configuration",
    }
    assert metadata["generation"] == 1


def test_a_new_generation_is_evaluated_at_once(
    cluster: Cluster, namespace: str, dial: Dial
) -> None:
    """After `kubectl apply`, whatever the interval; how fast that is, the benchmark says."""
    for generation, value, verdict in ((1, 0.9, "Ok"), (2, 0.1, "Violated")):
        check = dial.check(severity="info" if generation == 1 else "critical")
        dial.turn(value)
        cluster.apply(policy("dial", namespace, check, interval="7d"))
        status = cluster.verdict("dial", namespace, verdict, SLOW)
        assert status["observedGeneration"] == generation
        assert {c["observedGeneration"] for c in status["conditions"]} == {generation}


def test_suspending_and_resuming(cluster: Cluster, namespace: str, dial: Dial) -> None:
    """Suspended, an open finding stays as it is and nothing is measured; then all goes on."""
    cluster.apply(policy("dial", namespace, dial.check()))
    before = cluster.verdict("dial", namespace, "Violated", SLOW)

    cluster.apply(policy("dial", namespace, dial.check(), suspend=True))
    dial.turn(0.9)
    suspended = cluster.verdict("dial", namespace, "Suspended", SLOW)
    assert suspended["checks"][0]["finding"] == before["checks"][0]["finding"]
    assert wait(cluster, namespace, "Ready").returncode == 0

    cluster.apply(policy("dial", namespace, dial.check()))
    eventually(lambda: "lastFinding" in cluster.check("dial", namespace, "dial"), SLOW)
    resumed = cluster.verdict("dial", namespace, "Ok", SLOW)
    assert resumed["checks"][0]["lastFinding"]["id"] == before["checks"][0]["finding"]["id"]


def test_not_yet_evaluated_while_a_slow_check_runs(
    cluster: Cluster, namespace: str, dial: Dial
) -> None:
    """Ready and Compliant are Unknown, Pending; kstatus reads InProgress; then it is evaluated."""
    dial.turn(0.9)
    slow = {
        "name": "slow",
        "sql": {"sourceRef": {"name": "platform"}, "query": "select 0.9 from pg_sleep(4)"},
        "objective": {"direction": "Above", "redLine": 0.5},
    }
    cluster.apply(policy("dial", namespace, slow, dial.check("quick"), interval="7d"))

    def pending() -> dict[str, Any]:
        policy = cluster.policy("dial", namespace)
        assert "verdict" in policy["status"]
        return policy

    seen = eventually(pending, SLOW)
    assert conditions(seen) == {
        "Ready": ("Unknown", "Pending", "1 of 2 checks not yet evaluated"),
        "Compliant": ("Unknown", "Pending", "1 of 2 not yet evaluated"),
    }
    assert (kstatus(seen), seen["status"]["verdict"]) == ("InProgress", "NoData")
    [check] = [check for check in seen["status"]["checks"] if check["name"] == "slow"]
    assert (check["verdict"], check["reason"]) == ("NoData", "NotYetEvaluated")
    assert wait(cluster, namespace, "Compliant").returncode == 0


def test_not_yet_evaluated_while_the_operator_is_stopped(
    cluster: Cluster, namespace: str, dial: Dial, operator: OperatorProcess
) -> None:
    """The API server itself says Unknown, Pending; kstatus and `kubectl wait` go on waiting."""
    dial.turn(0.9)
    operator.stop()
    cluster.apply(policy("dial", namespace, dial.check()))

    shown = cluster.stack.kubectl("get", "governancepolicies", "-n", namespace, "--no-headers")
    seen = cluster.policy("dial", namespace)
    assert shown.stdout.split()[:2] == ["dial", "Unknown"]
    pending = ("Unknown", "Pending", "Waiting for the operator")
    assert conditions(seen) == {"Ready": pending, "Compliant": pending}
    assert kstatus(seen) == "InProgress"
    assert "timed out" in wait(cluster, namespace, "Compliant", seconds=1).stderr

    operator.start()
    assert wait(cluster, namespace, "Compliant").returncode == 0
