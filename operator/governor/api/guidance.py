"""What people should do about a finding, and whose it is."""

from typing import Annotated

from pydantic import Field

from governor.values.model import SpecModel
from governor.values.names import text


class GuidanceSpec(SpecModel):
    """What a person should do about a finding of this check."""

    remediation: (
        Annotated[tuple[Annotated[str, text(300)], ...], Field(min_length=1, max_length=10)] | None
    ) = None
    """Steps to take, in order; up to 10, each up to 300 characters.
    Default: the probe's own."""

    next_action: Annotated[str, text(100)] | None = None
    """A word for the next action, such as a runbook's name; up to 100 characters.
    Default: the probe's own."""

    hint: Annotated[str, text(500)] | None = None
    """One sentence that helps to understand the finding; up to 500 characters.
    Default: the probe's own."""


class OwnershipSpec(SpecModel):
    """Whose a finding of this check is."""

    lead_agent: Annotated[str, text(100)] | None = None
    """The agent that works on the finding. Default: that of the kind of check."""

    lead_reason: Annotated[str, text(300)] | None = None
    """Why this agent. Default: that of the kind of check, unless leadAgent is set."""

    support_agents: (
        Annotated[tuple[Annotated[str, text(100)], ...], Field(min_length=1, max_length=10)] | None
    ) = None
    """Agents that help; up to 10. Default: those of the kind of check."""

    human_owner: Annotated[str, text(100)] | None = None
    """The person or team that answers for it. Default: that of the kind of check."""

    human_reason: Annotated[str, text(300)] | None = None
    """Why this person or team. Default: that of the kind of check, unless humanOwner is
    set."""
