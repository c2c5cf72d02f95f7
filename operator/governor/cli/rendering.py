"""Results as a table for people and as JSON for programs."""

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from governor.cli.measuring import Result, worst
from governor.domain.entries import rounded
from governor.domain.judging import number

_TITLES = ("NAMESPACE", "POLICY", "CHECK", "VERDICT", "VALUE", "GAP", "REASON", "MESSAGE")
_NOTHING = "-"


def table(results: Sequence[Result]) -> str:
    """One line a check, in columns as kubectl has them."""
    return columns([_TITLES, *(_row(result) for result in results)])


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as wide as their widest cells; the first are the titles."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_json(results: Sequence[Result], at: datetime) -> str:
    """Policies with their checks, in the words of a policy's status."""
    policies = [
        {
            "namespace": namespace,
            "name": name,
            "verdict": worst(checks),
            "checks": [_check(result) for result in checks],
        }
        for (namespace, name), group in groupby(results, key=lambda r: (r.namespace, r.policy))
        if (checks := list(group))
    ]
    return json.dumps(
        {"evaluated": at.isoformat(), "verdict": worst(results), "policies": policies}, indent=2
    )


def _row(result: Result) -> tuple[str, ...]:
    judged = result.judgement
    return (
        result.namespace,
        result.policy,
        result.check,
        judged.verdict,
        shown(judged.value),
        shown(judged.gap),
        judged.reason,
        judged.message,
    )


def _check(result: Result) -> dict[str, object]:
    judged = result.judgement
    found = {
        "name": result.check,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "message": judged.message,
        "value": rounded(judged.value),
        "gap": rounded(judged.gap),
        "samples": judged.samples,
    }
    return {key: value for key, value in found.items() if value is not None}


def shown(value: float | None) -> str:
    """A number for people; a dash where there is none."""
    return _NOTHING if value is None else number(value)
