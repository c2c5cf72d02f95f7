"""GovernanceMute: an expiring exception, with a reason and an owner."""

from typing import Annotated

from pydantic import Field

from governor.api.conditions import Conditions
from governor.values.model import ATOMIC, SpecModel, StatusModel
from governor.values.moments import Moment
from governor.values.names import CheckName, ObjectName, text
from governor.values.rules import Distinct

LONGEST_DAYS = 90
"""So long after its creation a mute may end."""


class PolicyRef(SpecModel):
    """Names a GovernancePolicy."""

    model_config = ATOMIC

    name: ObjectName
    """The name of a GovernancePolicy of the mute's own namespace."""


class MuteSpec(SpecModel):
    """Which checks are silenced, why, whose the exception is, and until when.

    A mute silences telling and acting: notifications, reminders, dispatches, remediation.
    It changes no verdict and no condition, and no Event or row of a finding. It has a row,
    Events and metrics of its own.
    """

    policy_ref: PolicyRef
    """The policy whose checks are silenced."""

    checks: (
        Annotated[tuple[CheckName, ...], Field(min_length=1, max_length=32), Distinct()] | None
    ) = None
    """The checks that are silenced, 1 to 32. Default: all, and the findings of the policy
    as a whole."""

    reason: Annotated[str, text(500)]
    """Why, for whoever asks later; up to 500 characters."""

    owner: Annotated[str, text(100)]
    """Who answers for it; up to 100 characters."""

    expires_at: Moment
    """When it ends, with its zone: at most 90 days after its creation, such as
    2026-12-01T08:00:00Z."""


class MuteStatus(StatusModel):
    """Whether the mute is honoured."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status is about."""

    conditions: Conditions = ()
    """Accepted: whether the mute can be honoured; False with reason TooLong, Expired,
    PolicyNotFound, CheckNotFound, Forbidden or TooMany. Active: whether it silences
    something now."""
