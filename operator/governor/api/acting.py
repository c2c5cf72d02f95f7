"""GovernancePolicy.spec.checks[].dispatch: a finding becomes a work item."""

from typing import Annotated

from pydantic import Field

from governor.values.model import SpecModel
from governor.values.rules import spelled

Executor = Annotated[
    str,
    Field(max_length=100),
    spelled(
        r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        "write the executor's name: letters, digits, dashes, dots and underscores, such as "
        "hermes_kb_growth_healthcheck",
    ),
]


class DispatchSpec(SpecModel):
    """The work item that is created when a finding of the check opens."""

    executor: Executor
    """Who works on it, as executors claim by; up to 100 letters, digits, dashes, dots and
    underscores."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    """How often an executor may try before the work item has failed, 1 to 100. Default: 1."""

    requires_approval: bool | None = None
    """Whether a person must approve what the executor proposes; the work item says so, and
    the operator does nothing else with it. Default: true."""

    suppress_while_open: bool | None = None
    """Whether reminders rest while the work item is open, or succeeded at most 7 days ago.
    Default: true for knowledgeDegradation, else false."""
