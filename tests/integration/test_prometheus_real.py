"""promql checks on a real Prometheus 3: what it says is what is measured."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governor.adapters.instruments import Instruments
from governor.adapters.prometheus import PrometheusInstrument
from governor.api.source import SourceSpec
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.outcomes import Absence, Fault, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.stack import Stack


@pytest.fixture(scope="module")
async def prometheus(stack: Stack) -> AsyncIterator[PrometheusInstrument]:
    """The instrument that a source for the stack's Prometheus gets."""
    source = {"allowedNamespaces": {"from": "All"}, "prometheus": {"url": stack.prometheus.url}}
    made = Instruments().make("prometheus", SourceSpec.model_validate(source), {})
    assert isinstance(made, PrometheusInstrument)
    yield made
    await made.close()


async def measure(
    source: PrometheusInstrument, query: str, reduce: Any = None, at: datetime | None = None
) -> Outcome:
    probe = Promql(source_ref=SourceRef(name="prometheus"), query=query, reduce=reduce)
    return await source.measure(probe, at or datetime.now(UTC))


TWO = 'vector(1) or label_replace(vector(3), "side", "right", "", "")'
NAN_AMONG_TWO = 'vector(1) or label_replace(vector(0) / 0, "side", "right", "", "")'

NUMBERS = {
    "a scalar": ("0.25", 0.25),
    "a vector": ("vector(0.75)", 0.75),
    "a large number": ("vector(1e21)", 1e21),
    "a small number": ("vector(-1.5e-9)", -1.5e-9),
    "infinity": ("vector(1) / 0", math.inf),
    "minus infinity": ("vector(-1) / 0", -math.inf),
    "a comment at the end": ("vector(1) # and no line end", 1.0),
}


@pytest.mark.parametrize(("query", "value"), NUMBERS.values(), ids=NUMBERS)
async def test_a_number_is_measured(
    prometheus: PrometheusInstrument, query: str, value: float
) -> None:
    """Scalars and vectors of one series, infinities included."""
    assert await measure(prometheus, query) == Measurement(value=value)


async def test_nan_is_measured_as_nan(prometheus: PrometheusInstrument) -> None:
    """The judge, not the probe, makes NoData of it."""
    outcome = await measure(prometheus, "vector(0) / 0")

    assert isinstance(outcome, Measurement)
    assert math.isnan(outcome.value)


async def test_the_time_of_the_query_is_the_time_that_was_asked_for(
    prometheus: PrometheusInstrument,
) -> None:
    """All queries of a run carry the same time: the next tenth of a second after its start."""
    at = datetime.now(UTC).replace(microsecond=123_000) - timedelta(minutes=3)
    tenth = at.replace(microsecond=200_000)

    outcome = await measure(prometheus, "time()", at=at)

    assert isinstance(outcome, Measurement)
    assert outcome.value == pytest.approx(tenth.timestamp(), abs=1e-4)


async def test_no_series_is_no_data(prometheus: PrometheusInstrument) -> None:
    """A metric that nobody emits is EmptyResult."""
    outcome = await measure(prometheus, "sli:nobody_emits_this:5m")

    assert isinstance(outcome, Absence)
    assert outcome.reason is Reason.EMPTY_RESULT


@pytest.mark.parametrize(
    ("query", "reason", "words"),
    [
        ("sum(", Reason.QUERY_INVALID, "parse error"),
        ("no_such_function(1)", Reason.QUERY_INVALID, "unknown function"),
        (
            f"({TWO}) * on() ({TWO})",
            Reason.QUERY_INVALID,
            "many-to-many matching not allowed",
        ),
        (TWO, Reason.SEVERAL_SERIES, "2 series"),
        ('"text"', Reason.NOT_A_NUMBER, "string"),
        ("vector(1)[1m:1s]", Reason.NOT_A_NUMBER, "matrix"),
        ("quantile(2, vector(1))", Reason.QUERY_WARNING, "quantile value should be between"),
    ],
    ids=["400", "400 too", "422", "several series", "string", "matrix", "warning"],
)
async def test_what_gives_no_number_is_an_error(
    prometheus: PrometheusInstrument, query: str, reason: Reason, words: str
) -> None:
    """Each with its own reason, and Prometheus' own words where it has some."""
    outcome = await measure(prometheus, query)

    assert isinstance(outcome, Fault)
    assert (outcome.reason, words in outcome.message) == (reason, True), outcome


async def test_an_info_is_no_warning(prometheus: PrometheusInstrument) -> None:
    """Prometheus informs that this might be no counter, and gives the rate all the same."""
    gauge = 'label_replace(vector(time()), "__name__", "some_gauge", "", "")'

    outcome = await measure(prometheus, f"rate(({gauge})[10s:1s])")

    assert isinstance(outcome, Measurement)
    assert outcome.value == pytest.approx(1)


@pytest.mark.parametrize(
    ("reduce", "value"), [("Max", 3.0), ("Min", 1.0), ("Sum", 4.0), ("Avg", 2.0)]
)
async def test_several_series_can_be_reduced(
    prometheus: PrometheusInstrument, reduce: str, value: float
) -> None:
    """Reduce makes one number of them."""
    assert await measure(prometheus, TWO, reduce) == Measurement(value=value)


@pytest.mark.parametrize("reduce", ["Max", "Min", "Sum", "Avg"])
async def test_reducing_hides_no_nan(prometheus: PrometheusInstrument, reduce: str) -> None:
    """One NaN among the series makes the whole not finite."""
    outcome = await measure(prometheus, NAN_AMONG_TWO, reduce)

    assert isinstance(outcome, Measurement)
    assert not math.isfinite(outcome.value)


async def test_a_query_that_takes_too_long(stack: Stack) -> None:
    """Prometheus gives up before we do and says so; either way it is Timeout."""
    source = {
        "allowedNamespaces": {"from": "All"},
        "prometheus": {"url": stack.prometheus.url, "timeout": "1s"},
    }
    impatient = Instruments().make("prometheus", SourceSpec.model_validate(source), {})
    assert isinstance(impatient, PrometheusInstrument)
    day_by_day = "sum_over_time(vector(1)[1d:100ms])"
    slow = f"avg_over_time({day_by_day}[30m:1s])"

    outcome = await measure(impatient, slow)
    await impatient.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TIMEOUT


async def test_the_version(prometheus: PrometheusInstrument) -> None:
    """The build says which Prometheus it is."""
    assert (await prometheus.version()).startswith("3.")
