"""Durations as the API spells them: a whole number and one unit, such as `90s` or `7d`."""

from typing import Annotated

from pydantic import StringConstraints

from governor.values.rules import Rule

PATTERN = r"^[1-9][0-9]{0,5}(s|m|h|d)$"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# CEL's duration() knows no `d`, and no limits on what it accepts.
_CEL_SECONDS = (
    "int(self.substring(0, size(self) - 1))"
    " * {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[self.substring(size(self) - 1)]"
)
# The API server evaluates rules even where the pattern fails: one refusal is enough.
_CEL_UNREADABLE = f"!self.matches(r'{PATTERN}')"


def seconds(duration: str) -> int:
    """The length of a duration in seconds."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def between(shortest: str, longest: str) -> Rule:
    """Durations from the shortest to the longest, both included."""
    low, high = seconds(shortest), seconds(longest)
    return Rule(
        message=f"choose a duration from {shortest} to {longest}",
        cel=f"{_CEL_UNREADABLE} || [{_CEL_SECONDS}].all(s, s >= {low} && s <= {high})",
        holds=lambda duration: low <= seconds(duration) <= high,
    )


def in_steps_of(step: str) -> Rule:
    """Durations that are multiples of a step."""
    width = seconds(step)
    return Rule(
        message=f"choose a multiple of {step}",
        cel=f"{_CEL_UNREADABLE} || ({_CEL_SECONDS}) % {width} == 0",
        holds=lambda duration: seconds(duration) % width == 0,
    )


Duration = Annotated[str, StringConstraints(pattern=PATTERN, max_length=7)]
"""A positive duration, as `PATTERN` says."""

Interval = Annotated[Duration, between("5s", "7d"), in_steps_of("5s")]
"""How often something is done: timers tick every 5 s at the fastest."""

Age = Annotated[Duration, between("1s", "3650d")]
"""How long ago something may have happened: within the years that dates can name."""

Timeout = Annotated[Duration, between("1s", "30s")]
"""How long a server may take to answer."""
