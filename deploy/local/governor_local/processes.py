"""Processes that are known for sure: by pid, start time and boot.

A pid alone says little: after a crash it may belong to a stranger. Every signal
goes through a pidfd whose start time has been compared, so that only a process
which the stack started can be hit, however late.
"""

import contextlib
import json
import os
import pwd
import select
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from governor_local.errors import StartError

_LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this machine, running or gone.

    Attributes:
        pid: its process id.
        started: its start in clock ticks after boot; unlike a wall time, it never shifts.
        boot: the id of the boot that it was started in.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Take hold of a running process.

        Raises:
            ProcessLookupError: there is none with that pid.
        """
        return cls(pid, _started(pid), _boot())

    @property
    def running(self) -> bool:
        """True while this very process runs, paused or not; a zombie does not."""
        with self._held() as handle:
            return handle is not None and not _ended(handle, 0)

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; False if the process is gone."""
        with self._held() as handle:
            if handle is None or _ended(handle, 0):
                return False
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
                return True
            return False

    def wait(self, seconds: float) -> bool:
        """Wait until the process is gone; False if it still runs after so many seconds."""
        with self._held() as handle:
            return handle is None or _ended(handle, seconds)

    def end(self, number: signal.Signals, seconds: float) -> None:
        """Ask the process to end, wake it if it is paused, and kill it after so many seconds."""
        if self.send(number):
            self.send(signal.SIGCONT)
            if not self.wait(seconds):
                self.send(signal.SIGKILL)
                self.wait(seconds)

    @contextlib.contextmanager
    def _held(self) -> Iterator[int | None]:
        """Open a handle on this very process; None if its pid is free or a stranger's."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            # The handle pins the process: what is compared now is what is signalled later.
            yield handle if self._has_the_pid() else None
        finally:
            os.close(handle)

    def _has_the_pid(self) -> bool:
        try:
            return (self.started, self.boot) == (_started(self.pid), _boot())
        except ProcessLookupError:
            return False


def spawn(
    program: Sequence[str | Path],
    *,
    log: Path,
    directory: Path,
    environment: Mapping[str, str],
    death_signal: signal.Signals | None = None,
    unprivileged: bool = False,
) -> Process:
    """Start a program in a session of its own, its output appended to a log.

    Args:
        program: absolute path and arguments.
        log: file that takes standard output and error.
        directory: working directory.
        environment: the whole environment; nothing is inherited.
        death_signal: what the program gets when this process dies, however it dies.
        unprivileged: run as ``nobody`` if we are root, for programs that refuse root.

    Raises:
        StartError: the process could not be made.
    """
    arguments = launched(
        program, directory=directory, death_signal=death_signal, unprivileged=unprivileged
    )
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    made = threading.Event()
    result: list[Process | OSError] = []

    def parent() -> None:
        # A thread for each child: the kernel sends the death signal when the *thread* that
        # made the child ends, so it must live as long as the child. It also reaps it at once.
        try:
            pid = os.posix_spawn(sys.executable, arguments, environment, file_actions=files)
            result.append(Process.of(pid))
        except OSError as error:
            result.append(error)
            return
        finally:
            made.set()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)

    threading.Thread(target=parent, name=f"parent of {Path(program[0]).name}", daemon=True).start()
    made.wait()
    if isinstance(outcome := result[0], OSError):
        raise StartError(f"{program[0]} could not be started: {outcome}") from outcome
    return outcome


def launched(
    program: Sequence[str | Path],
    *,
    directory: Path,
    death_signal: signal.Signals | None = None,
    unprivileged: bool = False,
) -> list[str]:
    """Give the command that becomes the program, in a session of its own; see :func:`spawn`.

    With a death signal, the thread that runs the command must outlive it.
    """
    options = {
        "parent": os.getpid(),
        "death_signal": death_signal or 0,
        "user": unprivileged_user() if unprivileged else None,
        "directory": str(directory),
    }
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(options)]
    return launcher + [str(part) for part in program]


def unprivileged_user() -> tuple[int, int] | None:
    """Give the uid and gid that unprivileged programs run as, None if that is ourselves."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _started(pid: int) -> int:
    """Read a process's start time."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    # The program's name is in parentheses and may hold spaces and parentheses itself.
    return int(text[text.rindex(")") + 2 :].split()[19])


def _ended(handle: int, seconds: float) -> bool:
    # A handle is readable once the last thread is gone, and with it all files and ports. The
    # state in /proc says "zombie" earlier, when the first thread is.
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
