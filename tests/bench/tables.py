"""A run's figures for programs and for people."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.results import SECOND_START

RESULTS = Path(".bench")
"""Where runs leave their figures: `MODE-N.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Under which a run was made."""

    command: str
    mode: str
    policies: int
    checks: int
    flipping: int
    minutes: float
    cpu: str
    cores: int
    apart: bool
    """Whether the operator had a core to itself."""
    python: str


def as_json(conditions: Conditions, found: Mapping[str, Any]) -> dict[str, Any]:
    """Conditions and figures, as plain data."""
    return {"conditions": asdict(conditions), **found}


def as_table(conditions: Conditions, found: Mapping[str, Any]) -> str:
    """The figures that people compare, as a Markdown table."""
    late, loop = found["lateness_seconds"], found["event_loop"]
    waits = found["kubectl_apply_to_status_seconds"]
    rows = [
        ("policies × checks", f"{conditions.policies} × {conditions.checks}"),
        ("checks a minute", f"{found['checks_per_minute']:.0f}"),
        ("checks that failed", f"{found['faults']:.0f}"),
        *(
            (f"CPU a check, {name}", _number(spent, "ms", 3))
            for name, spent in found["cpu_ms_per_check"].items()
        ),
        ("operator's share of its core", f"{100 * found['cpu_share_of_a_core']['operator']:.1f} %"),
        ("CPU that others took meanwhile", f"{found['cpu_seconds_of_others']:.0f} s"),
        *(
            (f"lateness, {name.replace('_', ' ')}", _number(late[name], "s", 3))
            for name in ("min", "p50", "p99", "max", "p99_by_metric")
        ),
        ("runs seen, of those expected", f"{late['runs_seen']} of {late['runs_expected']:.0f}"),
        ("drift of the grid", _number(found["grid_drift_seconds"], "s", 4)),
        ("event loop's lag, p99", _number(loop["p99"], "s", 3)),
        ("event loop's stalls over 0.1 s", f"{loop['stalls_over_100_ms']:.0f}"),
        *(
            (
                f"memory, {name}",
                f"{of['last_mib']:.0f} MiB, {of['growth_mib_per_hour']:+.0f} an hour",
            )
            for name, of in found["memory"].items()
        ),
        *(
            (f"API writes a minute, {what}", f"{count:.1f}")
            for what, count in found["api"]["writes_per_minute"].items()
        ),
        ("bytes to etcd a minute", f"{found['etcd']['received_bytes_per_minute']:.0f}"),
        ("requests to Prometheus a check", _number(found["prometheus_requests_per_check"], "", 3)),
        ("all policies applied in", f"{found['apply_all_seconds']:.1f} s"),
        ("start to every policy evaluated", f"{found['start_to_all_evaluated_seconds']:.1f} s"),
        *(
            [("second start to every check measured", _number(found[SECOND_START], "s", 1))]
            if SECOND_START in found
            else []
        ),
        *(
            (f"`kubectl apply` to status, {name}", _number(waits[name], "s", 2))
            for name in ("median", "max")
        ),
        ("applied, and not evaluated within a minute", f"{waits['never']:.0f}"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


def _number(value: float | None, unit: str, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f} {unit}".rstrip()
