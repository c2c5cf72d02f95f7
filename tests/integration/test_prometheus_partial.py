"""Answers that lack data, or are more than a check can use: what Thanos and its kin may say."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.http_world import HttpWorld, answering, http_world

from governor.adapters.prometheus import PrometheusInstrument, make_prometheus
from governor.api.source import PrometheusSource
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.outcomes import Fault, Measurement
from governor.values.reasons import Reason

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HALF = Measurement(value=0.5)
GOOD = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1, "0.5"]}})
PROBE = Promql(source_ref=SourceRef(name="prometheus"), query="up")


def instrument(world: HttpWorld, **fields: Any) -> PrometheusInstrument:
    spec = PrometheusSource.model_validate({"url": world.url, **fields})
    return make_prometheus("prometheus", spec, {})


@pytest.mark.parametrize(("allowed", "sent"), [(None, "false"), (False, "false"), (True, "true")])
async def test_a_query_says_whether_a_part_will_do(allowed: bool | None, sent: str) -> None:
    """As Thanos wants it said, whatever its own default is."""
    async with http_world(answering(200, GOOD)) as world:
        source = instrument(world, partialResponse=allowed)
        await source.measure(PROBE, AT)
        await source.close()

    assert world.asked[0].form["partial_response"] == sent


PARTIAL: Mapping[str, tuple[dict[str, Any], Reason | None]] = {
    "a store is down": ({"warnings": ["store-1: rpc error: code = Unavailable"]}, None),
    "a part, as VictoriaMetrics says it": ({"isPartial": True}, None),
    "PromQL's own warning": ({"warnings": ["PromQL warning: odd"]}, Reason.QUERY_WARNING),
    "both": ({"warnings": ["store-1 is down", "PromQL warning: odd"]}, Reason.QUERY_WARNING),
    "warnings that are none": ({"warnings": [1]}, Reason.MALFORMED_ANSWER),
}


@pytest.mark.parametrize("case", PARTIAL)
async def test_a_source_may_take_partial_answers(case: str) -> None:
    """The number stands then; what PromQL warns of is no lack of data."""
    fields, reason = PARTIAL[case]
    document = json.dumps({**json.loads(GOOD), **fields})
    async with http_world(answering(200, document)) as world:
        source = instrument(world, partialResponse=True)
        outcome = await source.measure(PROBE, AT)
        await source.close()

    if reason is None:
        assert outcome == HALF
    else:
        assert isinstance(outcome, Fault)
        assert outcome.reason is reason


async def test_a_store_that_is_down_is_not_the_querys_fault() -> None:
    """Thanos without partial responses answers 422 for it; the policy must not stall."""
    said = "expanding series: proxy Series(): rpc error: code = Aborted desc = store-1 is down"
    refusal = json.dumps({"status": "error", "errorType": "execution", "error": said})
    async with http_world(answering(422, refusal)) as world:
        source = instrument(world)
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert outcome == Fault(reason=Reason.PARTIAL_DATA, message=said)


async def test_an_answer_that_is_too_long_says_what_to_do() -> None:
    """It is not read to its end."""
    async with http_world(answering(200, b" " * (2 << 20))) as world:
        source = instrument(world)
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert outcome == Fault(
        reason=Reason.MALFORMED_ANSWER,
        message="the answer is longer than 1048576 bytes: aggregate the query, as with max(…); "
        "or does the url lead elsewhere?",
    )
