"""The judge: every outcome against every objective."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.domain.judging import MESSAGE_LENGTH, describe, judge, number, one_line
from governor.values.objectives import Direction, Objective
from governor.values.outcomes import Absence, Fault, Measurement
from governor.values.reasons import Reason, Verdict

ABOVE = Objective(direction=Direction.ABOVE, red_line=0.7, target=0.8)
BELOW = Objective(direction=Direction.BELOW, red_line=8.0, target=2.0)
NO_TARGET = Objective(direction=Direction.BELOW, red_line=0.2)

numbers = st.floats(-1e9, 1e9)


@st.composite
def objectives(draw: st.DrawFn) -> Objective:
    """Objectives whose target lies on the good side of the red line, as the CRD demands."""
    first, second = sorted((draw(numbers), draw(numbers)))
    direction = draw(st.sampled_from(Direction))
    red_line, target = (first, second) if direction is Direction.ABOVE else (second, first)
    return Objective(
        direction=direction,
        red_line=red_line,
        target=draw(st.sampled_from([None, target])),
        minimum_samples=draw(st.integers(1, 50)),
    )


@pytest.mark.parametrize(
    ("objective", "value", "verdict", "reason", "gap", "message"),
    [
        (ABOVE, 0.62, "Violated", "PastRedLine", 0.08, "0.62 is below the red line 0.7"),
        (ABOVE, 0.7, "Warning", "PastTarget", -0.1, "0.7 is below the target 0.8, red line 0.7"),
        (ABOVE, 0.75, "Warning", "PastTarget", -0.05, "0.75 is below the target 0.8, red line 0.7"),
        (ABOVE, 0.8, "Ok", "Met", 0.0, "0.8 meets the target 0.8"),
        (ABOVE, 0.95, "Ok", "Met", 0.15, "0.95 meets the target 0.8"),
        (BELOW, 9.5, "Violated", "PastRedLine", 1.5, "9.5 is above the red line 8"),
        (BELOW, 8, "Warning", "PastTarget", -6.0, "8 is above the target 2, red line 8"),
        (BELOW, 2, "Ok", "Met", 0.0, "2 meets the target 2"),
        (NO_TARGET, 0.2, "Ok", "Met", 0.0, "0.2 is not above the red line 0.2"),
        (NO_TARGET, 0.05, "Ok", "Met", 0.15, "0.05 is not above the red line 0.2"),
        (NO_TARGET, 0.200001, "Violated", "PastRedLine", 0.000001, "0.2 is above the red line 0.2"),
    ],
)
def test_a_value_is_judged_against_its_lines(
    objective: Objective, value: float, verdict: str, reason: str, gap: float, message: str
) -> None:
    """On the line is not past it; the gap tells how far, from where it matters."""
    judged = judge(objective, Measurement(value=value))

    assert (judged.verdict, judged.reason) == (verdict, reason)
    assert judged.gap == pytest.approx(gap, abs=1e-12)
    assert judged.value == value
    assert judged.message == message


@given(objectives(), st.sampled_from([math.nan, math.inf, -math.inf]), st.none() | st.integers())
def test_what_is_not_finite_never_passes(
    objective: Objective, value: float, samples: int | None
) -> None:
    """NaN and the infinities are NoData, whatever the lines."""
    judged = judge(objective, Measurement(value=value, samples=samples))

    assert judged.verdict is Verdict.NO_DATA
    assert judged.reason is Reason.NON_FINITE
    assert judged.message == f"the value is {value}, not a finite number"
    assert (judged.value, judged.gap, judged.samples) == (None, None, samples)


@given(objectives(), st.sampled_from(Reason), st.text())
def test_an_absence_is_no_data_and_a_fault_is_an_error(
    objective: Objective, reason: Reason, message: str
) -> None:
    """Neither carries a number, and each keeps its reason."""
    absent = judge(objective, Absence(reason=reason, message=message))
    failed = judge(objective, Fault(reason=reason, message=message))

    assert (absent.verdict, absent.reason, absent.value) == (Verdict.NO_DATA, reason, None)
    assert (failed.verdict, failed.reason, failed.value) == (Verdict.ERROR, reason, None)


@given(objectives(), numbers, st.integers(-5, 100))
def test_too_few_samples_never_pass(objective: Objective, value: float, samples: int) -> None:
    """A verdict needs as many samples as the objective demands; exactly as many do."""
    judged = judge(objective, Measurement(value=value, samples=samples))

    if samples < objective.minimum_samples:
        assert (judged.verdict, judged.reason) == (Verdict.NO_DATA, Reason.TOO_FEW_SAMPLES)
        assert judged.message == f"{samples} of at least {objective.minimum_samples} samples"
        assert judged.samples == samples
    else:
        assert judged.verdict.measured
        assert judged.samples == samples


def test_unknown_samples_pass_only_where_none_are_demanded() -> None:
    """A query that does not count its samples can't show that it has enough."""
    demanding = Objective(direction=Direction.ABOVE, red_line=0.7, minimum_samples=2)

    judged = judge(demanding, Measurement(value=0.9))

    assert judged.reason is Reason.TOO_FEW_SAMPLES
    assert judged.message == (
        "2 samples are required, but the query does not tell how many it has: "
        "add a column named samples"
    )
    assert judge(ABOVE, Measurement(value=0.9)).verdict is Verdict.OK


@given(objectives(), numbers, numbers)
def test_judging_is_monotone(objective: Objective, one: float, other: float) -> None:
    """A better value never has a worse verdict."""
    worse, better = sorted((one, other), reverse=objective.direction is Direction.BELOW)
    enough = objective.minimum_samples

    low = judge(objective, Measurement(value=worse, samples=enough))
    high = judge(objective, Measurement(value=better, samples=enough))

    assert low.verdict.rank <= high.verdict.rank


@given(objectives(), numbers)
def test_gap_and_verdict_agree(objective: Objective, value: float) -> None:
    """Violated: a distance past the red line. Warning: short of the target. Ok: not short."""
    judged = judge(objective, Measurement(value=value, samples=objective.minimum_samples))

    assert judged.gap is not None
    match judged.verdict:
        case Verdict.VIOLATED:
            assert judged.gap >= 0
            assert judged.reason is Reason.PAST_RED_LINE
        case Verdict.WARNING:
            assert judged.gap <= 0
            assert objective.target is not None
        case _:
            assert judged.gap >= 0
            assert judged.reason is Reason.MET


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.25, "0.25"),
        (0.123456, "0.1235"),
        (0.00001234, "1.234e-05"),
        (-3.0, "-3"),
        (1000000.0, "1000000"),
        (1e15, "1000000000000000"),
        (2e18, "2e+18"),
        (100.10, "100.1"),
    ],
)
def test_numbers_read_well(value: float, text: str) -> None:
    """At most 4 decimals, and nothing small is called zero."""
    assert number(value) == text


@given(objectives(), numbers)
def test_a_description_names_the_value(objective: Objective, value: float) -> None:
    """Every message starts with the number that was judged."""
    assert describe(objective, value).startswith(number(value) + " ")


@given(st.text(max_size=600))
def test_text_from_elsewhere_is_made_fit(text: str) -> None:
    """One printable, bounded line, whatever a server said."""
    line = one_line(text)

    assert len(line) <= MESSAGE_LENGTH
    assert line.isprintable()
    assert line == line.strip()


def test_a_long_text_shows_that_it_was_cut() -> None:
    """The cut is visible, and text at the limit is left alone."""
    assert one_line("x" * (MESSAGE_LENGTH + 1)) == "x" * (MESSAGE_LENGTH - 1) + "…"
    assert one_line("x" * MESSAGE_LENGTH) == "x" * MESSAGE_LENGTH
    assert one_line("a\n\tb\x00c") == "a b c"


def test_verdicts_are_ranked_worst_first() -> None:
    """Violated, Error, NoData, Warning, Ok."""
    assert sorted(Verdict, key=lambda v: v.rank) == [
        Verdict.VIOLATED, Verdict.ERROR, Verdict.NO_DATA, Verdict.WARNING, Verdict.OK,
    ]  # fmt: skip
    assert [v for v in Verdict if v.measured] == [Verdict.VIOLATED, Verdict.WARNING, Verdict.OK]
