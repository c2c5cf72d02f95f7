"""promql: one number from one instant query."""

from typing import Annotated, Literal

from pydantic import Field

from governor.probes.base import PromProbe


class Promql(PromProbe):
    """The value of one instant query. An empty or non-finite answer is NoData."""

    query: Annotated[str, Field(min_length=1, max_length=4096)]
    """The PromQL expression, 1 to 4096 characters. It should give one number: a scalar,
    or a vector of one series."""

    reduce: Literal["Max", "Min", "Sum", "Avg"] | None = None
    """How to make one number of several series: Max, Min, Sum or Avg.
    Default: none; several series are then an Error."""
