"""Moments as the API spells them: what is one, and which one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from governor.values.moments import Moment

MOMENT = TypeAdapter(Moment)

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2099-12-31"), timezones=zones
)


@given(moments)
def test_every_moment_of_the_century_is_understood(moment: datetime) -> None:
    """In every zone that there is, to the microsecond."""
    assert MOMENT.validate_python(moment.isoformat()) == moment
    assert MOMENT.validate_json(f'"{moment.isoformat()}"', strict=True) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01T08:00:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01T08:00:00-00:00", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01T08:00:00.5Z", datetime(2026, 12, 1, 8, 0, 0, 500000, tzinfo=UTC)),
        ("2026-12-01T08:00:00.123456789Z", datetime(2026, 12, 1, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2028-02-29T23:59:59+14:00", datetime(2028, 2, 29, 9, 59, 59, tzinfo=UTC)),
    ],
)
def test_other_spellings_of_programs(text: str, moment: datetime) -> None:
    """Nanoseconds are cut."""
    assert MOMENT.validate_python(text) == moment


@pytest.mark.parametrize(
    "value",
    [
        "2026-12-01", "2026-12-01T08:00Z", "2026-12-01T08:00:00", "2026-12-01T08:00:00z",
        "2026-12-01T08:00:00+0100", "2026-12-01T08:00:00+15:00", "2026-12-01T08:00:60Z",
        "2027-02-29T08:00:00Z", "1999-12-31T23:59:59Z", "2026-12-01T08:00:00Z\n", "soon", "", 0,
        1796112000, None, True, {}, [],
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(value: object) -> None:
    """In one and the same words."""
    with pytest.raises(ValidationError, match="write a date and a time with its zone, such as"):
        MOMENT.validate_python(value)


def test_a_moment_is_a_moment_already() -> None:
    """If it knows its zone."""
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)

    assert MOMENT.validate_python(noon) == noon
    with pytest.raises(ValidationError, match="timezone"):
        MOMENT.validate_python(noon.replace(tzinfo=None))
