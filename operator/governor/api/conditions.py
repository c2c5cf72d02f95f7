"""The condition type that all resources share."""

from typing import Annotated, Literal

from pydantic import Field

from governor.values.model import StatusModel
from governor.values.moments import Time
from governor.values.rules import Keyed


class Condition(StatusModel):
    """As in Kubernetes' metav1.Condition."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """What the condition is about, such as Ready or Compliant."""

    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""

    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """One word for why, for programs."""

    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, for people."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The generation of the spec that the condition is about."""

    last_transition_time: Time
    """When the status last changed."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16), Keyed("type")]
"""At most one condition of each type."""
