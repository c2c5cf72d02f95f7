"""executionBlastRadius: how often the agents' automatic repairs failed."""

from typing import Annotated

from pydantic import Field

from governor.probes.base import SqlProbe


class ExecutionBlastRadius(SqlProbe):
    """The share of the latest automatic repairs that failed."""

    window: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many of the latest repairs to look at, 1 to 10000. Default: 100."""
