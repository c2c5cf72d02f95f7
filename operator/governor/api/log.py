"""GovernancePolicy.status.pending: the log of what is yet to be told.

Bounds are wide on purpose, as in `api.status`.
"""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from governor.values.model import StatusModel
from governor.values.moments import Time
from governor.values.objectives import Direction
from governor.values.rules import Distinct

Count = Annotated[int, Field(ge=0)]
Word = Annotated[str, Field(max_length=253)]
Message = Annotated[str, Field(max_length=4096)]
Json = Annotated[str, Field(max_length=16384)]


class Transition(StrEnum):
    """What an entry of the log tells."""

    OPEN = "open"
    RESOLVE = "resolve"
    BLIND = "blind"
    MEASURABLE = "measurable"
    REMINDER = "reminder"
    DISPATCH = "dispatch"
    WOULD_REMEDIATE = "would_remediate"
    REMEDIATE = "remediate"
    REMEDIATED = "remediated"


class Target(StrEnum):
    """Whom an entry is yet to be told; beside these, channels (`channel_target`)."""

    SINK = "sink"
    EVENT = "event"
    DISPATCH = "dispatch"
    REMEDIATION = "remediation"


_CHANNEL = "channel/"


def channel_target(name: str) -> str:
    """The target that is the GovernanceChannel of that name."""
    return _CHANNEL + name


def channel_of(target: str) -> str | None:
    """The name of the channel that a target is; None if it is another."""
    return target.removeprefix(_CHANNEL) if target.startswith(_CHANNEL) else None


class EntryObjective(StatusModel):
    """The objective that was judged by."""

    direction: Direction
    """On which side of the lines the value is good."""
    red_line: float
    """Past this value the check is Violated."""
    target: float | None = None
    """Past this value the check is a Warning."""


class Entry(StatusModel):
    """One transition that is yet to be told, with all that can't be rebuilt later."""

    id: UUID
    """The transition's id; derives from the finding or, where there is none, the check."""

    transition: Transition
    """What happened: open, resolve, blind, measurable, reminder, dispatch, would_remediate,
    remediate or remediated."""

    check: Annotated[str, Field(max_length=64)] = ""
    """The check; empty for findings of the whole policy, `mute/<uid>` for a mute."""

    event_type: Word = ""
    """The kind of finding; empty for blind and measurable, which belong to none."""

    finding: UUID | None = None
    """The finding's id, if the transition belongs to one."""

    opened_at: Time | None = None
    """When the finding was opened."""

    decided_at: Time
    """When the transition was decided."""

    resolved_reason: Word | None = None
    """Why the finding was resolved."""

    generation: Count
    """The generation of the spec that was judged by."""

    severity: Word
    """The severity of the check, or of the policy's finding."""

    reason: Word
    """The reason of the verdict."""

    message: Message = ""
    """Why, for people."""

    value: float | None = None
    """The measured value."""

    gap: float | None = None
    """Past the red line: how far. Else the distance to the target or the red line."""

    samples: Count | None = None
    """How many things the value was computed from."""

    objective: EntryObjective | None = None
    """The objective that was judged by."""

    impact: Json = "{}"
    """JSON object: `details.impact`, numbers and words."""

    lists: Json = "{}"
    """JSON object of lists: playbook ids, errors of checks; cut, with a count."""

    folded: Count = 0
    """How many earlier episodes were folded into this one."""

    targets: Annotated[
        tuple[Annotated[str, Field(max_length=270)], ...], Field(max_length=16), Distinct()
    ]
    """Whom it is yet to be told: sink, event, dispatch, remediation, channel/<name>."""
