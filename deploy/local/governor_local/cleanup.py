"""Ends a stack's processes and removes its files, whoever left them."""

import ctypes
import shutil
import signal
import tempfile
import time
from pathlib import Path

from governor_local.state import Record, StateFile

_DATA_PREFIX = "governor-local-"
_GRACE_SECONDS = 5.0
_AGAIN_SECONDS = 0.05


def make_data_folder(name: str) -> Path:
    """Make the temporary folder for a stack's data and logs."""
    return Path(tempfile.mkdtemp(prefix=f"{_DATA_PREFIX}{name}-"))


def remove(state: StateFile, record: Record) -> None:
    """End all processes of the stack, then remove its data and its own files; the lock is held."""
    end_processes(record)
    if record.data.name.startswith(_DATA_PREFIX):  # never another folder, whatever the file says
        for lock_file in record.data.glob("*/data/postmaster.pid"):
            _remove_shared_memory(lock_file)
        _remove_folder(record.data)
    shutil.rmtree(state.directory / "bin", ignore_errors=True)
    for name in ("kubeconfig", "state.new", "state.json"):
        (state.directory / name).unlink(missing_ok=True)
    if not any(state.directory.iterdir()):
        state.directory.rmdir()


def end_processes(record: Record) -> None:
    """End all processes of the stack, each with its own signal, then by force."""
    for name, process in record.processes.items():
        process.send(signal.Signals(record.end_signals[name]))
        process.send(signal.SIGCONT)  # a paused one would not hear it
    deadline = time.monotonic() + _GRACE_SECONDS
    for process in record.processes.values():
        if not process.wait(max(0.0, deadline - time.monotonic())):
            process.send(signal.SIGKILL)
            process.wait(_GRACE_SECONDS)


def _remove_folder(folder: Path) -> None:
    """Remove a folder in which a process that is just ending may still make a file."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(_AGAIN_SECONDS)


def _remove_shared_memory(lock_file: Path) -> None:
    """Remove the System V segment that a killed PostgreSQL leaves; its id is in its lock file."""
    try:
        identifier = int(lock_file.read_text().splitlines()[6].split()[1])
    except (OSError, IndexError, ValueError):
        return  # it ended before it had one, or removed it itself
    remove_id = 0  # IPC_RMID
    ctypes.CDLL(None).shmctl(identifier, remove_id, None)
