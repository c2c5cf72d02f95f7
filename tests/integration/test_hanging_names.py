"""A name server that does not answer for some hosts: the others are measured and told on time."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import yaml
from sqlalchemy import make_url
from tests.support.governed import Governed
from tests.support.looping import in_its_loop
from tests.support.name_server import HANGS, KNOWN, PATIENCE, NameServer
from tests.support.name_server import name_server as made_name_server
from tests.support.sinks import opening

from governor.adapters.instruments import Instruments
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.api.source import SourceSpec
from governor.app.ports import Instrument
from governor.cli.main import main
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.telemetry.health import Liveness
from governor.telemetry.metrics import PrometheusTelemetry
from governor.telemetry.server import serving
from governor.values.outcomes import Outcome
from governor_local.ports import free_port
from governor_local.postgresql import PostgresServer
from governor_local.stack import Stack

CROWD = 12
"""Sources whose names hang: no more than `governor check` asks at the same time."""


@pytest.fixture
def names() -> Iterator[NameServer]:
    """What names are looked up in."""
    with made_name_server() as made:
        yield made


@pytest.fixture
def governed(stack: Stack) -> Governed:
    """A database with one execution in it."""
    database = Governed.create(stack.governed)
    database.sql("INSERT INTO auto_repair_executions VALUES (true, now())")
    return database


@pytest.fixture
def sink_url(sink_server: PostgresServer) -> str:
    """An empty database of this test's own."""
    name = f"names_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    return sink_server.dsn(database=name)


def hanging_url(number: int) -> str:
    """Of a host that nobody ever tells the address of."""
    return f"http://{number}.{HANGS}:9090"


def by_name(url: str) -> str:
    """The same place, by the name of its host."""
    return make_url(url).set(host=KNOWN).render_as_string(hide_password=False)


def source(number: int) -> dict[str, Any]:
    """The manifest of a source that hangs."""
    return {
        "apiVersion": "governance.aiops.dev/v1alpha1",
        "kind": "GovernanceSource",
        "metadata": {"name": f"hanging-{number}"},
        "spec": {
            "allowedNamespaces": {"from": "All"},
            "prometheus": {"url": hanging_url(number), "timeout": "1s"},
        },
    }


def policy() -> dict[str, Any]:
    """The manifest of a policy that asks all sources, the good ones last."""
    checks = [
        {
            "name": name,
            "promql": {"sourceRef": {"name": name}, "query": "vector(1)"},
            "objective": {"direction": "Above", "redLine": 0.5},
        }
        for name in (*(f"hanging-{number}" for number in range(CROWD)), "prometheus")
    ]
    platform = {"name": "platform", "executionBlastRadius": {"sourceRef": {"name": "platform"}}}
    return {
        "apiVersion": "governance.aiops.dev/v1alpha1",
        "kind": "GovernancePolicy",
        "metadata": {"name": "flywheel", "namespace": "aiops"},
        "spec": {"checks": [*checks, platform]},
    }


def test_check_measures_what_can_be_measured_and_ends(
    names: NameServer,
    stack: Stack,
    governed: Governed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From Prometheus and PostgreSQL, though a dozen look-ups hang, and still do in the end."""
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy()))
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump_all([source(n) for n in range(CROWD)]))
    monkeypatch.setenv("DSN", by_name(governed.dsn()))
    prometheus = stack.prometheus.url.replace("127.0.0.1", KNOWN)

    files = ["-f", str(tmp_path / "policy.yaml"), "--sources", str(tmp_path / "sources.yaml")]
    urls = ["--source", f"prometheus={prometheus}", "--source", "platform=${DSN}"]

    code = main(["check", *files, *urls, "--tls-mode", "platform=Disable", "-o", "json"])

    (told,) = json.loads(capsys.readouterr().out)["policies"]
    verdicts = {check["name"]: (check["verdict"], check["reason"]) for check in told["checks"]}
    assert verdicts.pop("prometheus") == ("Ok", "Met")
    assert verdicts.pop("platform") == ("Ok", "Met")
    assert set(verdicts.values()) == {("Error", "Timeout")}
    assert code == 2
    assert names.busy == CROWD


@in_its_loop
async def test_the_sink_and_metrics_are_as_ever(names: NameServer, sink_url: str) -> None:
    """The sink connects anew and the metrics are served, though there is one thread for them."""
    await migrate(sink_url, "governance", tls_mode="Disable")
    sink = PostgresSink(make_engine(by_name(sink_url), tls_mode="Disable"), "governance", "cluster")
    telemetry = PrometheusTelemetry(now=lambda: datetime.now(UTC), most_checks=10)
    with ThreadPoolExecutor(1) as executor:
        asyncio.get_running_loop().set_default_executor(executor)
        instruments = [hanging_instrument(number) for number in range(3)]
        measuring = [asyncio.create_task(measure(each)) for each in instruments]
        await names.heard(f"2.{HANGS}")

        async with asyncio.timeout(PATIENCE):
            assert await sink.record(opening()) is None
            assert "governor_build_info{" in await scraped(telemetry)

        assert names.busy == len(instruments)
        names.answer()
        for task in measuring:
            task.cancel()
        await asyncio.wait(measuring)
    for each in instruments:
        await each.close()
    await sink.close()


def hanging_instrument(number: int) -> Instrument:
    """What measures a source whose name hangs; it has the longest patience that there is."""
    spec = SourceSpec.model_validate(
        {
            "allowedNamespaces": {"from": "All"},
            "prometheus": {"url": hanging_url(number), "timeout": "30s"},
        }
    )
    return Instruments().make("hanging", spec, {})


async def measure(instrument: Instrument) -> Outcome:
    """What it says of a number."""
    probe = Promql(source_ref=SourceRef(name="hanging"), query="vector(1)")
    return await instrument.measure(probe, datetime.now(UTC))


async def scraped(telemetry: PrometheusTelemetry) -> str:
    """What Prometheus gets."""
    liveness = Liveness(
        kinds=(), monotonic=time.monotonic, role=lambda: "leader", away=lambda: False
    )
    address = ("127.0.0.1", free_port())
    async with (
        serving(telemetry.exposition, liveness, metrics=address, health=address),
        aiohttp.ClientSession() as session,
        session.get(f"http://{address[0]}:{address[1]}/metrics") as answer,
    ):
        return await answer.text()
