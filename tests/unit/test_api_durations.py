"""Durations: read as they are spelled, refused with a remedy, the same in every field."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from governor.values.durations import PATTERN, Age, Duration, Interval, Timeout, seconds

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

durations = st.builds(
    lambda number, unit: f"{number}{unit}", st.integers(1, 999_999), st.sampled_from(sorted(UNITS))
)


def accepts(kind: object, text: str) -> bool:
    """Whether a field of that kind takes the text."""
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


@given(durations)
def test_a_duration_lasts_its_number_times_its_unit(text: str) -> None:
    """And whatever is so spelled is a duration."""
    assert accepts(Duration, text)
    assert seconds(text) == int(text[:-1]) * UNITS[text[-1]]


@given(st.text(alphabet="0159smhdw.+- \n", max_size=8))
def test_nothing_else_is_a_duration(text: str) -> None:
    """Duration and pattern agree, to the last line break."""
    assert accepts(Duration, text) == (re.fullmatch(PATTERN.strip("^$"), text) is not None)


@given(durations)
def test_an_interval_is_a_multiple_of_5s_from_5s_to_7d(text: str) -> None:
    """Nothing that the timers could not keep."""
    assert accepts(Interval, text) == (seconds(text) in range(5, 7 * 86400 + 1, 5))


@given(durations)
def test_an_age_is_at_most_3650_days(text: str) -> None:
    """Nothing that would lead before the year 1."""
    assert accepts(Age, text) == (seconds(text) <= 3650 * 86400)


@given(durations)
def test_a_timeout_is_at_most_30_seconds(text: str) -> None:
    """Nothing that would hold a connection for long."""
    assert accepts(Timeout, text) == (seconds(text) <= 30)


@pytest.mark.parametrize(
    "same", [("120s", "2m"), ("3600s", "60m", "1h"), ("604800s", "10080m", "168h", "7d")]
)
def test_a_duration_can_be_spelled_in_several_units(same: tuple[str, ...]) -> None:
    """The unit is a convenience, not a meaning."""
    assert len({seconds(text) for text in same}) == 1
    assert all(accepts(Interval, text) for text in same)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("1h30m", "write one whole number and s, m, h or d, such as 90s, 15m or 7d"),
        ("4s", "choose a multiple of 5s from 5s to 7d"),
        ("8d", "choose a multiple of 5s from 5s to 7d"),
        ("61s", "choose a multiple of 5s from 5s to 7d"),
    ],
)
def test_a_refusal_names_the_remedy(text: str, remedy: str) -> None:
    """One message per value, not one per rule."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Interval).validate_python(text)

    assert [error["msg"] for error in refused.value.errors()] == [remedy]
