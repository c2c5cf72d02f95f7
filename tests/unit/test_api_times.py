"""Times of others, as servers spell them: what can't be held in UTC is no time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from tests.support.builders import NOON
from tests.support.forged import ENDS, NEVER, NO_TIMES

from governor.values.moments import EARLIEST, LATEST, Time, in_seconds, rfc3339, time_said

TIME: TypeAdapter[datetime] = TypeAdapter(Time)

every_zone = st.integers(-14 * 60, 14 * 60).map(lambda it: timezone(timedelta(minutes=it)))
near_the_ends = st.one_of(
    st.datetimes(max_value=datetime(2, 1, 2), timezones=every_zone),  # noqa: DTZ001 - hypothesis wants naive bounds
    st.datetimes(min_value=datetime(9998, 12, 30), timezones=every_zone),  # noqa: DTZ001
)


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_says_none(text: object) -> None:
    assert time_said(text) is None


@pytest.mark.parametrize("text", ["0000-06-01T00:00:00Z", "2026-02-03T04:05:06", *ENDS, *NEVER])
def test_a_time_that_nobody_can_reckon_with_is_refused_as_all_nonsense_is(text: str) -> None:
    with pytest.raises(ValidationError):
        TIME.validate_python(text)


@given(at=near_the_ends | st.datetimes(timezones=every_zone))
def test_a_time_is_taken_as_it_is_if_there_is_room_around_it(at: datetime) -> None:
    """And every time that is taken can be told."""
    for given_as in (at, at.isoformat()):
        if not EARLIEST <= at <= LATEST:
            with pytest.raises(ValidationError):
                TIME.validate_python(given_as)
            continue

        taken, there = TIME.validate_python(given_as), at.astimezone(UTC)
        assert (taken, taken.utcoffset()) == (at, at.utcoffset())
        assert datetime.fromisoformat(rfc3339(taken)) == there == time_said(at.isoformat())
        assert datetime.fromisoformat(in_seconds(taken)) == there.replace(microsecond=0)


def test_a_year_has_four_digits_however_early_it_is() -> None:
    """Or an Alertmanager refuses the alerts of all policies that are posted with it."""
    early = NOON.replace(year=501)

    assert rfc3339(early) == "0501-11-22T12:00:00.000000Z"
    assert in_seconds(early) == "0501-11-22T12:00:00Z"
