"""Whatever is wrong with a server, the policy's status says so, and the other checks go on."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.aside import Aside
from tests.support.bad_prometheus import PROMETHEUS, VERSION
from tests.support.bad_queries import BUILT_IN, CUSTOM, LINE, OTHERS, RELATIONS, SCHEMA
from tests.support.cluster import Cluster, eventually
from tests.support.dial import Dial
from tests.support.http_world import http_world
from tests.support.manifests import policy, prometheus_source, promql
from tests.support.said import READY, error
from tests.support.sources import deleted, postgres_source, readiness, says

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import DATABASE, Platform

pytestmark = [pytest.mark.e2e]

SLOW = 60


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


@pytest.fixture
def aside() -> Iterator[Aside]:
    """Where bad servers run."""
    with Aside() as aside:
        yield aside


def test_bad_prometheus(cluster: Cluster, namespace: str, aside: Aside) -> None:
    """Status, source and columns say what is wrong with each; a good check beside them goes on."""
    dial = Dial(cluster.stack, namespace)
    dial.turn(0.9)
    urls = {name: aside.enter(http_world(w.behaviour)).url for name, w in PROMETHEUS.items()}
    bad = [prometheus_source(name, url, **PROMETHEUS[name].fields) for name, url in urls.items()]
    checks = [promql(name, "1", red_line=1, source=name, interval="7d") for name in PROMETHEUS]
    with deleted(cluster, *bad):
        cluster.apply(*bad, policy("worlds", namespace, *checks, dial.check()))

        wanted = {name: (w.verdict, w.reason, w.message) for name, w in PROMETHEUS.items()}
        good = {"dial": ("Ok", "Met", "0.9 meets the target 0.8")}
        says(cluster, "worlds", namespace, wanted | good)
        dial.turn(0.1)
        eventually(
            lambda: cluster.check("worlds", namespace, "dial")["verdict"] == "Violated", SLOW
        )

        ready = readiness(cluster, {name: w.source_reason for name, w in PROMETHEUS.items()})
        assert ready == {
            name: ("True", READY, VERSION) if w.ready else ("False", w.reason, "")
            for name, w in PROMETHEUS.items()
        }
        listed = cluster.stack.kubectl("get", "governancesources", "nan", "html").stdout
        header, nan, html = listed.splitlines()
        assert header.split() == ["NAME", "READY", "REASON", "VERSION", "PROBED", "AGE"]
        assert nan.split()[:4] == ["nan", "True", READY, VERSION]
        assert html.split()[:3] == ["html", "False", "MalformedAnswer"]


def built_in(name: str) -> dict[str, Any]:
    """A check of a table that is not as it should be."""
    return {"name": name, BUILT_IN[name][0]: {"sourceRef": {"name": "bad-tables"}}}


def custom(name: str) -> dict[str, Any]:
    """A check with a bad query."""
    probe = {"sourceRef": {"name": "custom"}, "query": CUSTOM[name][0]}
    samples = {"minimumSamples": 20} if name == "few-samples" else {}
    return {"name": name, "sql": probe, "objective": LINE | samples}


def test_bad_tables_and_queries(cluster: Cluster, namespace: str) -> None:
    """The servers are well: what is wrong is a table, a right, a query, a reference."""
    cluster.stack.governed.execute(SCHEMA, database=DATABASE)
    login = {"name": "platform-database", "key": "dsn"}
    author = {"name": "platform-database", "key": "custom-sql-dsn"}
    bad = [
        postgres_source("bad-tables", login, relations=RELATIONS),
        postgres_source("empty", login, relations={"knowledge_entries": "e2e_bad.empty"}),
        postgres_source(
            "custom", login, access=["CustomSql"], customSqlSecretRef=author, statementTimeout="1s"
        ),
    ]
    checks = [*map(built_in, BUILT_IN), *map(custom, CUSTOM)]
    checks += [{"name": name, **check} for name, (check, _) in OTHERS.items()]
    with deleted(cluster, *bad):
        cluster.apply(*bad, policy("worlds", namespace, *checks, interval="7d"))

        wanted = {
            name: it for table in (BUILT_IN, CUSTOM, OTHERS) for name, (_, it) in table.items()
        }
        says(cluster, "worlds", namespace, wanted)
        well = readiness(cluster, dict.fromkeys(("bad-tables", "empty", "custom"), READY))
        assert all(version.startswith("PostgreSQL 18.") for _, _, version in well.values())


def test_postgresql_stopped_and_started(stack: Stack, cluster: Cluster, namespace: str) -> None:
    """What is measured from elsewhere goes on; afterwards all is measured again."""
    dial = Dial(stack, namespace)
    dial.turn(0.9)
    checks = (dial.check(), promql("metric", "1", red_line=1))
    cluster.apply(policy("worlds", namespace, *checks))
    cluster.verdict("worlds", namespace, "Ok", SLOW)

    stack.governed.stop()
    cluster.verdict("worlds", namespace, "Error", SLOW)
    wanted = {
        "dial": error(
            "Unreachable",
            f"127.0.0.1:{stack.governed.port} can't be reached: connection refused: look at the "
            "server and the network",
        ),
        "metric": ("Ok", "Met", "1 is not above the red line 1"),
    }
    # While it shuts down it says so; the next try comes half a minute later.
    says(cluster, "worlds", namespace, wanted)

    stack.governed.start()
    cluster.verdict("worlds", namespace, "Ok", SLOW)
    cluster.told("worlds", namespace, SLOW)
    assert cluster.reasons(namespace) == ["CheckBlind", "CheckMeasurable"]
