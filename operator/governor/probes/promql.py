"""promql: one number from one instant query."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from governor.probes.base import Guidance, PromProbe
from governor.probes.instant import numbers
from governor.probes.slo import slo_impact, underscored
from governor.values.objectives import Objective
from governor.values.outcomes import Absence, Fact, Fault, FaultError, Measurement, Outcome
from governor.values.reasons import Reason

Reduce = Literal["Max", "Min", "Sum", "Avg"]


class Promql(PromProbe):
    """The value of one instant query. An empty or non-finite answer is NoData."""

    FINDING_STATUS = "violation"
    OBJECTIVE = None
    GUIDANCE = Guidance(
        hint="A service level objective is past its red line.",
        next_action="trigger_flywheel_safeguard",
        items=(
            "Look at the query's series over the last day: when did it cross the red line?",
            "Pause the automated work that this objective guards until it recovers",
            "Find the change, the incident or the agent that moved it",
        ),
    )

    query: Annotated[str, Field(min_length=1, max_length=4096)]
    """The PromQL expression, 1 to 4096 characters. It should give one number: a scalar,
    or a vector of one series."""

    reduce: Reduce | None = None
    """How to make one number of several series: Max, Min, Sum or Avg.
    Default: none; several series are then an Error."""

    @classmethod
    def event_type(cls, check: str) -> str:
        return f"slo_{underscored(check)}_violation"

    def impact(
        self, check: str, value: float, objective: Objective, facts: Mapping[str, Fact]
    ) -> dict[str, Fact]:
        del facts  # A query tells its value only.
        return slo_impact(check, value, objective)

    @property
    def expression(self) -> str:
        return self.query

    def read(self, data: object) -> Outcome:
        """One finite or non-finite number, an absence, or why the answer is neither.

        Non-finite values pass: the judge makes NoData of them.
        """
        try:
            values = numbers(data)
        except FaultError as error:
            return error.fault
        if not values:
            return Absence(reason=Reason.EMPTY_RESULT, message="the query gave no series")
        if len(values) == 1:
            return Measurement(value=values[0])
        if self.reduce is None:
            return Fault(
                reason=Reason.SEVERAL_SERIES,
                message=f"the query gave {len(values)} series, not one: aggregate it, as with "
                "max(…), or set reduce",
            )
        return Measurement(value=_reduced(self.reduce, values))


def _reduced(how: Reduce, values: list[float]) -> float:
    """One number of several; not finite as soon as one of them is not.

    max() and min() pass over a NaN or an infinity, which would hide missing data.
    """
    if not all(math.isfinite(value) for value in values):
        return math.nan
    match how:
        case "Max":
            return max(values)
        case "Min":
            return min(values)
        case "Sum":
            return sum(values)
        case "Avg":
            return sum(values) / len(values)
