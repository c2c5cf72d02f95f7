"""Every way a Prometheus can fail has its reason, and none of them is a number."""

import asyncio
import datetime as dt
import gc
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any

import pytest
import trustme
from tests.support.http_world import (
    Asked,
    Behaviour,
    HttpWorld,
    answer,
    answering,
    answering_json,
    breaking_off,
    dripping,
    http_world,
    sending,
    slowly,
    stalling,
)

from governor.adapters.prometheus import PrometheusInstrument, make_prometheus
from governor.adapters.prometheus.batches import MARK
from governor.adapters.web.exchange import CONCURRENCY, LONGEST_ANSWER
from governor.api.source import PrometheusSource
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.outcomes import Fault, FaultError, Measurement, Outcome
from governor.values.reasons import Reason

AT = dt.datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=dt.UTC)
PROBE = Promql(source_ref=SourceRef(name="prometheus"), query="up")
CROWD = [
    Promql(source_ref=SourceRef(name="prometheus"), query=f"up + {number}")
    for number in range(3 * CONCURRENCY)
]
"""Each asks something else: none shares another's answer."""
GOOD = {"status": "success", "data": {"resultType": "scalar", "result": [1, "0.5"]}}
TOKEN = "planted-token-4711"
ACCESS = {"access": {"token": TOKEN.encode() + b"\n"}}


def instrument(
    url: str, secrets: Mapping[str, Mapping[str, bytes]] | None = None, **fields: Any
) -> PrometheusInstrument:
    spec = PrometheusSource.model_validate({"url": url, "timeout": "1s", **fields})
    return make_prometheus("prometheus", spec, secrets or {})


async def outcome_of(behaviour: Behaviour, *, patience: str = "10s") -> Outcome:
    async with http_world(behaviour) as world:
        token = {"name": "access", "key": "token"}
        source = instrument(world.url, ACCESS, bearerSecretRef=token, timeout=patience)
        try:
            return await source.measure(PROBE, AT)
        finally:
            await source.close()


def error(kind: str, message: str) -> dict[str, str]:
    return {"status": "error", "errorType": kind, "error": message}


def warned(*warnings: str) -> dict[str, Any]:
    return {**GOOD, "warnings": list(warnings)}


HTML = "<!doctype html><title>Sign in</title>"
WHOLE = json.dumps(GOOD)

BAD_WORLDS: dict[str, tuple[Behaviour, Reason, str]] = {
    "400": (
        answering_json(400, error("bad_data", "1:3: parse error: unexpected end")),
        Reason.QUERY_INVALID,
        "1:3: parse error: unexpected end",
    ),
    "400 that is not Prometheus'": (
        answering(400, HTML),
        Reason.MALFORMED_ANSWER,
        "HTTP 400",
    ),
    "401": (answering(401, "Unauthorized"), Reason.AUTHENTICATION_FAILED, "credentials"),
    "403": (answering(403, "Forbidden"), Reason.PERMISSION_DENIED, "may not query"),
    "404": (answering(404, "404 page not found"), Reason.MALFORMED_ANSWER, "url"),
    "408": (answering(408, ""), Reason.TIMEOUT, "HTTP 408"),
    "422": (
        answering_json(422, error("execution", "many-to-many matching not allowed")),
        Reason.QUERY_INVALID,
        "many-to-many matching not allowed",
    ),
    "429": (answering(429, "Too many"), Reason.SERVER_ERROR, "HTTP 429"),
    "499": (
        answering_json(499, error("canceled", "query was canceled")),
        Reason.SERVER_ERROR,
        "query was canceled",
    ),
    "500": (
        answering_json(500, error("internal", "block is corrupt")),
        Reason.SERVER_ERROR,
        "HTTP 500: block is corrupt",
    ),
    "502 of a proxy": (answering(502, HTML), Reason.SERVER_ERROR, "HTTP 502"),
    "503": (answering(503, "Service Unavailable"), Reason.SERVER_ERROR, "HTTP 503"),
    "503 for lack of time": (
        answering_json(503, error("timeout", "query timed out in expression evaluation")),
        Reason.TIMEOUT,
        "query timed out",
    ),
    "200 with an error": (
        answering_json(200, error("bad_data", "x")),
        Reason.MALFORMED_ANSWER,
        "without status success",
    ),
    "204": (sending(b"HTTP/1.1 204 None\r\n\r\n"), Reason.MALFORMED_ANSWER, "HTTP 204"),
    "HTML": (answering(200, HTML), Reason.MALFORMED_ANSWER, "does the url lead to one"),
    "a list": (answering_json(200, [GOOD]), Reason.MALFORMED_ANSWER, "not the JSON"),
    "nothing": (answering(200, ""), Reason.MALFORMED_ANSWER, "not the JSON"),
    "no data": (answering_json(200, {"status": "success"}), Reason.MALFORMED_ANSWER, "data"),
    "truncated JSON": (answering(200, WHOLE[:-9]), Reason.MALFORMED_ANSWER, "not the JSON"),
    "JSON and more": (answering(200, WHOLE + WHOLE), Reason.MALFORMED_ANSWER, "not the JSON"),
    "bare NaN": (
        answering(200, WHOLE.replace("[1,", "[NaN,")),
        Reason.MALFORMED_ANSWER,
        "not the JSON",
    ),
    "a pit of brackets": (
        answering(200, "[" * 200_000),
        Reason.MALFORMED_ANSWER,
        "not the JSON",
    ),
    "not UTF-8": (answering(200, b"\xff\xfe\xfa"), Reason.MALFORMED_ANSWER, "not the JSON"),
    "half an answer": (
        breaking_off(answer(200, WHOLE)[:-5]),
        Reason.MALFORMED_ANSWER,
        "no whole HTTP",
    ),
    "no HTTP": (sending(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), Reason.MALFORMED_ANSWER, "no whole HTTP"),
    "hung up": (breaking_off(b""), Reason.UNREACHABLE, "disconnected"),
    "endless": (
        answering(200, b" " * (LONGEST_ANSWER + 1)),
        Reason.MALFORMED_ANSWER,
        "longer than",
    ),
    "redirect": (
        answering(302, "", Location="https://login.example.com/start?state=secret"),
        Reason.REDIRECTED,
        "HTTP 302 redirects, which is not followed",
    ),
    "redirect nowhere": (answering(307, ""), Reason.REDIRECTED, "HTTP 307 redirects,"),
    "a warning of PromQL's": (
        answering_json(200, warned("PromQL warning: quantile value should be between 0 and 1")),
        Reason.QUERY_WARNING,
        "quantile value",
    ),
    "a warning of the storage": (
        answering_json(200, warned("PromQL warning: x", "remote read failed: store-1")),
        Reason.PARTIAL_DATA,
        "store-1",
    ),
    "a partial answer": (
        answering_json(200, {**GOOD, "isPartial": True}),
        Reason.PARTIAL_DATA,
        "partial",
    ),
    "warnings that are none": (
        answering_json(200, {**GOOD, "warnings": "x"}),
        Reason.MALFORMED_ANSWER,
        "warnings",
    ),
    "silence": (stalling(), Reason.TIMEOUT, "no whole answer within 1s"),
    "headers, then silence": (
        stalling(answer(200, WHOLE)[:-5]),
        Reason.TIMEOUT,
        "no whole answer within 1s",
    ),
    "a drip": (dripping(answer(200, WHOLE), 0.1), Reason.TIMEOUT, "no whole answer within 1s"),
    "an echo of our secret": (
        answering_json(500, error("internal", f"bad header: Bearer {TOKEN}\nline two")),
        Reason.SERVER_ERROR,
        "Bearer *** line two",
    ),
    "a novel": (answering_json(400, error("bad_data", "x" * 9999)), Reason.QUERY_INVALID, "xxx"),
}


@pytest.mark.parametrize("world", BAD_WORLDS)
async def test_a_bad_world_is_an_error_with_its_reason(world: str) -> None:
    """Each bad answer gives its reason and a message for people, within the deadline."""
    behaviour, reason, words = BAD_WORLDS[world]
    started = time.monotonic()

    # On a busy machine, too, those that answer at all do so in time.
    outcome = await outcome_of(behaviour, patience="1s" if reason is Reason.TIMEOUT else "10s")

    assert isinstance(outcome, Fault)
    assert (outcome.reason, words in outcome.message) == (reason, True), outcome
    assert len(outcome.message) <= 200
    assert outcome.message.isprintable()
    assert TOKEN not in outcome.message
    assert time.monotonic() - started < 15


async def test_infos_are_ignored() -> None:
    """Infos are hints for the author; the number stands."""
    informed = answering_json(200, {**GOOD, "infos": ["PromQL info: might not be a counter"]})

    assert await outcome_of(informed) == Measurement(value=0.5)


async def test_a_query_says_when_and_how_long() -> None:
    """The form carries query, time and a timeout below our own; the header the token."""
    async with http_world(answering_json(200, GOOD)) as world:
        source = instrument(
            f"{world.url}/prefix/", ACCESS, bearerSecretRef={"name": "access", "key": "token"}
        )
        await source.measure(PROBE, AT)
        await source.close()

    (asked,) = world.asked
    assert (asked.method, asked.path) == ("POST", "/prefix/api/v1/query")
    assert asked.form == {
        "query": "up",
        "time": "1795348800.300",
        "timeout": "0.900",
        "partial_response": "false",
    }
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


async def test_basic_authentication() -> None:
    """User and password come from the keys that the source names."""
    async with http_world(answering_json(200, GOOD)) as world:
        source = instrument(
            world.url,
            {"login": {"username": b"ana", "pass": b"\xc3\xa4\n"}},
            basicSecretRef={"name": "login", "passwordKey": "pass"},
        )
        await source.measure(PROBE, AT)
        await source.close()

    assert world.asked[0].headers["authorization"] == "Basic YW5hOsOk"


async def test_ambient_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment does not see the query."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    assert await outcome_of(answering_json(200, GOOD)) == Measurement(value=0.5)


async def test_nobody_listens() -> None:
    """A refused connection is Unreachable."""
    async with http_world(stalling()) as world:
        url = world.url
    source = instrument(url)

    outcome = await source.measure(PROBE, AT)
    await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.UNREACHABLE


async def test_a_name_that_does_not_resolve() -> None:
    """An unknown host is Unreachable, and the message says what to correct."""
    source = instrument("http://prometheus.invalid:9090", timeout="30s")

    outcome = await source.measure(PROBE, AT)
    await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.UNREACHABLE
    assert "host name can't be resolved" in outcome.message
    assert "correct spec.prometheus.url" in outcome.message


async def test_a_crowd_at_a_hanging_source_keeps_its_deadlines() -> None:
    """Waiting for a free slot counts: no query takes longer than its deadline."""
    async with http_world(stalling()) as world:
        source = instrument(world.url)
        started = time.monotonic()
        outcomes = await asyncio.gather(*(source.measure(probe, AT) for probe in CROWD))
        took = time.monotonic() - started
        await source.close()

    assert {o.reason for o in outcomes if isinstance(o, Fault)} == {Reason.TIMEOUT}
    assert took < 15
    assert sum("not sent" in o.message for o in outcomes if isinstance(o, Fault)) >= CONCURRENCY


async def test_a_source_is_asked_so_much_at_a_time() -> None:
    """More queries than slots wait for each other, and all are answered."""
    full, served = asyncio.Event(), slowly(answering_json(200, GOOD), 0.05)

    async def once_full(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if world.busy == CONCURRENCY:
            full.set()
        if MARK not in asked.form["query"]:  # No batch: these are fewer, and divided at once.
            await full.wait()
        await served(asked, writer)

    async with http_world(once_full) as world:
        source = instrument(world.url, timeout="10s")
        outcomes = await asyncio.gather(*(source.measure(probe, AT) for probe in CROWD))
        await source.close()

    assert outcomes == [Measurement(value=0.5)] * 3 * CONCURRENCY
    assert world.busiest == CONCURRENCY


async def test_a_source_recovers_after_a_crowd() -> None:
    """Slots and connections of queries that timed out are free again."""
    async with http_world(stalling()) as world:
        source = instrument(world.url)
        await asyncio.gather(*(source.measure(probe, AT) for probe in CROWD))
        world.behaviour = answering_json(200, GOOD)

        outcomes = [await source.measure(PROBE, AT) for _ in range(2 * CONCURRENCY)]
        await source.close()

    assert outcomes == [Measurement(value=0.5)] * 2 * CONCURRENCY


# Cancelled between a socket and its transport, asyncio itself leaves the socket to the collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_a_source_outlives_queries_cut_short_at_any_step() -> None:
    """Wherever crowds of queries are cut off, no place and no connection is lost."""
    world = HttpWorld(answering_json(200, GOOD))
    connected: set[asyncio.StreamWriter] = set()
    left = asyncio.Condition()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer)
        await world.serve(reader, writer)
        async with left:
            connected.remove(writer)
            left.notify_all()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    source = instrument(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout="30s")
    async with server:
        for steps in range(STEPS_OF_A_QUERY):
            await cut_short(source, after=steps)
        assert await source.measure(PROBE, AT) == Measurement(value=0.5)
        gc.collect()
        async with asyncio.timeout(60), left:
            await left.wait_for(lambda: len(connected) <= CONCURRENCY)
        await source.close()
        async with asyncio.timeout(60), left:
            await left.wait_for(lambda: not connected)


STEPS_OF_A_QUERY = 40
"""Turns of the event loop; a query on a new connection takes fewer."""


async def cut_short(source: PrometheusInstrument, *, after: int) -> None:
    """As many queries as a source takes at once, all cancelled after so many turns."""
    queries = [asyncio.create_task(source.measure(it, AT)) for it in CROWD[:CONCURRENCY]]
    for _ in range(after):
        await asyncio.sleep(0)
    for query in queries:
        query.cancel()
    await asyncio.gather(*queries, return_exceptions=True)


async def test_cancelling_passes() -> None:
    """A cancelled measurement raises CancelledError, not a fault."""
    async with http_world(stalling()) as world:
        source = instrument(world.url, timeout="30s")
        measuring = asyncio.create_task(source.measure(PROBE, AT))
        await world.heard.wait()
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
        await source.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that only these tests know."""
    return trustme.CA()


def served_by(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def trusting(authority: trustme.CA, url: str) -> PrometheusInstrument:
    secrets = {"trust": {"ca.crt": authority.cert_pem.bytes()}}
    return instrument(url, secrets, tls={"caSecretRef": {"name": "trust", "key": "ca.crt"}})


async def test_tls_with_the_right_authority(authority: trustme.CA) -> None:
    """A certificate of the source's own authority is trusted."""
    tls = served_by(authority, "localhost")
    async with http_world(answering_json(200, GOOD), tls=tls, host="localhost") as world:
        source = trusting(authority, world.url)

        assert await source.measure(PROBE, AT) == Measurement(value=0.5)
        await source.close()


async def test_tls_with_another_authority(authority: trustme.CA) -> None:
    """A certificate of another authority is TLSFailed, and the query is not sent."""
    tls = served_by(authority, "localhost")
    async with http_world(answering_json(200, GOOD), tls=tls, host="localhost") as world:
        source = trusting(trustme.CA(), world.url)
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TLS_FAILED
    assert "certificate" in outcome.message
    assert world.asked == []


async def test_tls_with_public_authorities_only(authority: trustme.CA) -> None:
    """Without a CA of its own a source trusts public authorities, and this is none."""
    tls = served_by(authority, "localhost")
    async with http_world(answering_json(200, GOOD), tls=tls, host="localhost") as world:
        source = instrument(world.url)
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TLS_FAILED


async def test_tls_with_another_name(authority: trustme.CA) -> None:
    """A trusted certificate for another host is TLSFailed and names the mismatch."""
    tls = served_by(authority, "elsewhere.example.com")
    async with http_world(answering_json(200, GOOD), tls=tls, host="localhost") as world:
        source = trusting(authority, world.url)
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TLS_FAILED
    assert "localhost" in outcome.message


async def test_https_to_a_server_without_tls() -> None:
    """Plain HTTP where TLS is wanted is TLSFailed."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(400, "speak HTTP"))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    source = instrument(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server:
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TLS_FAILED


async def test_https_to_a_silent_server() -> None:
    """A TLS handshake that is never answered is Timeout."""
    async with http_world(stalling()) as world:
        source = instrument(world.url.replace("http:", "https:"))
        outcome = await source.measure(PROBE, AT)
        await source.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TIMEOUT


def routed(routes: dict[str, bytes]) -> Behaviour:
    """An answer per path; 404 elsewhere."""

    async def route(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(routes.get(asked.path, answer(404, "404 page not found")))

    return route


BUILD = json.dumps({"status": "success", "data": {"version": "3.16.0"}})


@pytest.mark.parametrize(
    ("routes", "version"),
    [
        ({"/api/v1/status/buildinfo": answer(200, BUILD)}, "3.16.0"),
        ({"/api/v1/query": answer(200, WHOLE)}, "unknown"),
        (
            {
                "/api/v1/status/buildinfo": answer(403, ""),
                "/api/v1/query": answer(200, WHOLE),
            },
            "unknown",
        ),
    ],
    ids=["told", "no such page", "forbidden page"],
)
async def test_version(routes: dict[str, bytes], version: str) -> None:
    """The build's version, or unknown where only queries are let through."""
    async with http_world(routed(routes)) as world:
        source = instrument(world.url)

        assert await source.version() == version
        await source.close()


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (answering(401, ""), Reason.AUTHENTICATION_FAILED),
        (answering(404, ""), Reason.MALFORMED_ANSWER),
        (answering_json(200, {"status": "success", "data": {}}), Reason.MALFORMED_ANSWER),
        (stalling(), Reason.TIMEOUT),
    ],
    ids=["401", "404 everywhere", "no version", "silence"],
)
async def test_version_of_a_bad_world(behaviour: Behaviour, reason: Reason) -> None:
    """A server that can't be measured from does not count as there."""
    async with http_world(behaviour) as world:
        source = instrument(world.url)
        with pytest.raises(FaultError) as caught:
            await source.version()
        await source.close()

    assert caught.value.fault.reason is reason


async def test_headers_of_a_secret_are_sent_and_never_told() -> None:
    """With a login beside them; a header of ours goes once, as the Secret has it."""
    headers = f"X-Scope-OrgID: {TOKEN}\nuser-agent: ours\n".encode()
    secrets = {**ACCESS, "extra": {"headers": headers}}
    echo = answering_json(500, error("internal", f"no tenant {TOKEN}"))
    async with http_world(echo) as world:
        source = instrument(
            world.url,
            secrets,
            bearerSecretRef={"name": "access", "key": "token"},
            headersSecretRef={"name": "extra", "key": "headers"},
        )
        outcome = await source.measure(PROBE, AT)
        await source.close()

    sent = world.asked[0].headers
    assert (sent["x-scope-orgid"], sent["user-agent"]) == (TOKEN, "ours")
    assert sent["authorization"] == f"Bearer {TOKEN}"
    assert outcome == Fault(reason=Reason.SERVER_ERROR, message="HTTP 500: no tenant ***")
