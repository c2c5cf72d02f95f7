"""Runs that begin at about the same time ask about the same moment."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from governor.adapters.moments import TENTH, left, moment

times = st.timedeltas(timedelta(0), timedelta(days=30_000)).map(
    lambda since: datetime(2020, 1, 1, tzinfo=UTC) + since
)


@given(at=times)
def test_a_moment_is_on_the_grid_and_never_before_its_run(at: datetime) -> None:
    """To the millisecond that the request carries, and less than a tenth later."""
    asked = moment(at)

    assert timedelta(0) <= asked - at < TENTH
    assert asked.microsecond % 100_000 == 0
    assert left(at) == (asked - at).total_seconds()
    assert moment(asked) == asked


@given(at=times)
def test_there_is_one_moment_a_tenth(at: datetime) -> None:
    """Whoever begins after it has the next one."""
    asked = moment(at)

    assert moment(asked - TENTH + timedelta(microseconds=1)) == asked
    assert moment(asked + timedelta(microseconds=1)) == asked + TENTH
