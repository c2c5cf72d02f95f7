"""Values of checks as tables with a sparkline, and as JSON for programs."""

import json
from collections.abc import Sequence

from governor.adapters.sink.history import Series, Value
from governor.cli.rendering import columns, shown
from governor.cli.sparklines import sparkline, with_gaps
from governor.values.moments import in_seconds, rfc3339

_TITLES = ("SLOT", "VALUE", "TARGET", "RED LINE", "SAMPLES", "VERDICT", "REASON")
WIDEST = 100
"""Marks of a sparkline: the latest."""


def table(namespace: str, policy: str, series: Sequence[Series]) -> str:
    """Each check: its name, its line, and its values, oldest first."""
    return "\n\n".join(_block(f"{namespace}/{policy}", each) for each in series)


def as_json(namespace: str, policy: str, series: Sequence[Series]) -> str:
    """Checks with their values, oldest first, unrounded."""
    checks = [{"name": each.check, "values": [*map(_value, each.values)]} for each in series]
    return json.dumps({"namespace": namespace, "policy": policy, "checks": checks}, indent=2)


def _block(policy: str, series: Series) -> str:
    values = series.values
    filled = with_gaps([value.slot for value in values], [value.value for value in values])
    return "\n".join(
        (
            f"{policy}   {series.check}   {values[-1].objective.direction.value} is good",
            f"{sparkline(filled[-WIDEST:])}   {_range(values)}",
            columns([_TITLES, *map(_row, values)]),
        )
    )


def _range(values: Sequence[Value]) -> str:
    numbers = [value.value for value in values if value.value is not None]
    if not numbers:
        return "no values"
    return f"{shown(min(numbers))} to {shown(max(numbers))}"


def _row(value: Value) -> tuple[str, ...]:
    return (
        in_seconds(value.slot),
        shown(value.value),
        shown(value.objective.target),
        shown(value.objective.red_line),
        "-" if value.samples is None else str(value.samples),
        value.verdict,
        value.reason,
    )


def _value(value: Value) -> dict[str, object]:
    objective = value.objective
    return {
        "slot": rfc3339(value.slot),
        "measuredAt": rfc3339(value.measured_at),
        "durationSeconds": round(value.seconds, 4),
        "verdict": value.verdict,
        "reason": value.reason,
        "value": value.value,
        "samples": value.samples,
        "objective": {
            "direction": objective.direction,
            "target": objective.target,
            "redLine": objective.red_line,
        },
    }
