"""How often, how long and how fast channels are told."""

from dataclasses import dataclass

from governor.app import resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace(resources.Pace):
    """Times in seconds, beside those that all directories have."""

    writing: float = 5.0
    """Between two writes of one channel's status."""

    message: float = 35.0
    """How long one message may take: longer than any notifier gives itself."""

    round: float = 30.0
    """How long one round of alerts may take: several batches to several Alertmanagers."""

    first_backoff: float = 1.0
    """How long a channel is left alone after a failure; doubled by each further one."""

    longest_backoff: float = 60.0
    """So long at most."""

    longest_busy: float = 3600.0
    """So long at most is a channel left alone because it said so itself."""

    collecting: float = 1.0
    """How long a chat's messages are gathered before they are looked at together."""

    window: float = 60.0
    """In any such time, a chat gets at most `digestAfter` messages."""

    posting: float = 60.0
    """Between two rounds of alerts."""

    poking: float = 0.5
    """How long changes are gathered before a round out of turn."""
