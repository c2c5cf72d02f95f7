"""The tables of bad manifests: the same for the API server and for `governor check`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FILES = sorted((Path(__file__).parents[1] / "data").glob("refused_*.yaml"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A manifest that must be refused, and in which words."""

    case: str
    kind: str
    spec: dict[str, Any]
    server: list[str]
    """The API server's words, one per fault."""
    governor: str
    """Ours, where there is no API server."""


def refusals() -> list[Refusal]:
    """Every row of every table."""
    rows = [row for file in _FILES for row in yaml.safe_load(file.read_text(encoding="utf-8"))]
    return [Refusal(**row | {"spec": _spelled_out(row["spec"])}) for row in rows]


def _spelled_out(value: Any) -> Any:
    """A value with what it repeats repeated."""
    if isinstance(value, dict) and value.keys() == {"repeat", "times"}:
        return value["repeat"] * value["times"]
    if isinstance(value, dict):
        return {key: _spelled_out(below) for key, below in value.items()}
    return [_spelled_out(item) for item in value] if isinstance(value, list) else value
