"""The operator is never in the way: nothing waits for it, and it writes nothing but status."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.support.asking import health, said, value
from tests.support.cluster import Cluster, apply, eventually
from tests.support.grid import coming_slots, runs_by_slot
from tests.support.manifests import (
    Manifest,
    allowed_namespace,
    number,
    policy,
    prometheus_source,
    promql,
    sql,
)
from tests.support.namespaces import Stopwatch, finish_deletion
from tests.support.recording_prometheus import RecordingPrometheus, recording_prometheus
from tests.support.sources import usable
from tests.support.witness import witnessed

from governor.api import RUN_NOW
from governor.domain.writes import rider_slot
from governor_local.operator_process import OperatorProcess, install
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

BOUND = 5.0
"""Seconds that a deletion may take with the operator stopped."""
USERS_OWN = {"kubectl.kubernetes.io/last-applied-configuration", RUN_NOW}
SOURCES = {"platform", "prometheus", "recorded"}
PATIENCE = 60
OK, UNAVAILABLE = 200, 503
CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="module")
def recorder() -> Iterator[RecordingPrometheus]:
    """A Prometheus that tells when it was asked."""
    with recording_prometheus() as serving:
        yield serving


@pytest.fixture
def recorded(
    cluster: Cluster, operator: OperatorProcess, recorder: RecordingPrometheus
) -> Iterator[RecordingPrometheus]:
    """The same, as a source `recorded` that the operator knows."""
    source = prometheus_source("recorded", recorder.url)
    cluster.apply(source)
    usable(cluster, "recorded")
    yield recorder
    cluster.stack.kubectl("delete", "governancesource", "recorded")


@pytest.fixture(autouse=True)
def measurable(stack: Stack, sources: None) -> None:
    """Prometheus and the governed database answer."""
    stack.prometheus.start()
    stack.governed.start()


def test_deletion_does_not_wait_for_a_stopped_operator(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """Neither a policy's nor its whole namespace's; both had findings and Events."""
    doomed = f"{namespace}-doomed"
    cluster.apply(allowed_namespace(doomed))
    for name in ("first", "second"):
        cluster.apply(policy(name, doomed, number(2, red_line=1)))
    for name in ("first", "second"):
        cluster.verdict(name, doomed, "Violated")
        cluster.told(name, doomed)
    kubectl = cluster.stack.kubectl
    operator.stop()

    with Stopwatch() as policy_gone:
        kubectl("delete", "governancepolicy", "first", "-n", doomed)
    with Stopwatch() as namespace_gone, ThreadPoolExecutor() as pool:
        controller = pool.submit(finish_deletion, cluster, doomed)
        kubectl("delete", "namespace", doomed)
        controller.result()

    assert policy_gone.seconds < BOUND
    assert namespace_gone.seconds < BOUND
    assert cluster.get("namespace", doomed) == {}
    operator.start()
    assert value(operator, "governor_policy_verdict", namespace=doomed, verdict="Violated") is None


def test_nothing_but_status_is_ever_written(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    recorded: RecordingPrometheus,
    tmp_path: Path,
) -> None:
    """Nor is a policy lost whose spec flips A → B → A while a slow check is measured."""
    with witnessed(stack, tmp_path) as witness:
        for interval in ("5s", "15s", "5s"):
            cluster.apply(flipping(namespace, interval))
            eventually(lambda: sleeping(stack))
        uid = cluster.policy("flips", namespace)["metadata"]["uid"]
        cluster.verdict("flips", namespace, "Ok")
        slots = coming_slots(uid, 5, 3)
        eventually(lambda: recorded.asked("flips")[-1].time > slots[-1], 40)
        operator.stop()
        operator.start()
        cluster.stack.kubectl("delete", "governancepolicy", "flips", "-n", namespace)
        eventually(lambda: witness.saw_deleted("flips"))

    runs = runs_by_slot(recorded.asked("flips"), uid, 5)
    assert [slot for slot in slots if slot not in runs] == []
    flips = [body for body in witness.objects() if body["metadata"]["name"] == "flips"]
    assert {body["metadata"]["generation"] for body in flips} == {1, 2, 3}
    managers = {entry["manager"] for body in flips for entry in body["metadata"]["managedFields"]}
    assert "governor" in managers
    judged = [body for body in witness.objects() if is_of_an_e2e_test(body)]
    # Others' mutes and channels may still be there: they are judged, too.
    assert {body["kind"] for body in judged} >= {
        "Namespace",
        "GovernancePolicy",
        "GovernanceSource",
    }
    for body in judged:
        assert_only_status_is_the_operators(body)


def flipping(namespace: str, interval: str) -> Manifest:
    """A policy with a check that takes seconds and one that is recorded."""
    slow = sql("slow", "select 0 as value from pg_sleep(4)", red_line=1)
    quick = promql("quick", "flips", red_line=2, source="recorded")
    return policy("flips", namespace, slow, quick, interval=interval)


def sleeping(stack: Stack) -> bool:
    """Whether the slow check is being measured."""
    busy = "select count(*) from pg_stat_activity where state = 'active' and query like"
    return int(stack.governed.execute(f"{busy} '%from pg_sle' || 'ep(4)%'")) > 0


def is_of_an_e2e_test(body: Manifest) -> bool:
    """Whether an e2e test made it: others make objects through the operator's own client."""
    metadata = body["metadata"]
    if body["kind"] == "GovernanceSource":
        return metadata["name"] in SOURCES
    return str(metadata.get("namespace", metadata["name"])).startswith("e2e-")


def assert_only_status_is_the_operators(body: Manifest) -> None:
    """No finalizer, no annotation that is not the user's, no field but status written."""
    metadata = body["metadata"]
    assert "finalizers" not in metadata, body
    assert metadata.get("annotations", {}).keys() <= USERS_OWN, body
    for entry in metadata["managedFields"]:
        written = entry.get("subresource", "main"), *entry["fieldsV1"]
        assert entry["manager"] != "governor" or written == ("status", "f:status"), body


WATCHED = timedelta(minutes=2)
"""So long, at most, a policy is looked at of which nothing shall be written."""
UNDER_WAY = timedelta(seconds=10)
"""So long, at most, a run goes on."""


def _values_are_written_within(span: timedelta, body: Manifest) -> bool:
    """Whether the run comes, or is under way, with which a policy writes its values."""
    now = datetime.now(UTC)
    return rider_slot(body["metadata"]["uid"], now + span) > now - UNDER_WAY


def test_a_second_apply_changes_nothing_and_quiet_ticks_write_nothing(
    cluster: Cluster, namespace: str, operator: OperatorProcess, recorded: RecordingPrometheus
) -> None:
    """`kubectl diff` is empty, and while nothing changes nobody writes."""
    quiet = policy("quiet", namespace, promql("quick", "quiet", red_line=2, source="recorded"))
    cluster.apply(quiet)
    while _values_are_written_within(WATCHED, cluster.policy("quiet", namespace)):
        cluster.stack.kubectl("delete", "governancepolicy", "quiet", "-n", namespace)
        cluster.apply(quiet)
    cluster.verdict("quiet", namespace, "Ok")
    cluster.told("quiet", namespace)
    before = cluster.policy("quiet", namespace)["metadata"]

    assert "unchanged" in cluster.apply(quiet)
    diff = cluster.stack.kubectl("diff", "-f", "-", input=json.dumps(quiet), check=False)
    assert (diff.returncode, diff.stdout) == (0, ""), diff.stderr
    runs = len(recorded.asked("quiet"))
    eventually(lambda: len(recorded.asked("quiet")) >= runs + 3, 40)
    assert cluster.policy("quiet", namespace)["metadata"] == before


@pytest.fixture(scope="module")
def bare_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: nobody else can do without the CRDs."""
    with Stack.up(name="bare", directory=tmp_path_factory.mktemp("stacks") / "bare") as stack:
        yield stack


def test_it_waits_for_the_crds_and_survives_their_removal(
    bare_stack: Stack, recorder: RecordingPrometheus
) -> None:
    """It says what it waits for, is alive and not ready; with them it works, again and again."""
    operator = OperatorProcess(bare_stack, install(bare_stack))
    watched = promql("quick", "crds", red_line=2, source="recorded")
    ours = (prometheus_source("recorded", recorder.url), policy("here", "default", watched))
    remove_crds(bare_stack)

    operator.launch()
    before = 0
    for _ in range(2):
        eventually(partial(waits_again, operator, before), PATIENCE)
        eventually(lambda: health(operator, "readyz")[0] == UNAVAILABLE, PATIENCE)
        assert health(operator, "healthz")[0] == OK
        eventually(lambda: value(operator, "governor_check_value", policy="here") is None)
        bare_stack.kubectl("apply", "--server-side", "-k", str(CRDS))
        bare_stack.kubectl("wait", "--for=condition=Established", "crd", "--all")
        eventually(lambda: apply(bare_stack, *ours), PATIENCE)
        with Cluster.of(bare_stack) as cluster:
            cluster.verdict("here", "default", "Ok", PATIENCE)
        eventually(lambda: health(operator, "readyz")[0] == OK, PATIENCE)
        before = waits(operator)
        remove_crds(bare_stack)
    operator.stop()


def remove_crds(stack: Stack) -> None:
    """Takes them away, and waits until they are gone; says what keeps them if they stay.

    An API server that has not listed a kind yet may take minutes to remove it.
    """
    eventually(lambda: not stack.kubectl("get", "governance", "-A", check=False).returncode)
    stack.kubectl("delete", "-k", str(CRDS), "--wait=false")
    said = "{range .items[*]}{.metadata.name}{.metadata.finalizers}{.status.conditions}{end}"

    def left() -> str:
        return stack.kubectl("get", "crd", "-o", f"jsonpath={said}").stdout

    def gone() -> bool:
        assert not (crds := left()), crds
        return True

    eventually(gone, 2 * PATIENCE)


def waits(operator: OperatorProcess) -> int:
    """How often it said that it waits for the CRDs: once or more each time it has to."""
    return sum("waiting for the CRDs" in line["message"] for line in said(operator))


def waits_again(operator: OperatorProcess, before: int) -> bool:
    """Whether it said so oftener than that."""
    return waits(operator) > before
