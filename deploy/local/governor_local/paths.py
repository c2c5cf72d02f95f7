"""Where things are kept: built binaries, running stacks, the Go modules."""

import os
import re
from pathlib import Path

from governor_local.errors import StackError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def cache_root() -> Path:
    """Per-user folder of the built binaries; it may be deleted at any time."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_root() -> Path:
    """Per-user folder that holds one folder for each running stack."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def stack_directory(name: str) -> Path:
    """Folder of the stack of that name.

    Raises:
        StackError: the name is not one to four dozen lower-case letters, digits and dashes.
    """
    if not _NAME.fullmatch(name):
        raise StackError(
            f"{name!r} is no name for a stack: use up to 40 lower-case letters, digits and dashes."
        )
    return state_root() / name


def go_module(name: str) -> Path:
    """Folder with the go.mod and go.sum of that build."""
    package = Path(__file__).parent
    in_wheel = package / "gomods" / name
    return in_wheel if in_wheel.is_dir() else package.parent / "gomods" / name


def _xdg(variable: str, default: str) -> Path:
    # The XDG specification says to ignore a relative path.
    given = Path(os.environ.get(variable, ""))
    return (given if given.is_absolute() else Path.home() / default) / "governor-local"
