"""What is kept of a run: every verdict, no number that is none, one record a slot."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, UID, VALUES, blast, policy, slo
from tests.support.measurements import blind, record

from governor.domain.episodes import Run
from governor.domain.measurements import MeasurementRecord, one_a_slot, recorded
from governor.values.outcomes import Measurement, Outcome


def of(*runs: Run) -> tuple[MeasurementRecord, ...]:
    whole = policy(slo("first"), blast("second"), slo("third"))
    return recorded("aiops", "flywheel", UID, 7, whole, runs)


def run(check: str, outcome: Outcome) -> Run:
    at = NOON + timedelta(seconds=2)
    return Run(check=check, slot=NOON, at=at, outcome=outcome, seconds=0.125)


def test_each_check_that_ran_is_kept_with_what_it_was_judged_by() -> None:
    """In the policy's order; a check without a run, and a run without a check, is not there."""
    hallucinated = Measurement(value=0.2, samples=100, facts={"failed": 20}, lists={"ids": ("a",)})
    second, third = of(
        run("third", VALUES["warning"]), run("gone", VALUES["ok"]), run("second", hallucinated)
    )

    assert (second.check_name, second.verdict, second.value, second.samples) == (
        "second",
        "Violated",
        0.2,
        100,
    )
    assert second.objective.red_line == 0.15
    assert (third.namespace, third.policy, third.policy_uid) == ("aiops", "flywheel", UID)
    assert (third.generation, third.slot, third.seconds) == (7, NOON, 0.125)
    assert third.measured_at == NOON + timedelta(seconds=2)
    assert (third.verdict, third.reason, third.value) == ("Warning", "PastTarget", 0.75)


@pytest.mark.parametrize(
    ("outcome", "verdict", "reason"),
    [
        (VALUES["error"], "Error", "Unreachable"),
        (VALUES["nodata"], "NoData", "EmptyResult"),
        (Measurement(value=float("nan")), "NoData", "NonFinite"),
        (Measurement(value=float("-inf")), "NoData", "NonFinite"),
        (Measurement(value=0.9, samples=0), "NoData", "TooFewSamples"),
    ],
)
def test_what_can_not_be_judged_has_no_value(outcome: Outcome, verdict: str, reason: str) -> None:
    """An average over the column is never poisoned, and the gap says why."""
    [kept] = of(run("first", outcome))

    assert (kept.verdict, kept.reason, kept.value) == (verdict, reason, None)


def test_a_value_is_not_rounded() -> None:
    """What was past its line by a hair is seen to be."""
    [kept] = of(run("first", Measurement(value=0.6999999)))

    assert (kept.verdict, kept.value) == ("Violated", 0.6999999)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.booleans()), max_size=30))
def test_one_record_a_slot_and_a_number_if_there_was_any(
    runs: list[tuple[str, int, bool]],
) -> None:
    """The first of a slot, or the first with a number; doing it again changes nothing."""
    records = [
        replace(
            record(value=number / 100) if measured else blind(),
            policy_uid=UID,
            check_name=check,
            slot=NOON + timedelta(minutes=slot),
        )
        for number, (check, slot, measured) in enumerate(runs)
    ]
    kept = one_a_slot(records)

    by_slot: dict[object, list[MeasurementRecord]] = {}
    for each in records:
        by_slot.setdefault((each.check_name, each.slot), []).append(each)
    assert len(kept) == len(by_slot)
    for each, rivals in zip(kept, by_slot.values(), strict=True):
        assert each is next((r for r in rivals if r.value is not None), rivals[0])
    assert one_a_slot(kept) == kept
    assert one_a_slot([*kept, *records]) == kept
