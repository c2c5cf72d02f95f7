"""Moments as the API spells them: RFC 3339 with a zone, such as `2026-12-01T08:00:00Z`."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from governor.values.rules import Rule, broken

_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_PATTERN = rf"^20[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"


def _read(text: str) -> datetime | None:
    """The moment, or None if the text is none."""
    if re.fullmatch(_PATTERN, text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # such as 30 February
        return None


_SPELLED = Rule(
    message="write a date and a time with its zone, such as 2026-12-01T08:00:00Z",
    cel=f"self.matches(r'{_PATTERN}') && !format.datetime().validate(self).hasValue()",
    holds=lambda text: _read(text) is not None,
)


def _spelled(value: object) -> datetime:
    """The moment that a text says; what is a moment already, as it is.

    Raises:
        PydanticCustomError: it says none.
    """
    moment = _read(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise broken(_SPELLED)
    return moment


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(
        _spelled, json_schema_input_type=Annotated[str, Field(max_length=40), _SPELLED]
    ),
]
"""A moment of this century. The format `date-time` would not do: by it, the API server takes
zones such as +99:99, and years and separators, that nobody else can read."""


EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
"""Nobody's times, a year from the ends of what can be held: zones and intervals have room there."""

LONG_AGO = datetime.fromtimestamp(0, UTC)
"""When something happened of which nobody can tell."""

Time = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
"""A time in a status. The format `date-time` takes what nobody can reckon with: the year 0, and
ends of the calendar that a zone carries past it. A status with such a time can't be understood."""


def time_said(text: object) -> datetime | None:
    """The moment that a server's text says; None if it says none that can be reckoned with."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def in_seconds(at: datetime) -> str:
    """How a moment is told: in UTC, to the second."""
    return f"{in_utc(at, 'seconds')}Z"


def rfc3339(at: datetime) -> str:
    """The same as servers take it, to the microsecond."""
    return f"{in_utc(at, 'microseconds')}Z"


def in_utc(at: datetime, precision: Literal["seconds", "microseconds"]) -> str:
    """A moment in UTC, without its zone: of years with four digits, however early they are."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision)
