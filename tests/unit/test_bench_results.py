"""The figures of a run, reckoned from readings that are made up."""

from dataclasses import replace
from typing import Any

import pytest
from tests.bench.readings import Reading
from tests.bench.results import SECOND_START, Observations, disbelief, figures
from tests.bench.samples import Samples
from tests.bench.tables import Conditions, as_json, as_table

EMPTY = Samples({})
BEFORE = Reading(
    at=1000.0,
    cpu={"operator": 10.0, "etcd": 5.0},
    main_thread=8.0,
    busy={0: 100.0, 1: 50.0},
    operator=EMPTY,
    apiserver=EMPTY,
    etcd=EMPTY,
    prometheus=EMPTY,
    transactions={"sink": 40.0},
)
OPERATOR = """\
governor_probe_duration_seconds_count{kind="promql"} 800
governor_probe_duration_seconds_count{kind="sql"} 200
governor_probe_faults_total{source="a"} 2
governor_event_loop_lag_seconds_bucket{le="0.1"} 1197
governor_event_loop_lag_seconds_bucket{le="+Inf"} 1200
governor_lateness_seconds_bucket{le="0.01"} 990
governor_lateness_seconds_bucket{le="0.1"} 1000
governor_lateness_seconds_bucket{le="+Inf"} 1000
"""
STATUS = 'verb="PUT",resource="governancepolicies",subresource="status"'
API_SERVER = f"""\
apiserver_request_total{{{STATUS},code="200"}} 9
apiserver_request_total{{{STATUS},code="409"}} 1
apiserver_request_total{{verb="GET",resource="leases",subresource="",code="200"}} 60
apiserver_request_total{{verb="GET",resource="",subresource="/metrics"}} 1
"""
AFTER = replace(
    BEFORE,
    at=1120.0,
    cpu={"operator": 12.0, "etcd": 5.5},
    main_thread=9.5,
    busy={0: 103.0, 1: 54.0},
    operator=Samples.parse(OPERATOR, ("governor",)),
    apiserver=Samples.parse(API_SERVER, ("apiserver",)),
    etcd=Samples.parse("etcd_network_client_grpc_received_bytes_total 6000\n", ("etcd",)),
    prometheus=Samples.parse(
        'prometheus_http_requests_total{handler="/api/v1/query",code="200"} 800\n', ("prometheus",)
    ),
    transactions={"sink": 240.0},
)
SEEN = Observations(
    before=BEFORE,
    after=AFTER,
    memory=[(1000.0, {"operator": 100 * 2.0**20}), (1120.0, {"operator": 101 * 2.0**20})],
    runs=[(60.0, 0.001), (70.0, 0.003), (130.0, 0.004), (131.0, 0.002)],
    expected_runs=4,
    expected_checks=1000,
    applied_seconds=1.5,
    evaluated_seconds=4.0,
    to_status=[0.5, 0.7, 0.6],
)
CONDITIONS = Conditions(
    command="make bench",
    mode="steady",
    policies=100,
    checks=5,
    flipping=0,
    minutes=2,
    cpu="a processor",
    cores=2,
    apart=True,
    python="3.11.7",
)


@pytest.fixture
def found() -> dict[str, Any]:
    """The figures."""
    return figures(SEEN)


def test_cpu_is_told_a_check(found: dict[str, Any]) -> None:
    """Of each process, of all together, and what falls to the operator's threads."""
    assert found["checks"] == pytest.approx(1000)
    assert found["checks_per_minute"] == pytest.approx(500)
    assert found["cpu_ms_per_check"] == pytest.approx(
        {
            "operator": 2.0,
            "etcd": 0.5,
            "all": 2.5,
            "operator's main thread": 1.5,
            "operator's other threads": 0.5,
        }
    )
    assert found["cpu_share_of_a_core"]["operator"] == pytest.approx(2 / 120)


def test_what_others_took_is_told(found: dict[str, Any]) -> None:
    """7 s the cores were busy, 2.5 s of them with what is measured."""
    assert found["cpu_seconds_of_others"] == pytest.approx(4.5)


def test_lateness_comes_from_runs_and_from_the_metric(found: dict[str, Any]) -> None:
    """Runs are exact; the metric knows all of them."""
    late = found["lateness_seconds"]
    assert (late["p50"], late["p99"], late["max"]) == pytest.approx((0.002, 0.004, 0.004))
    assert late["highest_bucket"] == pytest.approx(0.1)
    assert late["p99_by_metric"] == pytest.approx(0.01)
    assert found["grid_drift_seconds"] == pytest.approx(0.001)
    assert found["event_loop"]["stalls_over_100_ms"] == pytest.approx(3)


def test_api_requests_are_told_a_minute(found: dict[str, Any]) -> None:
    """Whatever they were answered; those for no resource are not the operator's."""
    assert found["api"]["writes_per_minute"] == {"PUT governancepolicies/status": pytest.approx(5)}
    assert found["api"]["reads_per_minute"] == {"GET leases": pytest.approx(30)}
    assert found["etcd"]["received_bytes_per_minute"] == pytest.approx(3000)
    assert found["prometheus_requests_per_check"] == pytest.approx(0.8)
    assert found["database_transactions_per_check"]["sink"] == pytest.approx(0.2)


def test_memory_and_waits_are_told(found: dict[str, Any]) -> None:
    """In MiB, and what an hour would add."""
    memory = found["memory"]["operator"]
    assert memory["last_mib"] == pytest.approx(101)
    assert memory["growth_mib_per_hour"] == pytest.approx(30)
    waits = found["kubectl_apply_to_status_seconds"]
    assert (waits["median"], waits["max"]) == pytest.approx((0.6, 0.7))


def test_a_policy_that_was_never_evaluated_is_told() -> None:
    """It has no time that could be averaged."""
    waits = figures(replace(SEEN, to_status=[0.5, None]))["kubectl_apply_to_status_seconds"]
    nobody = figures(replace(SEEN, to_status=[None]))["kubectl_apply_to_status_seconds"]

    assert waits == {"median": 0.5, "max": 0.5, "never": 1}
    assert nobody == {"median": None, "max": None, "never": 1}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (SEEN, "2 of 1000 checks failed"),
        (replace(SEEN, after=replace(AFTER, operator=EMPTY)), "0 checks were made, not 1000"),
        (replace(SEEN, expected_runs=5), "4 runs were seen, not 5"),
        (replace(SEEN, expected_runs=2), "4 runs were seen, not 2"),
        (replace(SEEN, runs=[]), "0 runs were seen, not 4"),
        (replace(SEEN, to_status=[None, 0.5]), "1 of the policies applied later"),
    ],
)
def test_figures_of_an_operator_that_did_not_do_its_work_are_not_believed(
    seen: Observations, said: str
) -> None:
    """Few checks are cheap."""
    assert said in disbelief(figures(seen))


def test_figures_of_one_that_did_are_believed() -> None:
    """One failure in a thousand is an accident."""
    metrics = OPERATOR.replace('{source="a"} 2', '{source="a"} 1')
    after = replace(AFTER, operator=Samples.parse(metrics, ("governor",)))

    found = figures(replace(SEEN, after=after))

    assert disbelief(found) == ""
    assert disbelief({**found, SECOND_START: 61.5}) == ""
    assert disbelief({**found, SECOND_START: None}).startswith("after a restart not every check")


def test_the_table_and_the_json_say_the_same(found: dict[str, Any]) -> None:
    """The table is for people, with units."""
    told = as_json(CONDITIONS, found)
    table = as_table(CONDITIONS, found)

    assert told["conditions"]["policies"] == 100
    assert told["checks"] == pytest.approx(1000)
    assert "| CPU a check, operator | 2.000 ms |" in table
    assert "| runs seen, of those expected | 4 of 4 |" in table
    assert "| checks that failed | 2 |" in table
    assert "second start" not in table
    again = as_table(CONDITIONS, {**found, SECOND_START: 61.5})
    assert "| second start to every check measured | 61.5 s |" in again


def test_a_run_without_checks_is_told_all_the_same() -> None:
    """An operator that measured nothing costs nothing a check that could be told."""
    idle = replace(AFTER, operator=EMPTY)
    found = figures(replace(SEEN, after=idle, runs=[]))

    assert found["cpu_ms_per_check"]["operator"] is None
    assert "| CPU a check, operator | – |" in as_table(CONDITIONS, found)
