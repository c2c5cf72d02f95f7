"""A regression of the counts is seen, and nothing else is called one."""

import json

import pytest
from tests.bench.comparing import SLACK, compare, least
from tests.bench.counts import BASELINE, TOLERANCES

TENTH = {"writes": 0.1, "calls": 0.1}


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (100.0, "as before"),
        (109.0, "as before"),
        (110.5, "REGRESSED"),
        (91.0, "as before"),
        (89.5, "improved"),
    ],
)
def test_what_is_beyond_its_tolerance_has_changed(found: float, word: str) -> None:
    """More is a regression, less an improvement."""
    (line,) = compare({"calls": found}, {"calls": 100.0}, TENTH)

    assert str(line).startswith(word)
    assert (line.regressed, line.improved) == (word == "REGRESSED", word == "improved")
    assert str(line).endswith(f"{found:.3f}, was 100.000, may be {110 + SLACK:.3f}")


@pytest.mark.parametrize(("found", "regressed"), [(0.0, False), (0.01, False), (0.03, True)])
def test_nothing_may_become_next_to_nothing_only(found: float, regressed: bool) -> None:
    """Of 0 there is no percentage."""
    (line,) = compare({"writes": found}, {"writes": 0.0}, TENTH)

    assert line.regressed is regressed
    assert not line.improved


def test_a_new_figure_is_told_and_is_no_regression() -> None:
    """It is in the baseline as soon as that is renewed."""
    (line,) = compare({"calls": 7.0}, {}, TENTH)

    assert str(line) == "new        calls: 7.000"
    assert not line.regressed
    assert not line.improved


def test_a_figure_that_is_gone_is_no_improvement() -> None:
    """The error names it and the way out."""
    with pytest.raises(ValueError, match=r"not counted any more: calls; .* RENEW=1"):
        compare({"writes": 0.0}, {"writes": 0.0, "calls": 3.0}, TENTH)


def test_the_committed_baseline_has_every_figure() -> None:
    """And no other: each has a tolerance."""
    assert json.loads(BASELINE.read_text())["figures"].keys() == TOLERANCES.keys()


def test_what_was_counted_once_only_is_no_regression() -> None:
    """Of several counts the least of each figure stands."""
    once, again = {"writes": 3.0, "calls": 90.0}, {"writes": 1.0, "calls": 95.0}

    assert least(once, again) == {"writes": 1.0, "calls": 90.0}
    assert least(once) == once
