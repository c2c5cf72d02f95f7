"""The API server is away, slow, half-open or refuses: what was found meanwhile is told once.

The operator reaches it through something that a test breaks; everybody else past that.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml
from tests.support.api_front import ApiFront, api_front
from tests.support.aside import Aside
from tests.support.asking import health, said, value
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import policy, prometheus_source, promql
from tests.support.proxy import Proxy, proxy
from tests.support.recording_prometheus import RecordingPrometheus, recording_prometheus
from tests.support.sources import usable

from governor_local.operator_process import Installation, OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

NAME = "cut-off"
OK = 200
AWAY = 65
"""Seconds: four Leases."""
PATIENCE = 90
GOOD, BAD = 1, 3
REFUSALS = (
    (429, BAD, "Violated"),
    (409, GOOD, "Ok"),
    (500, BAD, "Violated"),
    (404, GOOD, "Ok"),  # it names no object: none is gone
)
NOT_WRITTEN = "the status could not be written; the run did not happen"


@pytest.fixture(autouse=True)
def alone(stack: Stack, one_operator: OperatorProcess) -> None:
    """No other operator runs, and the sink does."""
    one_operator.stop()
    stack.sink.start()


@pytest.fixture
def recorded(cluster: Cluster) -> Iterator[RecordingPrometheus]:
    """A Prometheus that a test sets, as the source `cut-off`."""
    with recording_prometheus() as serving:
        cluster.apply(prometheus_source(NAME, serving.url))
        yield serving
        cluster.stack.kubectl("delete", "governancesource", NAME)


@contextmanager
def running(
    stack: Stack, installation: Installation, kubeconfig: Path
) -> Iterator[OperatorProcess]:
    """An operator that reaches the API server as that file says."""
    operator = OperatorProcess(stack, replace(installation, kubeconfig=kubeconfig), name=NAME)
    try:
        operator.start()
        yield operator
    finally:
        operator.stop()


@pytest.fixture
def way(stack: Stack) -> Iterator[Proxy]:
    """To the API server."""
    with proxy(stack.control_plane.apiserver.port) as made:
        yield made


@pytest.fixture
def operator(
    stack: Stack, installation: Installation, way: Proxy, tmp_path: Path
) -> Iterator[OperatorProcess]:
    """An operator on that way."""
    config = yaml.safe_load(installation.kubeconfig.read_text())
    for each in config["clusters"]:
        each["cluster"]["server"] = f"https://127.0.0.1:{way.port}"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    with running(stack, installation, kubeconfig) as made:
        yield made


def apply(cluster: Cluster, namespace: str) -> dict[str, object]:
    """A policy that measures every 5 s; its status, once that was good."""
    usable(cluster, NAME)
    check = promql("beat", "beat", red_line=2, source=NAME)
    cluster.apply(policy(NAME, namespace, check))
    cluster.verdict(NAME, namespace, "Ok", PATIENCE)
    return cluster.told(NAME, namespace, PATIENCE)


def told_once(cluster: Cluster, namespace: str) -> dict[str, object]:
    """Waits for the finding; one row and one Event tell of it."""
    cluster.verdict(NAME, namespace, "Violated", PATIENCE)
    eventually(partial(counted, cluster, namespace, is_open=True), PATIENCE)
    status = cluster.told(NAME, namespace, PATIENCE)
    assert [row["resolved"] for row in cluster.rows(namespace)] == [False]
    assert cluster.reasons(namespace) == ["FindingOpened"]
    return status


def counted(cluster: Cluster, namespace: str, *, is_open: bool) -> bool:
    """Whether the verdict has opened its finding, or ended it.

    Not every run does: one of a slot that has counted before, as after a change of the source.
    """
    return ("finding" in cluster.check(NAME, namespace, "beat")) == is_open


def messages(operator: OperatorProcess) -> list[str]:
    return [str(line.get("message")) for line in said(operator)]


def test_away_for_over_a_minute(
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    way: Proxy,
    recorded: RecordingPrometheus,
) -> None:
    """Nobody leads and nothing is measured meanwhile; then it leads again, in a new term."""
    before = apply(cluster, namespace)
    process = operator.process
    way.refuse()
    cut = time.monotonic()
    recorded.value = BAD
    eventually(lambda: health(operator, "healthz")[1]["role"] == "standby", PATIENCE)
    assert value(operator, "governor_leader") == 0
    eventually(lambda: "leads no more" in messages(operator))
    asked, alive = len(recorded.arrivals), set()

    def over() -> bool:
        alive.add(health(operator, "healthz")[0])
        return time.monotonic() - cut > AWAY

    eventually(over, 2 * AWAY)
    assert alive == {OK}
    assert len(recorded.arrivals) == asked
    assert cluster.status(NAME, namespace) == before
    assert "the Lease can't be used now" in messages(operator)
    way.well()

    after = told_once(cluster, namespace)
    assert int(str(after["epoch"])) > int(str(before["epoch"]))
    assert value(operator, "governor_leader_takeovers_total") == 2
    assert operator.process == process


def test_slow_then_half_open(
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    way: Proxy,
    recorded: RecordingPrometheus,
) -> None:
    """A second for each answer costs no term; connections that died silently are replaced."""
    before = apply(cluster, namespace)
    way.slow(1)
    recorded.value = BAD
    after = told_once(cluster, namespace)
    assert after["epoch"] == before["epoch"]
    way.well()
    way.lose()
    recorded.value = GOOD

    cluster.verdict(NAME, namespace, "Ok", PATIENCE)
    cluster.told(NAME, namespace, PATIENCE)
    assert [row["resolved"] for row in cluster.rows(namespace)] == [True]
    assert cluster.reasons(namespace) == ["FindingOpened", "FindingResolved"]


@pytest.fixture
def front(installation: Installation) -> Iterator[ApiFront]:
    """Before the API server; it refuses what a test wants."""
    with Aside() as aside:
        yield aside.enter(api_front(installation.kubeconfig))


def test_writes_that_are_refused_for_a_while(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    installation: Installation,
    front: ApiFront,
    recorded: RecordingPrometheus,
    tmp_path: Path,
) -> None:
    """The run did not happen, and says so; the next one that is written counts."""
    kubeconfig = front.kubeconfig(installation.kubeconfig, tmp_path / "kubeconfig")
    with running(stack, installation, kubeconfig) as operator:
        before = apply(cluster, namespace)
        for refusal, found, verdict in REFUSALS:
            failed = messages(operator).count(NOT_WRITTEN) + 1
            front.refusals["put", "governancepolicies"] = refusal
            recorded.value = found
            eventually(partial(said_so, operator, failed), PATIENCE)
            assert cluster.status(NAME, namespace) == before
            front.refusals.clear()
            cluster.verdict(NAME, namespace, verdict, PATIENCE)
            eventually(partial(counted, cluster, namespace, is_open=found == BAD), PATIENCE)
            before = cluster.told(NAME, namespace, PATIENCE)

        assert cluster.reasons(namespace) == 2 * ["FindingOpened", "FindingResolved"]
        assert [row["resolved"] for row in cluster.rows(namespace)] == [True, True]


def said_so(operator: OperatorProcess, times: int) -> bool:
    """Whether it said so often that a run did not happen."""
    return messages(operator).count(NOT_WRITTEN) >= times
