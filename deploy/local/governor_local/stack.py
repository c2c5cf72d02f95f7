"""The whole stack as one object: up, down, and the ways into its parts."""

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from governor_local import cleanup
from governor_local.alertmanager import AlertmanagerServer
from governor_local.binaries import Binaries
from governor_local.control_plane import ControlPlane
from governor_local.errors import AbsentError, CommandError, RunningError
from governor_local.paths import stack_directory
from governor_local.postgresql import PostgresServer
from governor_local.processes import Process
from governor_local.prometheus import PrometheusServer
from governor_local.receiver import Receiver
from governor_local.reporting import Reporter
from governor_local.servers import Server
from governor_local.state import Record, StateFile
from governor_local.table import ProcessTable, bare_environment

_USUAL_SECONDS = 6
_WATCH_SECONDS = 0.5


class Stack:
    """A running embedded stack; make it with :meth:`up` or :meth:`attach`.

    As a context manager it goes down at the end of the block.

    Attributes:
        name: its name.
        directory: its folder: kubeconfig, ``bin`` and state.
        data: temporary folder of its servers' data and logs.
        binaries: paths of its programs.
        processes: its processes; what is started through it goes down with the stack.
        control_plane: etcd and the API server.
        governed: the PostgreSQL server of the governed platform.
        sink: the PostgreSQL server of the operator, apart from the governed one.
        prometheus: the Prometheus server.
        alertmanager: the Alertmanager server; it tells the receiver.
        receiver: those who are told: Alertmanager's webhook, CloudEvents, a chat.
        kubeconfig: the administrator's kubeconfig file.
    """

    def __init__(self, state: StateFile, record: Record) -> None:
        self._state = state
        self.name = record.name
        self.directory = state.directory
        self.data = record.data
        self.binaries = Binaries.from_json(record.binaries)
        self.processes = ProcessTable(state, record)
        self.control_plane = ControlPlane(
            kube_apiserver=self.binaries.kube_apiserver,
            etcd=self.binaries.etcd,
            table=self.processes,
            state=state,
        )
        postgresql = self.binaries.postgresql
        self.governed = PostgresServer("governed", postgresql, self.processes, state)
        self.sink = PostgresServer("sink", postgresql, self.processes, state)
        self.prometheus = PrometheusServer(self.binaries.prometheus, self.processes)
        self.alertmanager = AlertmanagerServer(
            self.binaries.alertmanager, self.binaries.amtool, self.processes
        )
        self.receiver = Receiver(self.processes)
        self.kubeconfig = self.directory / "kubeconfig"

    @classmethod
    def up(
        cls,
        *,
        name: str = "default",
        directory: Path | None = None,
        report: Reporter | None = None,
        detached: bool = False,
    ) -> Self:
        """Start a stack and wait until all of it is ready: seconds, minutes at the first time ever.

        Leftovers of a killed run of the same name are removed first.

        Args:
            name: what it is called; stacks of different names run side by side.
            directory: its folder, by default a per-user one made from the name.
            report: where progress is told, nowhere if not given.
            detached: it stays up after this process ends; otherwise it never does.

        Raises:
            RunningError: a stack of that name is up.
            BuildError: a program had to be built and could not.
            StartError: a server did not become ready.
            StackError: see :mod:`governor_local.errors` for the others.
        """
        reporter = report or Reporter()
        state = StateFile(directory or stack_directory(name))
        refuse_if_running(state, name)  # before minutes of building
        binaries = Binaries.find(reporter)
        record = _claim(state, name, binaries, reporter, detached=detached)
        stack = cls(state, record)
        try:
            with reporter.work(f"starting stack {name}", usual_seconds=_USUAL_SECONDS):
                stack._start()
        except BaseException:
            stack.down()
            raise
        return stack

    @classmethod
    def attach(cls, name: str = "default", *, directory: Path | None = None) -> Self:
        """Give the stack of that name that another process started.

        Raises:
            AbsentError: it is not up, or not ready yet.
        """
        state = StateFile(directory or stack_directory(name))
        record = state.read()
        if record is None or not record.alive:
            raise AbsentError(
                f"No stack {name!r} is up. Start it with: governor-local up"
                + ("" if name == "default" else f" --name {name}")
            )
        if record.starter:
            raise AbsentError(f"The stack {name!r} is still starting; try again in a moment.")
        return cls(state, record)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.down()

    def down(self) -> None:
        """End all processes and remove all files; nothing if it is down already."""
        self.processes.closing.set()
        if record := self._state.read():
            cleanup.end_processes(record)  # not under the lock: it can take seconds
        with self._state.locked():
            if record := self._state.read():
                cleanup.remove(self._state, record)

    def watch(self) -> None:
        """Return when the stack has been taken down from elsewhere."""
        while self._state.read():
            time.sleep(_WATCH_SECONDS)

    @property
    def api_server_url(self) -> str:
        """Address of the API server."""
        return self.control_plane.url

    @property
    def servers(self) -> tuple[Server, ...]:
        """All servers of the stack."""
        plane = self.control_plane
        databases = (self.governed, self.sink)
        alerting = (self.prometheus, self.alertmanager, self.receiver)
        return (plane.etcd, plane.apiserver, *databases, *alerting)

    @property
    def environment(self) -> dict[str, str]:
        """What a shell needs to work with this stack: KUBECONFIG, and a folder for its PATH."""
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": str(self.directory / "bin")}

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as in subprocess
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator of this stack, whatever KUBECONFIG says.

        Args:
            arguments: kubectl's; another ``--kubeconfig`` among them has the last word.
            input: text for its standard input.
            check: raise if it fails.

        Raises:
            CommandError: it failed; the text is what it said.
        """
        answer = subprocess.run(
            [self.binaries.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments],
            input=input,
            capture_output=True,
            text=True,
            check=False,
            env=bare_environment(self.data),
        )
        if check and answer.returncode != 0:
            what = " ".join(arguments)
            raise CommandError(f"kubectl {what}: {answer.stderr.strip() or answer.stdout.strip()}")
        return answer

    def service_account_kubeconfig(
        self, namespace: str, service_account: str, path: Path, *, hours: int = 24
    ) -> Path:
        """Write a kubeconfig that acts as a ServiceAccount, with a token made for it now.

        Args:
            namespace: the account's, which the kubeconfig also takes as default.
            service_account: its name; it must exist.
            path: the file to write.
            hours: how long the token is good for.

        Raises:
            CommandError: the API server gave no token.
        """
        command = ("create", "token", service_account, "-n", namespace, f"--duration={hours}h")
        token = self.kubectl(*command).stdout.strip()
        return self.control_plane.write_kubeconfig(path, token=token, namespace=namespace)

    def _start(self) -> None:
        starts: list[Callable[[], None]] = [
            self.control_plane.start,
            self.governed.start,
            self.sink.start,
            self.prometheus.start,
            self._start_alerting,
        ]
        with ThreadPoolExecutor(len(starts)) as pool:
            futures = [pool.submit(start) for start in starts]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:
                self.processes.closing.set()  # the others stop waiting, too
                raise
        self.control_plane.write_kubeconfig(self.kubeconfig)
        self._link_programs()
        with self._state.change() as record:
            record.starter = None

    def _start_alerting(self) -> None:
        self.receiver.start()  # first: Alertmanager is told its port
        self.alertmanager.configure(webhook=f"{self.receiver.url}/alertmanager")
        self.alertmanager.start()

    def _link_programs(self) -> None:
        folder = self.directory / "bin"
        folder.mkdir()
        programs = [self.binaries.kubectl, self.binaries.promtool, self.binaries.amtool]
        for program in (*programs, self.binaries.postgresql / "psql"):
            (folder / program.name).symlink_to(program)


def remove_leftovers(state: StateFile) -> bool:
    """Remove what a killed run left; False if there is nothing, or the stack is up."""
    with state.locked():
        record = state.read()
        if record is None or record.alive:
            return False
        cleanup.remove(state, record)
        return True


def refuse_if_running(state: StateFile, name: str) -> None:
    """Raise RunningError if the stack is up; `name` is for the message."""
    if (record := state.read()) and record.alive:
        option = "" if name == "default" else f" --name {name}"
        raise RunningError(
            f"A stack {name!r} is up already. Take it down with: governor-local down{option};"
            " or give this one another --name."
        )


def _claim(
    state: StateFile, name: str, binaries: Binaries, reporter: Reporter, *, detached: bool
) -> Record:
    """Make the name ours, removing what a killed run left under it."""
    if remove_leftovers(state):
        reporter.say(f"removed the leftovers of a killed run of stack {name}")
    us = Process.of(os.getpid())
    with state.locked():
        refuse_if_running(state, name)
        record = Record(
            name=name,
            data=cleanup.make_data_folder(name),
            binaries=binaries.to_json(),
            owner=None if detached else us,
            starter=us,
        )
        state.write(record)
    return record
