"""Servers and proxies that let no POST through are queried by GET, for as long as that serves."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.support.http_world import (
    Asked,
    Behaviour,
    HttpWorld,
    answer,
    answering,
    http_world,
    stalling,
)

from governor.adapters.prometheus import PrometheusInstrument, make_prometheus, queries
from governor.api.source import PrometheusSource
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.outcomes import Fault, Measurement
from governor.values.reasons import Reason

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HALF = Measurement(value=0.5)
GOOD = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1, "0.5"]}})
PROBE = Promql(source_ref=SourceRef(name="prometheus"), query='up{job="a b&c"} # ä')


def by_method(**answers: bytes) -> Behaviour:
    """An answer per method."""

    async def behave(asked: Asked, writer: Any) -> None:
        writer.write(answers[asked.method])

    return behave


def instrument(world: HttpWorld, **fields: Any) -> PrometheusInstrument:
    spec = PrometheusSource.model_validate({"url": f"{world.url}/prefix", **fields})
    return make_prometheus("prometheus", spec, {"access": {"token": b"planted"}})


def methods(world: HttpWorld) -> list[str]:
    return [asked.method for asked in world.asked]


@pytest.mark.parametrize("status", [403, 405, 501])
async def test_a_refused_post_is_asked_again_by_get(status: int) -> None:
    """With the same fields and headers; the next query goes by GET at once."""
    refusing = by_method(POST=answer(status, "GET only"), GET=answer(200, GOOD))
    async with http_world(refusing) as world:
        source = instrument(world, bearerSecretRef={"name": "access", "key": "token"})
        outcomes = [await source.measure(PROBE, AT) for _ in range(3)]
        await source.close()

    assert outcomes == [HALF] * 3
    assert methods(world) == ["POST", "GET", "GET", "GET"]
    posted, got, *_ = world.asked
    url = urlsplit(got.path)
    assert url.path == posted.path == "/prefix/api/v1/query"
    assert dict(parse_qsl(url.query)) == posted.form
    assert posted.form["query"] == PROBE.query
    assert got.body == b""
    assert got.headers["authorization"] == "Bearer planted"


@pytest.mark.parametrize("status", [400, 401, 404, 408, 422, 429, 500, 502, 503])
async def test_what_is_no_refusal_of_post_is_final(status: int) -> None:
    """Another method would be answered the same."""
    async with http_world(answering(status, "no")) as world:
        source = instrument(world)
        assert isinstance(await source.measure(PROBE, AT), Fault)
        await source.close()

    assert methods(world) == ["POST"]


FAILING: Mapping[str, tuple[int, int, Reason, str]] = {
    "forbidden both ways": (403, 403, Reason.PERMISSION_DENIED, "HTTP 403"),
    "no such page": (405, 404, Reason.MALFORMED_ANSWER, "HTTP 404, as no Prometheus answers"),
    "other credentials": (403, 401, Reason.AUTHENTICATION_FAILED, "HTTP 401"),
    "broken": (501, 500, Reason.SERVER_ERROR, "HTTP 500"),
    "too long": (405, 414, Reason.QUERY_INVALID, "shorten the query or allow POST"),
}


@pytest.mark.parametrize("case", FAILING)
async def test_a_get_that_fails_tells_its_own_fault(case: str) -> None:
    """The later answer is the one about the query."""
    post, get, reason, words = FAILING[case]
    async with http_world(by_method(POST=answer(post, ""), GET=answer(get, ""))) as world:
        source = instrument(world)
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert isinstance(outcome, Fault)
    assert (outcome.reason, words in outcome.message) == (reason, True), outcome


async def test_who_refuses_get_later_is_posted_to_again() -> None:
    """A proxy that was changed needs no restart of the operator."""
    async with http_world(by_method(POST=answer(405, ""), GET=answer(200, GOOD))) as world:
        source = instrument(world)
        assert await source.measure(PROBE, AT) == HALF
        world.behaviour = by_method(POST=answer(200, GOOD), GET=answer(405, ""))
        refused = await source.measure(PROBE, AT)
        assert isinstance(refused, Fault)
        assert await source.measure(PROBE, AT) == HALF
        await source.close()

    assert methods(world) == ["POST", "GET", "GET", "POST"]


async def test_post_is_tried_anew_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused once is not given up for ever."""
    monkeypatch.setattr(queries, "GET_SECONDS", 0.0)
    async with http_world(by_method(POST=answer(405, ""), GET=answer(200, GOOD))) as world:
        source = instrument(world)
        assert await source.measure(PROBE, AT) == HALF
        world.behaviour = by_method(POST=answer(200, GOOD))
        assert await source.measure(PROBE, AT) == HALF
        await source.close()

    assert methods(world) == ["POST", "GET", "POST"]


async def test_both_share_one_deadline() -> None:
    """A GET after a POST gets only the time that is left."""

    async def behave(asked: Asked, writer: Any) -> None:
        if asked.method == "POST":
            writer.write(answer(405, ""))
        else:
            await stalling()(asked, writer)

    async with http_world(behave) as world:
        source = instrument(world, timeout="1s")
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert outcome == Fault(reason=Reason.TIMEOUT, message="no whole answer within 1s")


async def test_a_version_where_only_queries_by_get_come_through() -> None:
    """The source's Ready is probed as checks are."""

    async def behave(asked: Asked, writer: Any) -> None:
        query = asked.method == "GET" and "/query?" in asked.path
        writer.write(answer(200, GOOD) if query else answer(403, ""))

    async with http_world(behave) as world:
        source = instrument(world)
        assert await source.version() == "unknown"
        await source.close()
