"""promql: what an instant query's answer says, and that garbage never says a number."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.objectives import Direction, Objective
from governor.values.outcomes import Absence, Fault, Measurement
from governor.values.reasons import Reason

REDUCES = ("Max", "Min", "Sum", "Avg")


def promql(reduce: Any = None) -> Promql:
    return Promql(source_ref=SourceRef(name="prometheus"), query="up", reduce=reduce)


def vector(*values: str) -> dict[str, Any]:
    result = [{"metric": {"i": str(i)}, "value": [1.5, v]} for i, v in enumerate(values)]
    return {"resultType": "vector", "result": result}


def as_prometheus_writes(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return f"{'+' if value > 0 else '-'}Inf" if math.isinf(value) else repr(value)


def test_one_series_is_its_value() -> None:
    """A vector of one series is a measurement without samples."""
    assert promql().read(vector("0.75")) == Measurement(value=0.75)


def test_a_scalar_is_its_value() -> None:
    """A scalar is one value."""
    data = {"resultType": "scalar", "result": [1763800000, "42"]}

    assert promql().read(data) == Measurement(value=42.0)


@pytest.mark.parametrize("reduce", [None, *REDUCES])
def test_an_empty_vector_is_no_data(reduce: str | None) -> None:
    """No series is EmptyResult, reduced or not."""
    outcome = promql(reduce).read(vector())

    assert isinstance(outcome, Absence)
    assert outcome.reason is Reason.EMPTY_RESULT


def test_several_series_are_an_error() -> None:
    """Without reduce nobody picks one of several series, and the message says how to."""
    outcome = promql().read(vector("1", "2"))

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.SEVERAL_SERIES
    assert "2 series" in outcome.message
    assert "reduce" in outcome.message


@pytest.mark.parametrize(
    ("reduce", "expected"), [("Max", 4.0), ("Min", 1.0), ("Sum", 7.0), ("Avg", 7 / 3)]
)
def test_reduce_makes_one_of_several(reduce: str, expected: float) -> None:
    """Each way to reduce does what its name says."""
    assert promql(reduce).read(vector("2", "1", "4")) == Measurement(value=expected)


@pytest.mark.parametrize("reduce", REDUCES)
@given(
    finite=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    bad=st.sampled_from(["NaN", "+Inf", "-Inf"]),
    position=st.integers(min_value=0),
)
def test_reduce_never_hides_a_value_that_is_not_finite(
    reduce: str, finite: list[float], bad: str, position: int
) -> None:
    """One NaN or infinity among any number of series makes the result not finite."""
    texts = [as_prometheus_writes(v) for v in finite]
    texts.insert(position % (len(texts) + 1), bad)

    outcome = promql(reduce).read(vector(*texts))

    assert isinstance(outcome, Measurement)
    assert not math.isfinite(outcome.value)


@given(st.floats())
def test_every_float_is_read_as_it_is(value: float) -> None:
    """What Prometheus writes is what is measured, NaN and infinities included."""
    outcome = promql().read(vector(as_prometheus_writes(value)))

    assert isinstance(outcome, Measurement)
    assert outcome.value == value or (math.isnan(value) and math.isnan(outcome.value))


HISTOGRAM = {"count": "2", "sum": "3", "buckets": [[0, "1", "2", "2"]]}


@pytest.mark.parametrize(
    "data",
    [
        {"resultType": "string", "result": [1, "x"]},
        {"resultType": "matrix", "result": []},
        {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, HISTOGRAM]}]},
    ],
    ids=["string", "matrix", "histogram"],
)
def test_what_is_no_number_is_an_error(data: object) -> None:
    """A string, a matrix and a native histogram are NotANumber."""
    outcome = promql().read(data)

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.NOT_A_NUMBER


MALFORMED: dict[str, object] = {
    "nothing": None,
    "a list": [],
    "no type": {"result": []},
    "another type": {"resultType": "table", "result": []},
    "no result": {"resultType": "vector"},
    "result is a map": {"resultType": "vector", "result": {}},
    "a series is no map": {"resultType": "vector", "result": [[1, "2"]]},
    "a series without labels": {"resultType": "vector", "result": [{"value": [1, "2"]}]},
    "a series without value": {"resultType": "vector", "result": [{"metric": {}}]},
    "a number as value": {"resultType": "scalar", "result": [1, 2.0]},
    "a value without time": {"resultType": "scalar", "result": ["2"]},
    "three members": {"resultType": "scalar", "result": [1, "2", "3"]},
    "time is true": {"resultType": "scalar", "result": [True, "2"]},
    "time is a text": {"resultType": "scalar", "result": ["1", "2"]},
    "time is not finite": {"resultType": "scalar", "result": [math.nan, "2"]},
    "time is beyond floats": {"resultType": "scalar", "result": [10**400, "2"]},
    "an empty text": {"resultType": "scalar", "result": [1, ""]},
    "padded": {"resultType": "scalar", "result": [1, " 2"]},
    "a line end": {"resultType": "scalar", "result": [1, "2\n"]},
    "underscores": {"resultType": "scalar", "result": [1, "1_000"]},
    "other digits": {"resultType": "scalar", "result": [1, "٣"]},
    "infinity in full": {"resultType": "scalar", "result": [1, "infinity"]},
    "lower nan": {"resultType": "scalar", "result": [1, "nan"]},
    "hexadecimal": {"resultType": "scalar", "result": [1, "0x1p-2"]},
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_data_is_an_error(data: object) -> None:
    """Data that Prometheus does not write is MalformedAnswer."""
    outcome = promql().read(data)

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.MALFORMED_ANSWER


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(["vector", "scalar", "string", "matrix"])


@given(JSON | st.fixed_dictionaries({"resultType": KINDS | JSON, "result": JSON}))
def test_garbage_never_yields_a_measurement(data: Any) -> None:
    """A measurement needs a pair of a number and a number's text, which garbage lacks."""
    outcome = promql("Max").read(data)

    match outcome:
        case Measurement():
            time, text = data["result"]
            assert data["resultType"] == "scalar"
            assert isinstance(time, int | float)
            assert float(text) == outcome.value or math.isnan(outcome.value)
        case Absence():
            assert data == {"resultType": "vector", "result": []}
        case Fault():
            assert outcome.reason in (Reason.MALFORMED_ANSWER, Reason.NOT_A_NUMBER)


@given(st.data())
def test_a_damaged_vector_is_never_read_in_part(data: st.DataObject) -> None:
    """One series that can't be read makes the whole answer an error, under reduce too."""
    answer = vector("1", "2", "3")
    damaged = json.loads(json.dumps(answer))
    member = data.draw(st.sampled_from(damaged["result"]))
    part = data.draw(st.sampled_from(["metric", "value"]))
    member[part] = data.draw(JSON.filter(lambda junk: not isinstance(junk, dict)))

    outcome = promql("Sum").read(damaged)

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.MALFORMED_ANSWER


def test_what_a_finding_tells() -> None:
    """A finding has the value, the lines and the gap, under the check's name."""
    above = Objective(direction=Direction.ABOVE, red_line=0.7, target=0.8)

    impact = promql().impact("autonomy-rate", 0.62119, above, {})

    assert impact == {
        "name": "autonomy_rate",
        "value": 0.6212,
        "target": 0.8,
        "threshold": 0.7,
        "direction": "Above",
        "gap": 0.0788,
    }


@pytest.mark.parametrize(
    ("direction", "target", "value", "gap"),
    [
        (Direction.ABOVE, 0.8, 0.75, -0.05),
        (Direction.ABOVE, 0.8, 0.9, 0.1),
        (Direction.ABOVE, None, 0.9, 0.2),
        (Direction.BELOW, 0.5, 0.6, -0.1),
        (Direction.BELOW, None, 0.8, 0.1),
    ],
)
def test_the_gap_is_to_the_nearest_line_that_matters(
    direction: Direction, target: float | None, value: float, gap: float
) -> None:
    """Past the red line: how far; else to the target; without one to the red line."""
    objective = Objective(direction=direction, red_line=0.7, target=target)

    assert promql().impact("x", value, objective, {})["gap"] == pytest.approx(gap)


def test_the_kind_says_who_it_is() -> None:
    """Event type, status and next action are the platform's."""
    assert Promql.event_type("km-growth-rate") == "slo_km_growth_rate_violation"
    assert Promql.FINDING_STATUS == "violation"
    assert Promql.OBJECTIVE is None
    assert Promql.GUIDANCE.next_action == "trigger_flywheel_safeguard"
