"""The operator as a process: its health, metrics, log and end, and servers that restart under it.

Settings that can't be used, and exit codes: tests/integration/test_cli_run.py.
"""

import json
import signal
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import unquote, urlsplit

import pytest
from tests.support.asking import health, said, series, value
from tests.support.cluster import Cluster, eventually
from tests.support.hanging import go_on, hang
from tests.support.manifests import Manifest, number, policy, prometheus_source, promql
from tests.support.recording_prometheus import RecordingPrometheus, recording_prometheus
from tests.support.sources import said as spoken
from tests.support.sources import usable

from governor.api import API_VERSION
from governor_local.operator_process import (
    NAMESPACE,
    SINK_DATABASE,
    Installation,
    OperatorProcess,
)
from governor_local.servers import Server
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

Fault = Callable[[Server], None]
OK, UNAVAILABLE = 200, 503
PATIENCE = 60
STOPS_WITHIN = 30
"""Seconds. What is under way has 8, and closing a few; a test machine may be busy."""
PLANTED = ("planted-hunter2", "planted-swordfish")
"""Passwords that nothing may repeat."""


@pytest.fixture(autouse=True)
def whole(stack: Stack, sources: None) -> Iterator[None]:
    """All servers are up, before and after."""

    def start() -> None:
        stack.control_plane.apiserver.start()
        go_on(stack.sink)
        for server in (stack.prometheus, stack.governed, stack.sink):
            server.start()

    start()
    yield
    start()


@pytest.fixture
def recorded(cluster: Cluster, operator: OperatorProcess) -> Iterator[RecordingPrometheus]:
    """A Prometheus that tells when it was asked, as a source `process` that the operator knows."""
    with recording_prometheus() as serving:
        cluster.apply(prometheus_source("process", serving.url))
        usable(cluster, "process")
        yield serving
        cluster.stack.kubectl("delete", "governancesource", "process")


def test_it_is_ready_only_after_the_first_lists(stack: Stack, operator: OperatorProcess) -> None:
    """Before them it is alive: a restart would not help."""
    stack.control_plane.apiserver.stop()
    operator.stop()
    operator.launch()
    eventually(lambda: health(operator, "healthz")[0] == OK, PATIENCE)
    status, answer = health(operator, "readyz")
    stack.control_plane.apiserver.start()

    assert status == UNAVAILABLE
    assert answer["status"] == "failing"
    assert answer["checks"]["watch governancepolicies"] == "not listed yet"
    eventually(lambda: health(operator, "readyz")[0] == OK, PATIENCE)
    assert health(operator, "readyz")[1]["status"] == "ok"


def test_an_api_server_that_restarts_is_survived(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    recorded: RecordingPrometheus,
) -> None:
    """Longer than a Lease: nobody leads then. What changed meanwhile or later is seen."""
    check = promql("beat", "beat", red_line=2, source="process")
    cluster.apply(policy("goes-on", namespace, check))
    cluster.verdict("goes-on", namespace, "Ok")
    process = operator.process

    stack.control_plane.apiserver.stop()
    eventually(lambda: health(operator, "healthz")[1]["role"] == "standby", PATIENCE)
    assert health(operator, "healthz")[0] == OK
    runs = len(recorded.asked("beat"))
    stack.control_plane.apiserver.start()
    check["objective"]["redLine"] = 0.5
    cluster.apply(policy("goes-on", namespace, check))

    cluster.verdict("goes-on", namespace, "Violated", PATIENCE)
    cluster.told("goes-on", namespace, PATIENCE)
    assert cluster.reasons(namespace) == ["FindingOpened"]
    assert len(recorded.asked("beat")) > runs
    assert operator.process == process


def test_metrics_say_what_the_status_says(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """No value, no sample; and all series go with their object."""
    cluster.apply(
        policy(
            "measured",
            namespace,
            number(0.25, red_line=1, name="fine"),
            number(2, red_line=1, name="bad"),
            promql("missing", "nobody_emits_this", red_line=1),
            promql("broken", "up{", red_line=1),
        )
    )
    assert spoken(cluster, "measured", namespace).keys() == {"fine", "bad", "missing", "broken"}
    cluster.told("measured", namespace)
    mine = {"namespace": namespace, "policy": "measured"}

    def states(name: str, **labels: str) -> list[str]:
        found = series(operator, name, **mine, **labels)
        return [sample["verdict"] for sample, number in found if number == 1]

    def all_told() -> bool:
        values = series(operator, "governor_check_value", **mine)
        assert {sample["check"]: found for sample, found in values} == {"fine": 0.25, "bad": 2}
        assert states("governor_policy_verdict") == ["Violated"]
        assert states("governor_check_verdict", check="missing") == ["NoData"]
        assert states("governor_check_verdict", check="broken") == ["Error"]
        return True

    eventually(all_told)
    faults = {"source": "prometheus", "reason": "QueryInvalid"}
    assert value(operator, "governor_probe_faults_total", **faults)
    durations = {"kind": "promql", "source": "prometheus"}
    assert value(operator, "governor_probe_duration_seconds_count", **durations)
    runs = value(operator, "governor_lateness_seconds_count") or 0
    ticked = value(operator, "governor_last_tick_timestamp_seconds") or 0
    assert value(operator, "governor_event_loop_lag_seconds_count")
    for target in ("sink", "event"):
        # Of all policies together: what others left to be told takes its time.
        eventually(partial(nothing_pending, operator, target), PATIENCE)
        delivered = {"target": target, "outcome": "delivered"}
        assert value(operator, "governor_deliveries_total", **delivered)

    stack.sink.stop()
    cluster.apply(policy("measured", namespace, number(3, red_line=1, name="other")))
    cluster.verdict("measured", namespace, "Violated")
    eventually(lambda: value(operator, "governor_pending", target="sink"))
    assert value(operator, "governor_pending_oldest_timestamp_seconds")
    eventually(lambda: (value(operator, "governor_lateness_seconds_count") or 0) > runs)
    eventually(lambda: (value(operator, "governor_last_tick_timestamp_seconds") or 0) > ticked)
    cluster.stack.kubectl("delete", "governancepolicy", "measured", "-n", namespace)
    names = ("governor_policy_verdict", "governor_check_value", "governor_check_verdict")
    eventually(lambda: not [name for name in names if series(operator, name, **mine)])


def nothing_pending(operator: OperatorProcess, target: str) -> bool:
    """Whether the operator says that nothing is left to be told there."""
    return value(operator, "governor_pending", target=target) == 0


def test_sigterm_lets_what_is_under_way_be_told(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    """The sink answers again while the operator stops: the row is there when it has ended.

    It has a second for that.
    """
    hang(stack.sink)
    cluster.apply(policy("last-words", namespace, number(2, red_line=1), interval="7d"))
    eventually(lambda: cluster.status("last-words", namespace).get("pending"))
    process = operator.process
    assert process is not None
    before = len(said(operator))
    process.send(signal.SIGTERM)
    go_on(stack.sink)

    assert process.wait(STOPS_WITHIN)
    messages = [line["message"] for line in said(operator)[before:]]
    assert "SIGTERM: stopping" in messages
    assert messages[-1] == "operator stopped"
    assert [row["resolved"] for row in cluster.rows(namespace)] == [False]
    assert cluster.reasons(namespace) == ["FindingOpened"]
    assert not cluster.status("last-words", namespace).get("pending")


@pytest.mark.parametrize("fault", [Server.stop, hang])
def test_sigterm_does_not_wait_for_a_sink_that_is_away(
    *, stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess, fault: Fault
) -> None:
    """Down or hanging: it ends within its bound; what is untold stands in the status."""
    fault(stack.sink)
    cluster.apply(policy("last-words", namespace, number(2, red_line=1), interval="7d"))
    eventually(lambda: cluster.status("last-words", namespace).get("pending"))

    process = operator.process
    assert process is not None
    process.send(signal.SIGTERM)
    assert process.wait(STOPS_WITHIN)

    assert said(operator)[-1]["message"] == "operator stopped"
    [entry] = cluster.status("last-words", namespace)["pending"]
    assert "sink" in entry["targets"]


def test_no_password_is_ever_told(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    installation: Installation,
) -> None:
    """Not in the log, nor in a status, an Event or a row; whatever failed."""
    address = f"127.0.0.1:{stack.governed.port}/platform"
    data = {
        "refused": f"postgresql://governor_reader:{PLANTED[0]}@{address}",
        "broken": f"postgresql://governor_reader:{PLANTED[1]}@{address}/?sslmode=what#",
    }
    cluster.apply(secret(data), *(leaky_source(key) for key in data))
    checks = [{"name": key, "trustDrift": {"sourceRef": {"name": f"leaky-{key}"}}} for key in data]
    violated = number(2, red_line=1)  # so that there is a row, too
    cluster.apply(policy("leaky", namespace, *checks, violated, interval="7d"))
    cluster.verdict("leaky", namespace, "Violated")

    def failed() -> bool:
        status = cluster.status("leaky", namespace)
        reasons = {c["name"]: c["reason"] for c in status["checks"] if c["verdict"] == "Error"}
        return reasons == {"refused": "AuthenticationFailed", "broken": "SecretInvalid"}

    eventually(failed)
    cluster.told("leaky", namespace)
    stack.sink.restart()
    operator.stop()

    secrets = [*PLANTED, *real_passwords(cluster, installation)]
    assert len(secrets) == len(PLANTED) + 4
    for place, text in told_everywhere(cluster, operator).items():
        assert text, place
        assert [secret for secret in secrets if secret in text] == [], place
    cluster.stack.kubectl("delete", "governancesource", *(f"leaky-{key}" for key in data))


def secret(data: dict[str, str]) -> Manifest:
    """A Secret in the operator's namespace."""
    metadata = {"name": "leaky", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def leaky_source(key: str) -> Manifest:
    """A source with the DSN under that key."""
    postgres = {"secretRef": {"name": "leaky", "key": key}, "tls": {"mode": "Disable"}}
    spec = {"allowedNamespaces": {"from": "All"}, "access": ["BuiltinChecks"], "postgres": postgres}
    metadata = {"name": f"leaky-{key}"}
    return {
        "apiVersion": API_VERSION,
        "kind": "GovernanceSource",
        "metadata": metadata,
        "spec": spec,
    }


def real_passwords(cluster: Cluster, installation: Installation) -> list[str]:
    """Those that the operator works with."""
    dsns = cluster.get("secret", "platform-database", NAMESPACE)["data"].values()
    urls = [installation.database_url_file.read_text()]
    urls += [b64decode(dsn).decode() for dsn in dsns]
    return [unquote(urlsplit(url).password or "none") for url in urls]


def told_everywhere(cluster: Cluster, operator: OperatorProcess) -> dict[str, str]:
    """All that the operator has said to anybody so far, by place."""
    kubectl = cluster.stack.kubectl
    places = {"log": json.dumps(said(operator))}
    for kind in ("governancepolicies", "governancesources", "events.v1.events.k8s.io"):
        places[kind] = kubectl("get", kind, "-A", "-o", "json").stdout
    for table in ("ai_governance_events", "governance_policy_revisions"):
        rows = f"select to_jsonb(t) from governance.{table} t"  # noqa: S608 - our own words
        places[table] = cluster.stack.sink.execute(rows, database=SINK_DATABASE)
    return places
