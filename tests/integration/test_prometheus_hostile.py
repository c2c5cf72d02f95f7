"""A policy author's PromQL is one value of one form: it reaches no other path, time or tenant."""

import asyncio
from datetime import UTC, datetime

import pytest
from tests.support.aside import Aside
from tests.support.http_world import Asked, answering_json, http_world

from governor.adapters.prometheus import make_prometheus
from governor.api.source import PrometheusSource
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.outcomes import Fault, Measurement
from governor.values.reasons import Reason

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TOKEN = "planted"
ONE = {"resultType": "vector", "result": [{"metric": {}, "value": [0, "1"]}]}

TRICKS = {
    "another time": "up&time=0&query=secret",
    "an encoded form": "up%26query%3Dsecret",
    "a second query": "up;query=secret",
    "another path": "up /../../admin/tsdb/delete_series?match[]=up",
    "a fragment": "up#&timeout=1h",
    "another request": "up\r\n\r\nPOST /api/v1/admin/tsdb/snapshot HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header": "up\r\nX-Scope-OrgID: other",
    "another tenant's labels": 'up{tenant="other"} or {__name__=~".+"}',
    "a closed bracket": 'up) or (secret{tenant="other"}',
    "text that is no ASCII": "up{a='ä\u2028\u0085'}",
}


@pytest.mark.parametrize("query", TRICKS.values(), ids=TRICKS)
async def test_a_query_arrives_as_it_was_written_and_nothing_else_does(query: str) -> None:
    """What a label proxy in front of the server sees is the author's whole text, to judge by."""
    asked: list[Asked] = []

    async def behave(request: Asked, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        await answering_json(200, {"status": "success", "data": ONE})(request, writer)

    with Aside() as aside:
        server = aside.enter(http_world(behave))
        spec = {
            "url": f"{server.url}/tenants/own",
            "bearerSecretRef": {"name": "access", "key": "token"},
        }
        instrument = make_prometheus(
            "shared", PrometheusSource.model_validate(spec), {"access": {"token": TOKEN.encode()}}
        )
        probe = Promql(source_ref=SourceRef(name="shared"), query=query)
        outcome = await instrument.measure(probe, AT)
        await instrument.close()

    assert outcome == Measurement(value=1)
    [request] = asked
    assert (request.method, request.path) == ("POST", "/tenants/own/api/v1/query")
    assert request.form.keys() == {"query", "time", "timeout", "partial_response"}
    assert request.form["query"] == query
    assert request.form["time"] == f"{AT.timestamp():.3f}"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert "x-scope-orgid" not in request.headers


WIDE = 1_000_000
"""Bytes of labels."""

WIDE_ANSWERS = {
    "of one series, but a little": ([WIDE], None, ""),
    "of one series, and more": (
        [2 * WIDE],
        Reason.MALFORMED_ANSWER,
        "the answer is longer than 1048576 bytes",
    ),
    "of several series": (
        [WIDE // 4] * 3,
        Reason.SEVERAL_SERIES,
        "the query gave 3 series, not one: aggregate it, as with max(…), or set reduce",
    ),
}


@pytest.mark.parametrize("widths", WIDE_ANSWERS)
async def test_a_megabyte_of_labels_is_contained(widths: str) -> None:
    """Labels are not kept; an answer that is longer than any needs to be is not read."""
    sizes, reason, words = WIDE_ANSWERS[widths]
    series = [
        {"metric": {"blob": str(n) + "x" * size}, "value": [0, "1"]} for n, size in enumerate(sizes)
    ]
    data = {"resultType": "vector", "result": series}
    with Aside() as aside:
        server = aside.enter(http_world(answering_json(200, {"status": "success", "data": data})))
        source = PrometheusSource.model_validate({"url": server.url})
        instrument = make_prometheus("wide", source, {})
        outcome = await instrument.measure(
            Promql(source_ref=SourceRef(name="wide"), query="blob"), AT
        )
        await instrument.close()

    if reason is None:
        assert outcome == Measurement(value=1)
    else:
        assert isinstance(outcome, Fault)
        assert outcome.reason is reason
        assert outcome.message.startswith(words)
