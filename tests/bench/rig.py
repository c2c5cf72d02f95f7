"""What is measured: a stack on one core, an operator on another, and an estate of policies."""

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.bench import profiled
from tests.bench.applying import apply_policies
from tests.bench.estate import AGEING, Estate
from tests.support.cluster import apply, eventually

from governor_local import manifests
from governor_local.operator_process import Installation, OperatorProcess, give_logins, install
from governor_local.processes import Process
from governor_local.stack import Stack
from governor_local.world.governed import DATABASE, Platform

SCRAPE_SECONDS = 15
_SWITCHING_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the operator has to itself, and which one the servers share with the bench."""

    operator: int
    servers: int

    @classmethod
    def take(cls) -> "Cores":
        """The first two that we may use; this process and all that it starts go to the second.

        To be called before there is any thread. With a single core they share it.
        """
        ours = sorted(os.sched_getaffinity(0))
        cores = cls(operator=ours[0], servers=ours[-1])
        os.sched_setaffinity(0, {cores.servers})
        return cores

    @property
    def apart(self) -> bool:
        """Whether they are two."""
        return self.operator != self.servers


class BenchedOperator(OperatorProcess):
    """The operator on a core of its own, with a profiler that is off."""

    def __init__(self, stack: Stack, installation: Installation, core: int) -> None:
        """Starts nothing yet."""
        super().__init__(stack, installation)
        self._core = core

    @contextmanager
    def profiled(self, file: Path) -> Iterator[dict[str, int]]:
        """Counts the calls of the operator's main thread; in the end the file is there.

        What is yielded is filled then: `calls`, `objects` made and `blocks`, as `profiled`
        says.
        """
        found: dict[str, int] = {}
        process = self.process
        assert process is not None, "the operator does not run"
        process.send(signal.SIGUSR1)
        yield found
        process.send(signal.SIGUSR2)
        answer = Path(f"{self._profile}.json")
        eventually(answer.exists, _SWITCHING_SECONDS)
        found |= json.loads(answer.read_text())
        answer.unlink()
        shutil.move(self._profile, file)

    @property
    def _profile(self) -> Path:
        return self.directory / "profile"

    def _program(self) -> Sequence[str | Path]:
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        # Safe: else the bench's own modules could stand in for others of the same name.
        ours: list[str | Path] = ["-P", profiled.__file__, str(self._core), self._profile, "run"]
        return ["/usr/bin/env", *settings, sys.executable, *ours]


@dataclass(frozen=True, slots=True)
class Rig:
    """All that runs; the operator not yet."""

    stack: Stack
    operator: BenchedOperator
    cores: Cores
    folder: Path
    """For files of the bench's own; it goes with the rig."""

    @property
    def processes(self) -> Mapping[str, Process]:
        """What is measured, by name; PostgreSQL's has its sessions as children."""
        stack = self.stack
        servers = {
            "operator": self.operator,
            "kube-apiserver": stack.control_plane.apiserver,
            "etcd": stack.control_plane.etcd,
            "postgresql (governed)": stack.governed,
            "postgresql (sink)": stack.sink,
            "prometheus": stack.prometheus,
        }
        found = {name: server.process for name, server in servers.items()}
        return {name: process for name, process in found.items() if process is not None}

    def apply(self, estate: Estate) -> None:
        """The estate's policies are there."""
        apply_estate(self.stack, estate)


def apply_estate(stack: Stack, estate: Estate) -> None:
    """The estate's policies are there."""
    apply(stack, *estate.namespaces())
    apply_policies(stack, estate.manifests())


@contextmanager
def rig(cores: Cores) -> Iterator[Rig]:
    """What is measured; all gone afterwards.

    Raises:
        StackError: a server did not start, or refused something.
    """
    with governed_stack() as (stack, installation, folder):
        operator = BenchedOperator(stack, installation, cores.operator)
        _scrape(stack, operator)
        yield Rig(stack, operator, cores, folder)
        with contextlib.suppress(ProcessLookupError):
            operator.stop()


@contextmanager
def governed_stack() -> Iterator[tuple[Stack, Installation, Path]]:
    """A stack with what the policies measure, what an operator needs there, and a folder to use.

    Raises:
        StackError: a server did not start, or refused something.
    """
    folder = Path(tempfile.mkdtemp(prefix="governor-bench-"))
    try:
        with Stack.up(name=folder.name, directory=folder / "stack") as stack:
            installation = install(stack)
            _build(stack)
            yield stack, installation, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build(stack: Stack) -> None:
    platform = Platform(stack)
    give_logins(stack, platform.build())
    platform.exporter.stop()  # no policy of the bench asks for its series
    stack.governed.execute(AGEING, database=DATABASE)
    samples = manifests.local_samples(stack.binaries.kubectl, manifests.Addresses.of(stack))
    wanted: list[dict[str, Any]] = [
        each for each in yaml.safe_load_all(samples) if each["kind"] == "GovernanceSource"
    ]
    apply(stack, *wanted)


def _scrape(stack: Stack, operator: OperatorProcess) -> None:
    """Prometheus scrapes the operator as an installation's does, and nothing else."""
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s"},
        "scrape_configs": [
            {
                "job_name": "governor",
                "static_configs": [{"targets": [f"127.0.0.1:{operator.metrics_port}"]}],
            }
        ],
    }
    stack.prometheus.configure(yaml.safe_dump(config))
