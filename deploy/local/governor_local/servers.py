"""What all servers of the stack have in common: starting, readiness, stopping, pausing."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from governor_local.errors import StartError, log_end
from governor_local.processes import Process
from governor_local.table import ProcessTable

_POLL_SECONDS = 0.03
_PORT_TRIES = 5


class Server(ABC):
    """A server process of the stack that keeps its port and data over a restart.

    Attributes:
        name: what the stack calls it.
        directory: folder of its data and configuration.
        ready_seconds: how long it may take to become ready.
        grace_seconds: how long it may take to stop before it is killed.
        stop_signal: what stops it in an orderly way.
        end_signal: what ends it for good, when its data is thrown away.
    """

    ready_seconds: ClassVar[float] = 60
    grace_seconds: ClassVar[float] = 15
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    end_signal: ClassVar[signal.Signals] = signal.SIGKILL
    unprivileged: ClassVar[bool] = False

    def __init__(self, name: str, table: ProcessTable) -> None:
        self.name = name
        self.directory = table.data / name
        self._table = table

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return self._table.port(self.name)

    @property
    def log(self) -> Path:
        """The file with its output."""
        return self._table.log(self.name)

    @property
    def process(self) -> Process | None:
        """Its process, None while it does not run."""
        return self._table.find(self.name)

    @property
    def running(self) -> bool:
        """True while its process is there, ready or not, paused or not."""
        return self.process is not None

    def start(self) -> None:
        """Start it and wait until it is ready; nothing if it runs already.

        Raises:
            StartError: it ended, or was not ready in time; the text holds its log's end.
        """
        if self.running:
            return
        first = not self._table.knows(self.name)
        self.directory.mkdir(exist_ok=True)
        self._prepare()
        for _ in range(_PORT_TRIES):
            seen = self.log.stat().st_size if self.log.exists() else 0
            process = self._table.spawn(
                self.name,
                self._program(),
                directory=self.directory,
                end_signal=self.end_signal,
                unprivileged=self.unprivileged,
            )
            if self._becomes_ready(process):
                return
            with self.log.open(errors="replace") as log:
                log.seek(seen)
                if "ddress already in use" not in log.read():
                    break
            if first:  # later, clients know the port: then only trying again helps
                self._table.port(self.name, other=True)
            else:
                time.sleep(1)
        raise StartError(self.failure("ended instead of becoming ready"))

    def stop(self) -> None:
        """Stop it in an orderly way, paused or not; its port and data stay."""
        if process := self.process:
            process.end(self.stop_signal, self.grace_seconds)

    def kill(self) -> None:
        """Kill it as a crash would; its port and data stay."""
        if process := self.process:
            process.end(signal.SIGKILL, self.grace_seconds)

    def restart(self) -> None:
        """Stop it and start it."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Make it hang: connections are accepted by the kernel, and nothing answers."""
        if process := self.process:
            process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after :meth:`pause`."""
        if process := self.process:
            process.send(signal.SIGCONT)

    def failure(self, what: str) -> str:
        """Give a message that says what happened to it, with its log's end and a way on."""
        return (
            f"{self.name} {what}. Its log ends with:\n{log_end(self.log)}\n"
            "How to go on: run the command again; if it fails in the same way, look at free"
            " memory (about 1 GB is needed) and at free disk in the temporary folder."
        )

    @abstractmethod
    def _program(self) -> Sequence[str | Path]:
        """Give its program and arguments."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Tell whether it serves; called every few hundredths of a second."""

    def _prepare(self) -> None:  # noqa: B027 - most servers need none
        """Make what it needs before it starts; must bear to be called again."""

    def _becomes_ready(self, process: Process) -> bool:
        deadline = time.monotonic() + self.ready_seconds
        while not self._is_ready():
            if not process.running:
                return False
            if self._table.closing.is_set():
                raise StartError(f"{self.name} was interrupted while it started.")
            if time.monotonic() > deadline:
                process.end(signal.SIGKILL, self.grace_seconds)
                raise StartError(self.failure(f"was not ready in {self.ready_seconds:g} s"))
            time.sleep(_POLL_SECONDS)
        return True
