"""The operator as a process whose kopf can't see or tick: no policy stops silently.

kopf alone, through the same faults: tests/integration/test_informer_repaired.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.api_front import ApiFront, api_front
from tests.support.aside import Aside
from tests.support.asking import health, said, series, value
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import policy, prometheus_source, promql
from tests.support.recording_prometheus import RecordingPrometheus, recording_prometheus
from tests.support.sources import usable
from tests.support.stuck_operator import StuckOperator

from governor.app.ports import Kind
from governor_local.operator_process import Installation, OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

OK, FORBIDDEN, UNAVAILABLE = 200, 403, 503
PATIENCE = 90


@pytest.fixture
def front(stack: Stack) -> Iterator[ApiFront]:
    """What stands between the operator and the API server."""
    with Aside() as aside:
        yield aside.enter(api_front(stack.kubeconfig))


@pytest.fixture
def behind(
    stack: Stack,
    installation: Installation,
    one_operator: OperatorProcess,
    front: ApiFront,
    tmp_path: Path,
) -> Iterator[OperatorProcess]:
    """An operator behind the front, which leads: the session's own is stopped."""
    one_operator.stop()
    kubeconfig = front.kubeconfig(installation.kubeconfig, tmp_path / "kubeconfig")
    settings = {"GOVERNOR_KUBECONFIG": str(kubeconfig)}
    operator = OperatorProcess(stack, installation, name="behind-a-front", settings=settings)
    operator.start()
    yield operator
    operator.stop()


@pytest.fixture
def recorded(cluster: Cluster) -> Iterator[RecordingPrometheus]:
    """A Prometheus that tells when it was asked, as a source `silent`."""
    with recording_prometheus() as serving:
        cluster.apply(prometheus_source("silent", serving.url))
        yield serving
        cluster.stack.kubectl("delete", "governancesource", "silent")


def messages(operator: OperatorProcess) -> list[str]:
    """The lines of its log."""
    return [line["message"] for line in said(operator)]


def test_without_any_timer_policies_are_evaluated_and_counted_as_overdue(
    cluster: Cluster,
    namespace: str,
    front: ApiFront,
    behind: OperatorProcess,
    recorded: RecordingPrometheus,
) -> None:
    """While kopf is refused its list and ends again and again; then all is as before."""
    usable(cluster, "silent")
    for name in ("stays", "goes"):
        check = promql(name, name, red_line=2, source="silent")
        cluster.apply(policy(name, namespace, check))
        cluster.verdict(name, namespace, "Ok", PATIENCE)
    process = behind.process

    front.refusals["list", Kind.POLICIES] = FORBIDDEN
    front.expired.add(Kind.POLICIES)
    front.cut(Kind.POLICIES)
    cluster.stack.kubectl("delete", "governancepolicy", "goes", "-n", namespace)
    eventually(lambda: value(behind, "governor_overdue_total"), PATIENCE)
    runs = len(recorded.asked("stays"))
    eventually(lambda: len(recorded.asked("stays")) >= runs + 2, PATIENCE)
    recorded.value = 3
    cluster.verdict("stays", namespace, "Violated", PATIENCE)
    assert health(behind, "healthz")[0] == OK
    assert "policies are overdue by two ticks, and are evaluated now" in messages(behind)

    front.refusals.clear()
    ends = {"namespace": namespace, "policy": "goes"}
    eventually(lambda: not series(behind, "governor_policy_verdict", **ends), PATIENCE)
    eventually(lambda: health(behind, "readyz")[0] == OK, PATIENCE)
    eventually(lambda: value(behind, "governor_policies_overdue") == 0, PATIENCE)
    missed = {"kind": "governancepolicies", "change": "gone"}
    assert value(behind, "governor_missed_total", **missed) == 1
    assert behind.process == process
    cluster.told("stays", namespace)
    assert cluster.reasons(namespace) == ["FindingOpened"]


def test_at_last_the_kubelet_is_told_that_only_a_restart_can_help(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    installation: Installation,
    one_operator: OperatorProcess,
    recorded: RecordingPrometheus,
) -> None:
    """A policy whose runs never end: others go on, /healthz fails and names it, until it goes."""
    one_operator.stop()
    operator = StuckOperator(stack, installation, name="stuck")
    operator.start()
    try:
        usable(cluster, "silent")
        for name in (operator.policy, "other"):
            check = promql(name, name, red_line=2, source="silent")
            cluster.apply(policy(name, namespace, check))
        eventually(lambda: health(operator, "healthz")[0] == UNAVAILABLE, PATIENCE)
        told = health(operator, "healthz")[1]["checks"]["policies"]
        assert told == f"1 overdue and not to be woken, such as {namespace}/{operator.policy}"
        cluster.verdict("other", namespace, "Ok")
        assert value(operator, "governor_policies_overdue") == 1

        cluster.stack.kubectl("delete", "governancepolicy", operator.policy, "-n", namespace)
        eventually(lambda: health(operator, "healthz")[0] == OK, PATIENCE)
    finally:
        operator.stop()
