"""The processes of one stack: starts them, writes them down, finds them again."""

import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from governor_local.errors import StartError
from governor_local.ports import free_port
from governor_local.processes import Process, spawn
from governor_local.state import Record, StateFile


class ProcessTable:
    """The processes of one stack, by name.

    Attributes:
        data: folder of the servers' data and logs.
        closing: set when the stack goes down; nothing is started or waited for after that.
    """

    def __init__(self, state: StateFile, record: Record) -> None:
        self._state = state
        self.data = record.data
        self.closing = threading.Event()
        # Only what the owner starts can die with the owner.
        self._tied = record.owner is not None and record.owner.pid == os.getpid()

    def spawn(
        self,
        name: str,
        program: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        end_signal: signal.Signals = signal.SIGKILL,
        unprivileged: bool = False,
    ) -> Process:
        """Start a process that goes down with the stack.

        It dies with this process if this process holds the stack up, else it is
        found in the stack's record. Its output is appended to :meth:`log`.

        Args:
            name: what the stack calls it; one of that name must not be running.
            program: absolute path and arguments.
            environment: added to a bare environment; the caller's own is not inherited.
            directory: working directory, the data folder if not given.
            end_signal: what ends it when the stack goes down; SIGKILL comes 5 s later.
            unprivileged: run as ``nobody`` if we are root.

        Raises:
            StartError: it runs already, the stack is going down, or it could not be made.
        """
        with self._state.change() as record:
            if self.closing.is_set():
                raise StartError(f"{name} was not started: the stack is going down.")
            if name in record.processes and record.processes[name].running:
                raise StartError(f"{name} runs already, as process {record.processes[name].pid}.")
            record.processes[name] = spawn(
                program,
                log=self.log(name),
                directory=directory or self.data,
                environment=bare_environment(self.data) | dict(environment or {}),
                death_signal=end_signal if self._tied else None,
                unprivileged=unprivileged,
            )
            record.end_signals[name] = int(end_signal)
            return record.processes[name]

    def find(self, name: str) -> Process | None:
        """Give the running process of that name, None if there is none."""
        process = self.all().get(name)
        return process if process and process.running else None

    def all(self) -> dict[str, Process]:
        """Give all processes that were ever started, running or not, by name."""
        record = self._state.read()
        return record.processes if record else {}

    def knows(self, name: str) -> bool:
        """Tell whether a process of that name was ever started."""
        return name in self.all()

    def log(self, name: str) -> Path:
        """Give the file that takes the output of the process of that name."""
        return self.data / f"{name}.log"

    def port(self, name: str, *, other: bool = False) -> int:
        """Give the port of that name, the same at every call.

        Args:
            name: a server, or one of its ports.
            other: choose another one, since something has taken the present one.
        """
        with self._state.change() as record:
            if other or name not in record.ports:
                record.ports[name] = free_port(record.ports.values())
            return record.ports[name]


def bare_environment(home: Path) -> dict[str, str]:
    """Give an environment in which no setting of the user's changes what a program does."""
    return {"HOME": str(home), "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}
