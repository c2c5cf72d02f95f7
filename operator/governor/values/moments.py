"""Moments as the API spells them: RFC 3339 with a zone, such as `2026-12-01T08:00:00Z`."""

import re
from datetime import UTC, datetime
from typing import Annotated

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


def in_seconds(at: datetime) -> str:
    """How a moment is told: in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339(at: datetime) -> str:
    """The same as servers take it, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
