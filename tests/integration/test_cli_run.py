"""`governor run` as a process: how it starts, what it says, and that it stops when told."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from governor_local.operator_process import install
from governor_local.ports import free_port
from governor_local.stack import Stack
from governor_local.table import bare_environment

PATIENCE = 60.0
STOPS_WITHIN = 30
"""The promise is 10 s; a test machine may be busy."""


@dataclass(slots=True)
class Operator:
    """One process, with addresses of its own."""

    folder: Path
    settings: dict[str, str]
    metrics: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Operator":
        """Starts it, with no variable but its settings."""
        addresses = {
            "GOVERNOR_METRICS_ADDRESS": f"127.0.0.1:{self.metrics}",
            "GOVERNOR_HEALTH_ADDRESS": f"127.0.0.1:{self.health}",
        }
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "governor", "run"],
                env=bare_environment(self.folder) | addresses | self.settings,
                stdout=log,
                stderr=log,
            )
        return self

    @property
    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text()

    def ask(self, path: str) -> httpx.Response | None:
        """What it answers on its health address; None if nobody does."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.health}/{path}", trust_env=False, timeout=30)
        except httpx.TransportError:
            return None

    def answers(self, path: str, status: int) -> bool:
        """Whether it answers with that status."""
        response = self.ask(path)
        return response is not None and response.status_code == status

    def series(self) -> str:
        """What it tells Prometheus."""
        url = f"http://127.0.0.1:{self.metrics}/metrics"
        return httpx.get(url, trust_env=False, timeout=30).text

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits, unless the process ends."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process is not None
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def exit_code(self) -> int:
        """Waits for its end."""
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def stop(self, which: signal.Signals) -> int:
        """Tells it to stop; its exit code."""
        assert self.process is not None
        started = time.monotonic()
        self.process.send_signal(which)
        code = self.exit_code()
        assert time.monotonic() - started < STOPS_WITHIN, self.log
        return code


@pytest.fixture(scope="module")
def lone_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack in which no other operator works."""
    directory = tmp_path_factory.mktemp("stacks") / "run"
    with Stack.up(name="cli-run", directory=directory) as stack:
        yield stack


@pytest.fixture(scope="module")
def installed(lone_stack: Stack) -> dict[str, str]:
    """The settings of an operator with the rights that it ships with."""
    return dict(install(lone_stack).environment)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Operator]]:
    """Starts operators; none outlives its test."""
    made: list[Operator] = []

    def start(settings: dict[str, str]) -> Operator:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Operator(folder, settings))
        return made[-1].start()

    yield start
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@pytest.fixture
def lonely(tmp_path: Path) -> dict[str, str]:
    """Settings that name an API server and a database which are not there."""
    (tmp_path / "url").write_text("postgresql://writer:hunter2@127.0.0.1:1/governance")
    kubeconfig = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{free_port()}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    return {
        "GOVERNOR_DATABASE_URL_FILE": str(tmp_path / "url"),
        "GOVERNOR_DATABASE_TLS_MODE": "Disable",
        "GOVERNOR_KUBECONFIG": str(tmp_path / "kubeconfig"),
    }


Start = Callable[[dict[str, str]], Operator]


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_without_an_api_server_it_waits_and_stops_when_told(
    operator: Start, lonely: dict[str, str], which: signal.Signals
) -> None:
    """Alive, because a restart would not help; not ready; exit code 0."""
    started = operator(lonely)
    started.wait_until(lambda: "waiting for the API server" in started.log)

    assert started.answers("healthz", 200)
    assert started.answers("readyz", 503)
    assert started.stop(which) == 0
    assert "Traceback" not in started.log
    assert "hunter2" not in started.log


def test_its_log_is_json_by_default(operator: Start, lonely: dict[str, str]) -> None:
    """Every line, with the cluster's name."""
    started = operator(lonely | {"GOVERNOR_CLUSTER_NAME": "blue"})
    started.wait_until(lambda: "waiting for the API server" in started.log)
    started.stop(signal.SIGTERM)

    lines = [json.loads(line) for line in started.log.splitlines()]
    assert {line["cluster"] for line in lines} == {"blue"}
    assert {"message", "level", "logger", "timestamp"} <= lines[0].keys()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"GOVERNOR_KUBECONFIG": "{folder}/empty"}, "is no kubeconfig with a complete current"),
        ({"GOVERNOR_DATABASE_CA_FILE": "{folder}/empty"}, "the database's CA file"),
        ({"GOVERNOR_HEALTH_ADDRESS": "127.0.0.1:{taken}"}, "GOVERNOR_HEALTH_ADDRESS=127.0.0.1:"),
        ({"GOVERNOR_LOG_FORMAT": "xml"}, "GOVERNOR_LOG_FORMAT='xml' must be 'json' or 'console'"),
    ],
)
def test_what_can_not_be_used_is_told_and_exits_with_3(
    operator: Start, lonely: dict[str, str], tmp_path: Path, wrong: dict[str, str], message: str
) -> None:
    """Before anything is evaluated, in one readable message."""
    (tmp_path / "empty").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = {k: v.format(folder=tmp_path, taken=port) for k, v in wrong.items()}
        settings |= {"GOVERNOR_DATABASE_TLS_MODE": "VerifyFull"}
        started = operator(lonely | settings)

        assert started.exit_code() == 3

    assert message in started.log
    assert "Traceback" not in started.log


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_it_becomes_ready_and_stops_when_told(
    operator: Start, installed: dict[str, str], which: signal.Signals
) -> None:
    """Ready once everything is listed, also without any policy; exit code 0."""
    started = operator(installed)
    started.wait_until(lambda: started.answers("readyz", 200))

    assert "governor_build_info{" in started.series()
    assert started.stop(which) == 0
    assert "Traceback" not in started.log
    assert not started.answers("healthz", 200)


def test_a_database_that_lacks_characters_is_complained_of(
    operator: Start, installed: dict[str, str], lone_stack: Stack, tmp_path: Path
) -> None:
    """In the log, as soon as it is connected to; whatever is missing there besides."""
    name = f"latin1_{uuid4().hex}"
    lone_stack.sink.execute(
        f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    )
    (tmp_path / "latin1").write_text(lone_stack.sink.dsn(database=name))

    started = operator(installed | {"GOVERNOR_DATABASE_URL_FILE": str(tmp_path / "latin1")})
    started.wait_until(lambda: '"encoding": "LATIN1"' in started.log)

    assert started.stop(signal.SIGTERM) == 0
    assert started.log.count("the sink's database lacks characters") == 1


def test_a_hanging_source_does_not_keep_it_from_stopping(
    operator: Start, installed: dict[str, str], lone_stack: Stack
) -> None:
    """A measurement that takes longer than the grace is given up."""
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()  # it takes connections and never answers
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        applied = [manifest(each) for each in (source(url), policy())]
        lone_stack.kubectl("apply", "-f", "-", input="---\n".join(applied))
        try:
            started = operator(installed)
            hanging.settimeout(PATIENCE)
            asked, _ = hanging.accept()
            with asked:
                started.wait_until(lambda: 'policy="hangs"' in started.series())

                assert started.stop(signal.SIGTERM) == 0
            assert "Traceback" not in started.log
        finally:
            lone_stack.kubectl("delete", "-f", "-", input="---\n".join(applied))


def manifest(body: dict[str, Any]) -> str:
    """As kubectl takes it."""
    return json.dumps({"apiVersion": "governance.aiops.dev/v1alpha1", **body}) + "\n"


def source(url: str) -> dict[str, Any]:
    """A Prometheus that everybody may use, with the longest timeout there is."""
    prometheus = {"url": url, "timeout": "30s"}
    return {
        "kind": "GovernanceSource",
        "metadata": {"name": "hanging"},
        "spec": {"allowedNamespaces": {"from": "All"}, "prometheus": prometheus},
    }


def policy() -> dict[str, Any]:
    """A policy that measures from it, and from one that is not there."""
    objective = {"direction": "Above", "redLine": 1}
    return {
        "kind": "GovernancePolicy",
        "metadata": {"name": "hangs", "namespace": "default"},
        "spec": {
            "checks": [
                {
                    "name": name,
                    "promql": {"sourceRef": {"name": name}, "query": "up"},
                    "objective": objective,
                }
                for name in ("hanging", "absent")
            ]
        },
    }
