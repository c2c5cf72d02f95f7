"""Durations as the API spells them: a whole number and one unit, such as `90s` or `7d`."""

from typing import Annotated

from pydantic import StringConstraints

PATTERN = r"^[1-9][0-9]{0,5}(s|m|h|d)$"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Duration = Annotated[str, StringConstraints(pattern=PATTERN, max_length=7)]
"""A positive duration, as `PATTERN` says."""


def seconds(duration: str) -> int:
    """The length of a duration in seconds."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]
