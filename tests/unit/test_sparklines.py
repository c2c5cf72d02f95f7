"""A line of blocks: one mark a value, low to high, and a gap where there is none."""

import math
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON

from governor.cli.sparklines import BLOCKS, GAP, LEVEL, LONGEST_GAP, sparkline, with_gaps

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([0.3], "▄"),
        ([0.3, 0.3, 0.3], "▄▄▄"),
        ([None], "·"),
        ([None, NAN, INF, -INF], "····"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1, 0], "█▁"),
        ([0.1, None, 0.2], "▁·█"),
        ([5, NAN, 5], "▄·▄"),
        ([-1e308, 0, 1e308], "▁▅█"),
        ([0, 5e-324], "▁█"),
        ([-1, INF, 1], "▁·█"),
    ],
)
def test_the_line(values: list[float | None], line: str) -> None:
    """Letter by letter."""
    assert sparkline(values) == line


@given(st.lists(st.one_of(st.none(), st.floats())))
def test_every_value_has_its_mark(values: list[float | None]) -> None:
    """Higher values are never lower marks; gaps are where there is no finite number."""
    line = sparkline(values)

    assert len(line) == len(values)
    numbers = []
    for value, mark in zip(values, line, strict=True):
        missing = value is None or not math.isfinite(value)
        assert (mark == GAP) == missing
        if not missing:
            numbers.append((value, mark))
    if len({value for value, _ in numbers}) == 1:
        assert {mark for _, mark in numbers} == {LEVEL}
        return
    heights = [BLOCKS.index(mark) for _, mark in sorted(numbers)]
    assert heights == sorted(heights)
    if heights:
        assert (heights[0], heights[-1]) == (0, len(BLOCKS) - 1)


def slots(*minutes: float) -> list[datetime]:
    return [NOON + timedelta(minutes=each) for each in minutes]


@pytest.mark.parametrize(
    ("minutes", "filled"),
    [
        ([], ()),
        ([0], (0,)),
        ([0, 1], (0, 1)),
        ([0, 1, 2, 5, 6], (0, 1, 2, None, None, 5, 6)),
        ([0, 1, 2, 3, 1000], (0, 1, 2, 3, *[None] * LONGEST_GAP, 1000)),
        ([0, 0, 0], (0, 0, 0)),
        ([0, 60, 61, 62], (0, *[None] * LONGEST_GAP, 60, 61, 62)),
        ([0, 1, 2, 2.4, 3.4], (0, 1, 2, 2.4, 3.4)),
    ],
)
def test_slots_that_nobody_measured_are_gaps(
    minutes: list[float], filled: tuple[float | None, ...]
) -> None:
    """How far they lie apart is seen from the others."""
    assert with_gaps(slots(*minutes), minutes) == filled
