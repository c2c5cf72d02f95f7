"""Durations as the API spells them: a whole number and one unit, such as `90s` or `7d`."""

from typing import Annotated

from pydantic import Field

from governor.values.rules import Rule, spelled

PATTERN = r"^[1-9][0-9]{0,5}(s|m|h|d)$"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

# CEL's duration() knows no `d`.
_CEL_SECONDS = (
    "int(self.substring(0, size(self) - 1))"
    " * {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[self.substring(size(self) - 1)]"
)


def seconds(duration: str) -> int:
    """The length of a duration in seconds."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def between(shortest: str, longest: str, *, step: str = "1s") -> Rule:
    """Durations from the shortest to the longest, both included, in steps."""
    low, high, width = seconds(shortest), seconds(longest), seconds(step)
    what = "a duration" if width == 1 else f"a multiple of {step}"
    return Rule(
        message=f"choose {what} from {shortest} to {longest}",
        # The API server asks every rule: what is no duration is for another one to refuse.
        cel=f"!self.matches(r'{PATTERN}') || "
        f"[{_CEL_SECONDS}].all(s, s >= {low} && s <= {high} && s % {width} == 0)",
        holds=lambda duration: low <= seconds(duration) <= high and seconds(duration) % width == 0,
    )


Duration = Annotated[
    str,
    Field(max_length=7),
    spelled(PATTERN, "write one whole number and s, m, h or d, such as 90s, 15m or 7d"),
]
"""A positive duration, as `PATTERN` says."""

Interval = Annotated[Duration, between("5s", "7d", step="5s")]
"""How often something is done: timers tick every 5 s at the fastest."""

Age = Annotated[Duration, between("1s", "3650d")]
"""How long ago something may have happened: within the years that dates can name."""

Timeout = Annotated[Duration, between("1s", "30s")]
"""How long a server may take to answer."""
