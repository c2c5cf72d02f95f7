"""What the findings of promql and sql checks tell alike: one number against its lines."""

from governor.values.objectives import Objective
from governor.values.outcomes import Fact

DECIMALS = 4
"""Values are judged unrounded and stored to so many decimals."""


def underscored(check: str) -> str:
    """A check's name as event types and findings spell it."""
    return check.replace("-", "_")


def slo_impact(check: str, value: float, objective: Objective) -> dict[str, Fact]:
    """`details.impact` of a check whose value means whatever its author wants."""
    return {
        "name": underscored(check),
        "value": round(value, DECIMALS),
        "target": objective.target,
        "threshold": objective.red_line,
        "direction": objective.direction.value,
        "gap": round(_gap(value, objective), DECIMALS),
    }


def _gap(value: float, objective: Objective) -> float:
    """How far past the red line, or else how far on the good side of the target.

    Without a target the red line stands for it.
    """
    if objective.past(value, objective.red_line):
        return -objective.distance(value, objective.red_line)
    line = objective.red_line if objective.target is None else objective.target
    return objective.distance(value, line)
