"""The judge: one outcome against one objective. No data is never a pass."""

import math
from dataclasses import dataclass
from typing import assert_never

from governor.values.lines import flat
from governor.values.objectives import Direction, Objective
from governor.values.outcomes import Absence, Fault, Measurement, Outcome
from governor.values.reasons import Reason, Verdict

MESSAGE_LENGTH = 200
"""Characters of a message that a status keeps."""

_LONGEST_PLAIN = 1e15
"""Larger numbers are told with an exponent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict and why."""

    verdict: Verdict
    reason: Reason
    message: str
    value: float | None = None
    """As measured, unrounded; None where there was no finite number."""
    gap: float | None = None
    """Violated: how far past the red line. Else how far on the good side of the
    target, or of the red line where there is no target."""
    samples: int | None = None


def judge(objective: Objective, outcome: Outcome) -> Judgement:
    """The verdict on one outcome."""
    match outcome:
        case Fault():
            return Judgement(
                verdict=Verdict.ERROR, reason=outcome.reason, message=one_line(outcome.message)
            )
        case Absence():
            return _no_data(outcome.reason, one_line(outcome.message))
        case Measurement():
            return _judge(objective, outcome)
        case _:
            assert_never(outcome)


def _judge(objective: Objective, measured: Measurement) -> Judgement:
    value, samples = measured.value, measured.samples
    if not math.isfinite(value):
        return _no_data(Reason.NON_FINITE, f"the value is {value}, not a finite number", samples)
    if samples is None and objective.minimum_samples > 1:
        return _no_data(
            Reason.TOO_FEW_SAMPLES,
            f"{objective.minimum_samples} samples are required, but the query does not tell how "
            "many it has: add a column named samples",
        )
    if samples is not None and samples < objective.minimum_samples:
        return _no_data(
            Reason.TOO_FEW_SAMPLES,
            f"{samples} of at least {objective.minimum_samples} samples",
            samples,
        )
    verdict, reason, gap = _compare(objective, value)
    return Judgement(
        verdict=verdict,
        reason=reason,
        message=describe(objective, value),
        value=value,
        gap=gap,
        samples=samples,
    )


def _no_data(reason: Reason, message: str, samples: int | None = None) -> Judgement:
    return Judgement(verdict=Verdict.NO_DATA, reason=reason, message=message, samples=samples)


def _compare(objective: Objective, value: float) -> tuple[Verdict, Reason, float]:
    if objective.past(value, objective.red_line):
        gap = -objective.distance(value, objective.red_line)
        return Verdict.VIOLATED, Reason.PAST_RED_LINE, gap
    if objective.target is None:
        return Verdict.OK, Reason.MET, objective.distance(value, objective.red_line)
    gap = objective.distance(value, objective.target)
    if objective.past(value, objective.target):
        return Verdict.WARNING, Reason.PAST_TARGET, gap
    return Verdict.OK, Reason.MET, gap


def describe(objective: Objective, value: float) -> str:
    """A measured value against its lines, for a person: `0.62 is below the red line 0.7`."""
    side = "below" if objective.direction is Direction.ABOVE else "above"
    red_line, target = number(objective.red_line), objective.target
    if objective.past(value, objective.red_line):
        return f"{number(value)} is {side} the red line {red_line}"
    if target is None:
        return f"{number(value)} is not {side} the red line {red_line}"
    if objective.past(value, target):
        return f"{number(value)} is {side} the target {number(target)}, red line {red_line}"
    return f"{number(value)} meets the target {number(target)}"


def number(value: float) -> str:
    """A number for people: at most 4 decimals, or 4 significant digits where it is small."""
    rounded = round(value, 4)
    if rounded == 0 or abs(value) > _LONGEST_PLAIN:
        return f"{value:.4g}"
    return f"{rounded:.4f}".rstrip("0").rstrip(".")


def one_line(text: str) -> str:
    """Text from elsewhere, fit for a status: one line, printable, bounded."""
    line = flat(text)
    return line if len(line) <= MESSAGE_LENGTH else line[: MESSAGE_LENGTH - 1] + "…"
