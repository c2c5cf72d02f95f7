"""The condition type that all resources share."""

from datetime import datetime
from typing import Literal

from governor.values.model import StatusModel


class Condition(StatusModel):
    """As in Kubernetes' metav1.Condition."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: datetime
