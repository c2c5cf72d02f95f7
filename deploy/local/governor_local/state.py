"""What a stack consists of, in a file: the truth for whoever comes later.

Another shell attaches to the stack by it, and the leftovers of a killed run are
found and removed by it.
"""

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governor_local.errors import StackError
from governor_local.processes import Process


@dataclass(slots=True, kw_only=True)
class Record:
    """One stack, up, starting or left behind.

    Attributes:
        name: its name.
        data: temporary folder of its servers' data and logs.
        binaries: paths of its programs.
        owner: the process that holds it up, and takes it along when it ends; none if detached.
        starter: the process that is starting it; none once it is ready.
        ports: port of each server on 127.0.0.1.
        secrets: the passwords and tokens of its administrators.
        processes: its processes by name.
        end_signals: number of the signal that ends each process for good.
    """

    name: str
    data: Path
    binaries: dict[str, str]
    owner: Process | None
    starter: Process | None
    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    end_signals: dict[str, int] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """True while someone holds the stack up: its starter, its owner, or detached, itself."""
        holder = self.starter or self.owner
        if holder:
            return holder.running
        return any(process.running for process in self.processes.values())


class StateFile:
    """The file of one stack's record, shared by all processes that deal with the stack."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._path = self.directory / "state.json"

    def read(self) -> Record | None:
        """Give the record as it is now, None if there is no stack.

        Raises:
            StackError: the file is not one of ours.
        """
        try:
            return _decode(json.loads(self._path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise StackError(
                f"{self._path} can't be understood ({error!r}). If no stack of that name runs,"
                f" delete the folder {self.directory}."
            ) from error

    def write(self, record: Record) -> None:
        """Replace the record; readers see the old one or the new one, never a part."""
        self.directory.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.touch(mode=0o600)  # there are passwords in it
        draft.write_text(json.dumps(dataclasses.asdict(record), indent=2, default=str))
        draft.replace(self._path)

    @contextmanager
    def change(self) -> Iterator[Record]:
        """Change the record while nobody else does.

        Raises:
            StackError: the stack was taken down meanwhile.
        """
        with self.locked():
            record = self.read()
            if record is None:
                raise StackError("The stack was taken down meanwhile.")
            yield record
            self.write(record)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other threads and processes from changing the record."""
        # The lock is on the folder above: it is there before this one is made and after it goes.
        above = self.directory.parent
        above.mkdir(parents=True, exist_ok=True)
        handle = os.open(above, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _decode(data: dict[str, Any]) -> Record:
    fields = dict(data)
    fields["data"] = Path(data["data"])
    for name in ("owner", "starter"):
        fields[name] = Process(**data[name]) if data[name] else None
    fields["processes"] = {key: Process(**value) for key, value in data["processes"].items()}
    return Record(**fields)
