"""llmHallucination: how often the agents' diagnoses failed verification."""

from typing import Annotated

from pydantic import Field

from governor.probes.base import SqlProbe


class LlmHallucination(SqlProbe):
    """The share of the latest verified incident evidence whose verification failed."""

    window: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many of the latest verified rows to look at, 1 to 10000. Default: 100."""
