"""What the bench makes of its readings, by numbers that can be reckoned by hand."""

import math
from datetime import UTC, datetime

import pytest
from tests.bench.estate import CHECKS, Estate
from tests.bench.reckoning import (
    beyond,
    bucket_quantile,
    by_the_minute,
    difference,
    drift,
    growth_per_hour,
    highest_bound,
    milliseconds_each,
    offset,
    phase,
    quantile,
)
from tests.bench.samples import Samples

from governor.api.policy import PolicySpec
from governor.domain.schedules import slot_at

BUCKETS = [(0.1, 50.0), (0.2, 90.0), (0.5, 90.0), (1.0, 100.0), (math.inf, 100.0)]
UID = "6f1c1f0e-8a52-4a53-9d0e-0c2f3a4b5c6d"
TEXT = """\
# TYPE runs counter
runs_total{kind="a",code="200"} 3
runs_total{kind="a",code="409"} 1
runs_total{kind="b",code="200"} 5
others_total 7
late_bucket{kind="a",le="0.5"} 2
late_bucket{kind="b",le="0.5"} 1
late_bucket{kind="a",le="+Inf"} 4
late_bucket{kind="b",le="+Inf"} 1
"""


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(0.25, 0.05), (0.5, 0.1), (0.7, 0.15), (0.9, 0.2), (0.95, 0.75), (1.0, 1.0)],
)
def test_a_quantile_lies_evenly_in_its_bucket(share: float, wanted: float) -> None:
    """Empty buckets are passed over."""
    assert bucket_quantile(BUCKETS, share) == pytest.approx(wanted)


def test_a_quantile_beyond_the_last_bound_is_that_bound() -> None:
    """More than that is not known."""
    assert bucket_quantile([(1.0, 1.0), (math.inf, 10.0)], 0.99) == pytest.approx(1.0)


@pytest.mark.parametrize("buckets", [[], [(1.0, 0.0), (math.inf, 0.0)]])
def test_of_nothing_there_is_no_quantile(buckets: list[tuple[float, float]]) -> None:
    """Nor a highest one."""
    assert bucket_quantile(buckets, 0.5) is None
    assert highest_bound(buckets) is None
    assert quantile([], 0.5) is None


def test_the_ends_of_a_histogram() -> None:
    """The highest that holds something, and what lies above a bound."""
    assert highest_bound(BUCKETS) == pytest.approx(1.0)
    assert math.isinf(highest_bound([(1.0, 1.0), (math.inf, 2.0)]) or 0)
    assert beyond(BUCKETS, 0.2) == pytest.approx(10)
    assert beyond(BUCKETS, 1.0) == pytest.approx(0)


def test_a_quantile_of_values_is_one_of_them() -> None:
    """The nearest rank."""
    values = [float(each) for each in range(100, 0, -1)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]


def test_cpu_falls_to_each_check() -> None:
    """In milliseconds; without checks there is nothing to say."""
    assert milliseconds_each(1.5, 3000) == pytest.approx(0.5)
    assert milliseconds_each(1.5, 0) is None


def test_the_phase_is_the_operators() -> None:
    """Two reckonings of one rule."""
    at = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)
    slot = slot_at(UID, 60, at).timestamp()
    assert slot % 60 == pytest.approx(phase(UID, 60), abs=1e-3)


@pytest.mark.parametrize("late", [-0.499, -0.001, 0.0, 0.002, 29.9])
def test_an_offset_has_a_sign(late: float) -> None:
    """A run that starts early is not a whole interval late."""
    slot = 1_800_000_000 + phase(UID, 60)
    assert offset(slot + late, UID, 60) == pytest.approx(late, abs=1e-3)


def test_drift_is_the_last_minute_less_the_first() -> None:
    """By medians: one late run is no drift."""
    runs = [(60.0 * minute + second, 0.001 * minute) for minute in range(5) for second in range(60)]
    assert drift([*runs, (241.0, 30.0)]) == pytest.approx(0.004)
    assert drift(runs[:60]) is None


def test_a_trend_is_told_by_the_minute() -> None:
    """By the last value of each; nothing new is no gap."""
    assert by_the_minute([(30, 1), (80, 2), (89, 3), (91, 4), (300, 5)]) == [3, 4, 4, 4, 5]
    assert by_the_minute([]) == []


def test_growth_is_a_line_through_all_points() -> None:
    """Per hour; a level line does not grow, and a point is no line."""
    assert growth_per_hour([(0, 100), (1800, 110), (3600, 120)]) == pytest.approx(20)
    assert growth_per_hour([(0, 100), (10, 90), (20, 100)]) == pytest.approx(0)
    assert growth_per_hour([(0, 100)]) is None
    assert growth_per_hour([]) is None


def test_samples_add_up_by_labels() -> None:
    """What was not asked for is not there."""
    samples = Samples.parse(TEXT, ("runs", "late"))
    assert samples.total("runs_total") == pytest.approx(9)
    assert samples.total("runs_total", code="200") == pytest.approx(8)
    assert samples.by("runs_total", "kind") == {("a",): 4, ("b",): 5}
    assert samples.buckets("late") == [(0.5, 3), (math.inf, 5)]
    assert samples.total("others_total") == pytest.approx(0)


def test_what_is_new_began_at_0() -> None:
    """In samples, and in plain figures."""
    earlier = Samples.parse('runs_total{kind="a",code="200"} 2\n', ("runs",))
    later = Samples.parse(TEXT, ("runs",)).minus(earlier)
    assert later.by("runs_total", "kind") == {("a",): 2, ("b",): 5}
    assert difference({"a": 3, "b": 1}, {"a": 1}) == {"a": 2, "b": 1}


def test_every_policy_is_understood_and_has_texts_of_its_own() -> None:
    """Five checks, of which four are queries that nobody else asks."""
    manifests = list(Estate(policies=30, flipping=3).manifests())
    queries = [
        check["promql"]["query"]
        for manifest in manifests
        for check in manifest["spec"]["checks"]
        if "promql" in check
    ]
    assert len(set(queries)) == len(queries) == 30 * (CHECKS - 1)
    assert len({m["metadata"]["name"] for m in manifests}) == 30
    for manifest in manifests:
        assert len(PolicySpec.model_validate(manifest["spec"]).checks) == CHECKS


@pytest.mark.parametrize("leap", [0, 10**10])
def test_a_value_says_when_it_was_evaluated(leap: int) -> None:
    """To the millisecond, flipped or not."""
    moment = 1_795_000_000.125
    value = moment + 4 * 1234 + 2 + leap
    found = Estate(policies=2000).evaluated_at("policy-01234", "query-2", value)
    assert found == pytest.approx(moment, abs=1e-4)
