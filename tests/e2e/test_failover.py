"""One of two replicas leads: through a crash, a rolling restart, and a leader that slept.

Each of a hundred policies is measured every 5 s, so that a gap shows. One more only counts.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.asking import health, said, series
from tests.support.cluster import Cluster, eventually
from tests.support.ear import Ear
from tests.support.grid import slot_of
from tests.support.manifests import notify, policy, prometheus_source, promql
from tests.support.recording_prometheus import RecordingPrometheus, recording_prometheus
from tests.support.replica_pair import Pair, role
from tests.support.sources import deleted, usable
from tests.support.witness import witnessed

from governor.adapters.moments import TENTH
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

SOURCE = "failover"
POLICIES = [f"p-{number:03}" for number in range(100)]
AFTER_A_CRASH = timedelta(seconds=30)
ROLLING = timedelta(seconds=10)
"""Both bounds are for a machine that is half as fast, or busy with other tests; this one is still
less than a Lease lasts, so that was given back. What it takes on a quiet one, 20 s after a crash
and 3 s in a rolling restart at most, is measured here, too, and logged, but asserted nowhere:
docs/reliability.md has the figures."""
PATIENCE = 60
BAD = 3
AT_ONCE = 10
COUNTING = "counts"
"""A policy that would have to be violated for long before it has a finding."""
INTERVAL = 5

_log = logging.getLogger(__name__)


@pytest.fixture
def recorded(cluster: Cluster, pair: Pair) -> Iterator[RecordingPrometheus]:
    """A Prometheus that tells when it was asked, as a source that the leader knows."""
    pair.leader()
    with recording_prometheus() as serving:
        cluster.apply(prometheus_source(SOURCE, serving.url, timeout="30s"))
        usable(cluster, SOURCE)
        yield serving
        cluster.stack.kubectl("delete", "governancesource", SOURCE)


@pytest.fixture
def ear(cluster: Cluster, namespace: str) -> Iterator[Ear]:
    """A channel that all but one of the policies tell."""
    ear = Ear(cluster, namespace)
    with deleted(cluster, ear.channel()):
        cluster.apply(ear.channel())
        yield ear


@pytest.fixture
def policies(
    cluster: Cluster, namespace: str, pair: Pair, recorded: RecordingPrometheus, ear: Ear
) -> list[str]:
    """All of them, measured once and well."""
    checks = {name: promql("value", name, red_line=2, source=SOURCE) for name in POLICIES}
    told = notify(ear.name)
    counting = promql("value", COUNTING, red_line=2, source=SOURCE, failureThreshold=100)
    cluster.apply(
        policy(COUNTING, namespace, counting),
        *(policy(name, namespace, check, notify=told) for name, check in checks.items()),
    )
    eventually(lambda: all(recorded.asked(name) for name in (*POLICIES, COUNTING)), PATIENCE)
    return POLICIES


def opened_once(cluster: Cluster, namespace: str) -> None:
    """Waits until every policy's finding is told: in one row and one Event."""

    def all_in_rows() -> bool:
        rows = sorted(row["policy"] for row in cluster.rows(namespace))
        twice = {name for name in rows if rows.count(name) > 1}
        missing = sorted({*POLICIES} - {*rows})
        assert rows == POLICIES, f"twice: {twice}, missing: {missing}"
        return True

    eventually(all_in_rows, PATIENCE)
    for name in POLICIES:
        cluster.told(name, namespace, PATIENCE)
    opened = [e for e in cluster.events(namespace) if e["reason"] == "FindingOpened"]
    assert sorted(event["regarding"]["name"] for event in opened) == POLICIES
    assert sorted(row["policy"] for row in cluster.rows(namespace)) == POLICIES
    assert Ear(cluster, namespace).words() == [("opened", "value")] * len(POLICIES)


def counted_once(
    cluster: Cluster, namespace: str, recorded: RecordingPrometheus, since: datetime
) -> None:
    """No slot stands twice in the count, whoever measured it how often since it went wrong."""
    uid = cluster.policy(COUNTING, namespace)["metadata"]["uid"]

    def holds() -> bool:
        [check] = cluster.status(COUNTING, namespace)["checks"]
        wrong = [query for query in recorded.asked(COUNTING) if query.arrived >= since]
        # A query's time is up to 0.1 s after its run began: it may tell the slot after.
        slots = {
            slot_of(uid, INTERVAL, query.time - late)
            for query in wrong
            for late in (timedelta(0), TENTH)
        }
        assert 1 < check["violations"] <= len(slots)
        return True

    eventually(holds, PATIENCE)


def evaluated_after(moment: datetime, recorded: RecordingPrometheus) -> None:
    """Waits until a policy is evaluated later than that."""
    eventually(lambda: recorded.arrivals[-1] > moment, PATIENCE)


def test_after_a_crash_the_other_evaluates_and_tells_once(
    cluster: Cluster,
    namespace: str,
    pair: Pair,
    policies: list[str],
    recorded: RecordingPrometheus,
) -> None:
    """What went wrong while nobody led is found by the one that leads then."""
    leader = pair.leader()
    standby = pair.other(leader)
    assert health(standby, "readyz")[1]["role"] == "standby"
    assert not series(standby, "governor_policy_verdict")

    leader.kill()
    killed = datetime.now(UTC)
    recorded.value = BAD
    evaluated_after(killed + timedelta(seconds=1), recorded)

    # Within that second, what the dead one had asked may still come in.
    first = next(at for at in recorded.arrivals if at > killed + timedelta(seconds=1))
    _log.info("after a crash the other evaluates within %s", first - killed)
    assert first - killed <= AFTER_A_CRASH
    assert pair.leader() is standby
    opened_once(cluster, namespace)
    counted_once(cluster, namespace, recorded, killed)


def test_a_rolling_restart_leaves_no_gap(
    cluster: Cluster,
    namespace: str,
    pair: Pair,
    policies: list[str],
    recorded: RecordingPrometheus,
) -> None:
    """Each is stopped in turn, and what opens meanwhile is told once."""
    begun = datetime.now(UTC)
    recorded.value = BAD
    for _ in range(2):
        leader = pair.leader()
        leader.stop()
        # As in a rolling update: what starts is beside one that works, not in its stead.
        evaluated_after(datetime.now(UTC), recorded)
        leader.start()
    opened_once(cluster, namespace)
    counted_once(cluster, namespace, recorded, begun)

    arrivals = [at for at in recorded.arrivals if at >= begun - timedelta(seconds=1)]
    longest = max(later - earlier for earlier, later in pairwise(arrivals))
    _log.info("in a rolling restart nothing is evaluated for %s", longest)
    assert longest <= ROLLING


def test_a_leader_that_slept_writes_and_tells_nothing_when_it_wakes(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    pair: Pair,
    policies: list[str],
    recorded: RecordingPrometheus,
    tmp_path: Path,
) -> None:
    """It was stopped in the midst of its ticks, and slept until its Lease was over."""
    sleeper = pair.leader()
    recorded.hanging = True
    asked = len(recorded.arrivals)
    # A source is asked so much at once; the other ticks wait for their turn.
    eventually(lambda: len(recorded.arrivals) >= asked + AT_ONCE, PATIENCE)
    sleeper.pause()
    wrong = datetime.now(UTC)
    recorded.hanging, recorded.value = False, BAD
    awake = pair.other(sleeper)
    eventually(lambda: role(awake) == "leader", PATIENCE)
    opened_once(cluster, namespace)
    epochs = {cluster.status(name, namespace)["epoch"] for name in POLICIES}
    before = rows(cluster, namespace), cluster.events(namespace), posts(stack, namespace)

    with witnessed(stack, tmp_path) as witness:
        sleeper.resume()
        eventually(lambda: role(sleeper) == "standby", PATIENCE)
        eventually(lambda: "leads no more" in [line.get("message") for line in said(sleeper)])
        later = len(recorded.arrivals) + len(POLICIES)
        eventually(lambda: len(recorded.arrivals) >= later, PATIENCE)
        seen = [it for it in witness.objects() if it["metadata"].get("namespace") == namespace]

    assert len(epochs) == 1
    statuses = [it["status"] for it in seen if it["kind"] == "GovernancePolicy"]
    assert {status["epoch"] for status in statuses} == epochs
    assert rows(cluster, namespace) == before[0]
    assert len(cluster.events(namespace)) == len(before[1])
    assert posts(stack, namespace) == before[2]
    counted_once(cluster, namespace, recorded, wrong)


def rows(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """The rows, but for when a leader last said them again: it does so 15 s after its start."""
    return [{**row, "last_seen_at": None} for row in cluster.rows(namespace)]


def posts(stack: Stack, namespace: str) -> int:
    """How often the channel was told anything, taken or not."""
    return len(stack.receiver.attempts(f"cloudevents/{namespace}"))


def test_an_epoch_that_somebody_wrote_stops_nobody(
    stack: Stack, cluster: Cluster, namespace: str, pair: Pair, policies: list[str]
) -> None:
    """One that could be another leader's is topped; one that can be nobody's is taken away."""
    pair.leader()
    now = round(datetime.now(UTC).timestamp() * 1000)
    forged = {"p-000": now + 3_600_000, "p-001": 4_102_444_800_000}
    for name, epoch in forged.items():
        which = ("governancepolicy", name, "-n", namespace, "--subresource=status")
        stack.kubectl("patch", *which, "--type=merge", "-p", f'{{"status": {{"epoch": {epoch}}}}}')
        cluster.run_now(name, namespace)

    assert cluster.status("p-000", namespace)["epoch"] == forged["p-000"] + 1
    assert cluster.status("p-001", namespace).get("epoch", 0) <= forged["p-000"] + 1
    cluster.run_now("p-001", namespace)
    cluster.run_now("p-002", namespace)
