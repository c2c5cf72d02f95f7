"""What a decision takes into account beside the policy itself: as data, gathered before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """A GovernanceMute of the policy's namespace that names the policy."""

    uid: str
    name: str
    checks: tuple[str, ...]
    """Empty: all of them, and the findings of the policy as a whole."""
    reason: str
    owner: str
    expires_at: datetime


class ChannelKind(StrEnum):
    """How a channel is told."""

    LEVEL = "level"
    """Alertmanager: told again and again what is open, by `domain.alerts`; never logged."""
    CHAT = "chat"
    """Can't tell a repetition: a delivery is noted before anything else is sent."""
    EVENTS = "events"
    """Deduplicates by the transition's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """A channel that a policy names, as the policy's namespace may use it."""

    kind: ChannelKind | None
    """None: it may not be told, and `fault` says why."""
    fault: tuple[str, str] | None = None
    """`ChannelNotFound`, `ChannelForbidden` or `ChannelInvalid`, and a message with the remedy.
    What the channel is owed waits until that is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is around a policy at the time of a decision."""

    mutes: tuple[Mute, ...] = ()
    channels: Mapping[str, ChannelView] = field(default_factory=dict)
    """Every channel that the policy names."""
    remediation: Mapping[str, str | None] = field(default_factory=dict)
    """Source → why it may not be remediated from here; None: it may."""
