"""No secret is found in anything that a run writes, whether its server takes it or not."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from tests.support.aside import Aside
from tests.support.asking import said as logged
from tests.support.cluster import Cluster, eventually
from tests.support.echo import echo
from tests.support.http_world import HttpWorld, http_world
from tests.support.manifests import mute, notify, number, policy
from tests.support.planted import Planted
from tests.support.planting import AT, measuring, secrets, telling
from tests.support.sources import deleted, said
from tests.support.telling import readiness

from governor_local.operator_process import (
    NAMESPACE,
    SINK_DATABASE,
    Installation,
    OperatorProcess,
)
from governor_local.stack import Stack
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

SECONDS = 60
SINK_LOGIN = "e2e_planted_writer"
KINDS = "governancepolicies,governancesources,governancechannels,governancemutes"


@pytest.fixture
def evil() -> Iterator[HttpWorld]:
    """A server that says back what it was sent."""
    with Aside() as aside:
        yield aside.enter(http_world(echo))


@contextmanager
def planted_operator(
    stack: Stack, installation: Installation, planted: Planted, folder: Path
) -> Iterator[OperatorProcess]:
    """An operator of the test's own that logs all it can, and writes with a planted password."""
    password = planted.secret("sink")
    stack.sink.execute(
        f"create role {SINK_LOGIN} login in role governor_writer password '{password}'"
    )
    url = folder / "database-url"
    url.write_text(stack.sink.dsn(user=SINK_LOGIN, password=password, database=SINK_DATABASE))
    token = yaml.safe_load(installation.kubeconfig.read_text())["users"][0]["user"]["token"]
    planted.known("service account", token)
    operator = OperatorProcess(
        stack,
        replace(installation, database_url_file=url),
        name="operator-planted",
        settings={"GOVERNOR_LOG_LEVEL": "debug"},
    )
    operator.start()
    try:
        yield operator
    finally:
        operator.stop()
        stack.sink.execute(f"drop role {SINK_LOGIN}")


def test_nothing_that_was_written_holds_a_secret(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    platform: Platform,
    installation: Installation,
    evil: HttpWorld,
    tmp_path: Path,
) -> None:
    """Log, Events, statuses, rows, metrics, messages: of secrets that work and that fail."""
    planted = Planted()
    access = secrets(stack, evil, planted)
    sources, checks = measuring(stack, evil)
    channels = telling(stack, evil)
    wanted = {name: each.pop("wanted") for name, each in channels.items()}
    expires = datetime.now(UTC) + timedelta(days=1)
    told = notify(*channels)
    objects = [*access.values(), *sources, *channels.values()]

    operator.stop()
    with (
        deleted(cluster, *objects),
        planted_operator(stack, installation, planted, tmp_path) as talkative,
    ):
        cluster.apply(
            *objects,
            policy("planted", namespace, *checks, notify=told),
            mute("quiet", namespace, "planted", expires, checks=["sql"]),
        )
        said(cluster, "planted", namespace, SECONDS)
        eventually(lambda: reasons(cluster, wanted) == wanted, SECONDS)
        eventually(lambda: cluster.rows(namespace), SECONDS)

        with shut_out(stack):
            cluster.apply(policy("later", namespace, number(2, red_line=1)))
            eventually(lambda: sink_refuses(talkative), SECONDS)
        cluster.told("later", namespace, SECONDS)

        surfaces = written(stack, cluster, talkative, evil, namespace)
        assert_sent(stack, evil, access["access"]["stringData"])
        assert any(line["level"] == "debug" for line in logged(talkative))
        assert all(surfaces.values()), surfaces.keys()
        as_given = json.dumps(list(access.values()))
        for findable in (as_given, base64.b64encode(as_given.encode()).decode()):
            assert planted.found({"Secrets": findable})
        assert planted.found(surfaces) == []


def reasons(cluster: Cluster, wanted: Mapping[str, str]) -> dict[str, str]:
    """What `Ready` says of each of these channels."""
    return {name: words[1] for name, words in readiness(cluster).items() if name in wanted}


@contextmanager
def shut_out(stack: Stack) -> Iterator[None]:
    """The sink refuses the operator's login, whose sessions end."""
    which = f"from pg_stat_activity where usename = '{SINK_LOGIN}'"
    stack.sink.execute(f"alter role {SINK_LOGIN} nologin; select pg_terminate_backend(pid) {which}")
    try:
        yield
    finally:
        stack.sink.execute(f"alter role {SINK_LOGIN} login")


def sink_refuses(operator: OperatorProcess) -> bool:
    """Whether the operator said that it can't deliver to the sink."""
    return any(
        line["message"] == "can't deliver now" and line["target"] == "sink"
        for line in logged(operator)
    )


def assert_sent(stack: Stack, evil: HttpWorld, access: Mapping[str, str]) -> None:
    """The secrets were used: else that they are found nowhere would say little."""
    [header, key] = [line.partition(": ")[2] for line in access["headers"].splitlines()]
    for value in (header, key, f"Bearer {access['token']}"):
        assert any(value in asked.headers.values() for asked in evil.asked)
    taken = stack.receiver.received(f"cloudevents/{AT}")[0].headers
    assert f"sha256:{hashlib.sha256(header.encode()).hexdigest()}" in taken.values()


def written(
    stack: Stack, cluster: Cluster, operator: OperatorProcess, evil: HttpWorld, namespace: str
) -> dict[str, str]:
    """All that the operator has written, by where."""
    metrics = f"http://127.0.0.1:{operator.metrics_port}/metrics"
    own = "configmaps,leases"
    return {
        "metrics": httpx.get(metrics, trust_env=False, timeout=10).text,
        "log": operator.log.read_text(),
        "objects": listed(stack, KINDS, "-A", "--show-managed-fields"),
        "Events": json.dumps(cluster.events(namespace)),
        "its namespace": listed(stack, own, "-n", NAMESPACE),
        "rows": rows(stack),
        "messages": stack.receiver.file.read_text(),
        "alerts": json.dumps(stack.alertmanager.alerts()),
        "refused messages": "".join(each.body.decode() for each in evil.asked),
    }


def listed(stack: Stack, kinds: str, *options: str) -> str:
    """Objects as JSON."""
    return stack.kubectl("get", kinds, *options, "-o", "json").stdout


def rows(stack: Stack) -> str:
    """Every row of every table of the sink."""
    schema = "select tablename from pg_tables where schemaname = 'governance'"
    tables = stack.sink.execute(schema, database=SINK_DATABASE).splitlines()
    return "\n".join(
        stack.sink.execute(
            f"select to_jsonb(t) from governance.{table} t",  # noqa: S608 - the catalog's names
            database=SINK_DATABASE,
        )
        for table in tables
    )
