"""32 checks that hang until their timeouts of 30 s hold up no other policy, and say so."""

from collections import Counter

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.grid import coming_slots, runs_by_slot
from tests.support.manifests import policy, prometheus_source, promql
from tests.support.recording_prometheus import recording_prometheus
from tests.support.sources import deleted, said

from governor_local.operator_process import OperatorProcess

pytestmark = [pytest.mark.e2e]

STEADY, HUNG = "e2e-steady", "e2e-hung"
CHECKS = 32
AT_ONCE = 16
"""Requests to one server."""
SLOTS = 7
"""Of 5 s: until after the first timeouts."""
PATIENCE = 90


def test_32_hung_checks_hold_nobody_up(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """The other policy is measured once a slot; each of the 32 says why it has no value."""
    with recording_prometheus() as steady, recording_prometheus(hanging=True) as hung:
        sources = [
            prometheus_source(STEADY, steady.url),
            prometheus_source(HUNG, hung.url, timeout="30s"),
        ]
        checks = [promql(f"hung-{n}", f"hung-{n}", red_line=2, source=HUNG) for n in range(CHECKS)]
        with deleted(cluster, *sources):
            cluster.apply(*sources)
            cluster.apply(
                policy("steady", namespace, promql("steady", "steady", red_line=2, source=STEADY))
            )
            cluster.verdict("steady", namespace, "Ok")
            cluster.apply(policy("hung", namespace, *checks, interval="5m"))
            eventually(lambda: len(hung.arrivals) >= AT_ONCE, PATIENCE)
            uid = cluster.policy("steady", namespace)["metadata"]["uid"]
            slots = coming_slots(uid, 5, SLOTS)
            eventually(lambda: steady.asked("steady")[-1].time > slots[-1], PATIENCE)
            spoken = Counter(said(cluster, "hung", namespace, PATIENCE).values())

    runs = runs_by_slot(steady.asked("steady"), uid, 5)
    assert [len(runs.get(slot, ())) for slot in slots] == [1] * SLOTS
    # The source itself is probed, too, and may have taken one of the places.
    assert spoken.total() == CHECKS
    assert spoken.keys() == {
        ("Error", "Timeout", "no whole answer within 30s"),
        ("Error", "Timeout", f"{AT_ONCE} requests are before it: not sent within 30s"),
    }
