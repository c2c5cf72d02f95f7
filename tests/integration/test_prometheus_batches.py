"""Batches on a real Prometheus: whatever a neighbour does, each ends as it would have alone."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.support.asked_sources import GOOD, NOW, THEN, Source, open_source, source
from tests.support.http_world import Asked, HttpWorld, answer, http_world

from governor.adapters.instruments import Instruments
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.adapters.prometheus.standings import ALONE_RUNS
from governor.app.resources import Namespaces
from governor.app.sources import SourceDirectory
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.outcomes import Fault, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.stack import Stack

LATER = f"vector(time()) > {NOW.timestamp() - 30}"
"""Has a series now, and had none then: so a query can change its ways once it may join."""
TWO = '(vector(1) or label_replace(vector(3), "side", "right", "", ""))'
WIDE = f'label_replace(vector(1), "a", "{"x" * 64}", "", "")'
for _ in range(15):
    WIDE = f'label_join({WIDE}, "a", "", "a", "a")'

SPOILERS = {
    "a failing neighbour": (f"({TWO} and on() {LATER}) * on() {TWO}", Reason.QUERY_INVALID),
    "a warning": (
        f"quantile((time() > bool {NOW.timestamp() - 30}) * 2, vector(1))",
        Reason.QUERY_WARNING,
    ),
    "a huge neighbour": (
        f"({WIDE} and on() {LATER}) or vector(1)",
        Reason.MALFORMED_ANSWER,
    ),
}


@pytest.fixture
async def batching(stack: Stack) -> AsyncIterator[Source]:
    """A source that batches."""
    # Its share is long: on a busy machine all seem slow when they are asked alone.
    async with open_source(stack.prometheus.url, timeout="30s") as made:
        yield made


@pytest.fixture
async def front(stack: Stack) -> AsyncIterator[HttpWorld]:
    """The same Prometheus behind a proxy that remembers; it can be made to hang."""
    url = stack.prometheus.url
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:

        async def forward(asked: Asked, writer: asyncio.StreamWriter) -> None:
            got = await client.post(asked.path, data=asked.form)
            writer.write(answer(got.status_code, got.content))

        async with http_world(forward) as world:
            yield world


async def test_a_hundred_fit_into_one(stack: Stack) -> None:
    """And one more is sent by itself."""
    made = source(stack.prometheus.url, timeout="30s")
    queries = [f"vector({number})" for number in range(101)]
    for query in queries:
        await made.ask(query, at=THEN)

    assert await made.ask(*queries) == [Measurement(value=n) for n in range(101)]
    await made.instrument.close()

    assert made.batches("answered") == 1
    assert made.queries("alone") == 102


async def test_a_source_can_turn_it_off(stack: Stack) -> None:
    """Each query is a request, as its author wrote it."""
    made = source(stack.prometheus.url, batching=False)
    for at in (THEN, NOW):
        assert await made.ask(*GOOD, at=at) == list(GOOD.values())
    await made.instrument.close()

    assert (made.queries("alone"), made.queries("batched")) == (20, 0)


async def test_a_query_cannot_take_a_neighbours_number(batching: Source) -> None:
    """It may mark its series with our label later: our mark replaces it."""
    marked = f'label_replace(vector(99) and on() {LATER}, "__q__", "1", "", "") or vector(1)'
    await batching.ask(marked, *GOOD, at=THEN)

    _, *outcomes = await batching.ask(marked, *GOOD)

    assert outcomes == list(GOOD.values())


async def test_a_comment_swallows_nothing(batching: Source) -> None:
    """Each query ends with its line."""
    commented = 'vector(1) # ,"__q__","1","","") or'
    for at in (THEN, NOW):
        assert await batching.ask(commented, *GOOD, at=at) == [
            Measurement(value=1),
            *GOOD.values(),
        ]
    assert (batching.queries("alone"), batching.queries("batched")) == (1, 21)


@pytest.mark.parametrize(("spoiler", "reason"), SPOILERS.values(), ids=SPOILERS)
async def test_a_neighbour_spoils_nobodys_answer(
    batching: Source, spoiler: str, reason: Reason
) -> None:
    """It has its own fault, in the words that it has alone, and runs alone from then on."""
    await batching.ask(spoiler, *GOOD, at=THEN)

    spoiled, *outcomes = await batching.ask(spoiler, *GOOD)
    [alone] = await batching.ask(spoiler)

    assert outcomes == list(GOOD.values())
    assert spoiled == alone
    assert isinstance(spoiled, Fault)
    assert spoiled.reason is reason
    divided = batching.batches("divided")
    assert divided > 0

    for run in range(ALONE_RUNS):  # Good again, and one of them was just now.
        at = THEN - timedelta(seconds=run + 1)
        before = batching.queries("batched")
        await batching.ask(spoiler, *GOOD, at=at)
        joined = batching.queries("batched") - before
        assert joined == (10 if run < ALONE_RUNS - 1 else 11), run
    assert batching.batches("divided") == divided


async def test_a_slow_neighbour_makes_nobody_fail(front: HttpWorld) -> None:
    """The others are asked alone, at once, while it hangs."""
    made = source(front.url, timeout="1s")
    slow = "vector(1) or vector(0)"
    await made.ask(slow, *GOOD, at=THEN)
    forward = front.behaviour

    async def hang(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (asyncio.Event().wait() if slow in asked.form["query"] else forward(asked, writer))

    front.behaviour = hang
    spoiled, *outcomes = await made.ask(slow, *GOOD)
    await made.instrument.close()

    assert isinstance(spoiled, Fault)
    assert spoiled.reason is Reason.TIMEOUT
    assert outcomes == list(GOOD.values())


async def test_who_comes_while_the_answer_is_on_its_way_shares_it(front: HttpWorld) -> None:
    """Runs of one moment may come late, as when the loop is busy."""
    made = source(front.url, timeout="30s")
    await made.ask(*GOOD, at=THEN)
    forward, sent, go = front.behaviour, asyncio.Event(), asyncio.Event()

    async def hold(asked: Asked, writer: asyncio.StreamWriter) -> None:
        sent.set()
        await go.wait()
        await forward(asked, writer)

    front.behaviour = hold
    first = asyncio.create_task(made.ask(*GOOD))
    async with asyncio.timeout(20):
        await sent.wait()
    second = asyncio.create_task(made.ask(*GOOD))
    for _ in range(100):  # more than it needs to join
        await asyncio.sleep(0)
    first.cancel()
    go.set()

    assert await second == list(GOOD.values())
    await made.instrument.close()
    assert made.queries("alone") + made.queries("batched") == 2 * len(GOOD)
    assert made.queries("shared") == len(GOOD)


async def test_a_server_that_is_down_is_asked_thrice_not_once_a_query(front: HttpWorld) -> None:
    """One batch, and two queries by themselves: then all know."""
    made = source(front.url, timeout="30s")
    await made.ask(*GOOD, at=THEN)
    front.asked.clear()

    async def down(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(503, "no healthy upstream"))

    front.behaviour = down
    outcomes = await made.ask(*GOOD)
    await made.instrument.close()

    assert {o.reason for o in outcomes if isinstance(o, Fault)} == {Reason.SERVER_ERROR}
    assert len(outcomes) == len(GOOD)
    assert len(front.asked) == 3


async def test_a_proxy_with_a_limit_makes_batches_small(front: HttpWorld) -> None:
    """Nobody is blamed: half as many are asked together from then on."""
    made = source(front.url, timeout="30s")
    forward = front.behaviour

    async def limited(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.form["query"].count("__q__") > 5:
            writer.write(answer(413, "too large"))
        else:
            await forward(asked, writer)

    front.behaviour = limited
    await made.ask(*GOOD, at=THEN)
    assert await made.ask(*GOOD) == list(GOOD.values())
    assert await made.ask(*GOOD, at=NOW + timedelta(seconds=1)) == list(GOOD.values())
    await made.instrument.close()

    assert (made.batches("divided"), made.batches("answered")) == (2, 6)


async def test_one_who_is_cancelled_cancels_no_neighbour(batching: Source) -> None:
    """Neither in a batch nor where two ask the same."""
    await batching.ask(*GOOD, at=THEN)
    probes = [Promql(source_ref=SourceRef(name="p"), query=query) for query in (*GOOD, *GOOD)]
    tasks = [asyncio.create_task(batching.instrument.measure(it, NOW)) for it in probes]
    await asyncio.sleep(0)

    tasks[0].cancel()
    tasks[1].cancel()
    tasks[11].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    gone = [n for n, it in enumerate(outcomes) if isinstance(it, asyncio.CancelledError)]
    assert gone == [0, 1, 11]
    for number, outcome in enumerate(outcomes):
        assert number in gone or outcome == Measurement(value=2 + number % 10)
    assert batching.queries("batched") == 19, "nobody wants to know vector(3) any more"


POOL: Sequence[str] = (
    "vector(1)",
    "vector(-1.5e-9) # comment",
    "vector(0) / 0",
    "vector(1) / 0",
    "nobody_emits_this",
    "vector(1) > 2",
    TWO,
    "vector(time())",
    "time()",
    "1 + 1",
    '"text"',
    "vector(1)[1m:1s]",
    "sum(",
    "up)",
    "quantile(2, vector(1))",
    f"{TWO} * on() {TWO}",
    'label_replace(vector(4), "__q__", "0", "", "")',
    'label_replace(vector(5), "__name__", "named", "", "")',
    "count(nobody_emits_this) or vector(0)",
    "absent(nobody_emits_this)",
    '{__name__=~"nobody.*"} or vector(3)',
    "vector(1) # \r vector(2)",
    'label_replace(vector(1), "quote", "\\"), # (", "", "")',
)


@pytest.mark.parametrize("seed", range(4))
async def test_together_is_as_alone(stack: Stack, seed: int) -> None:
    """Any queries, round after round: the same outcomes as one request each."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    together, alone = source(stack.prometheus.url), source(stack.prometheus.url, batching=False)
    for number in range(6):
        at = NOW + timedelta(seconds=number)
        queries = chance.choices(POOL, k=chance.randint(2, 40))
        assert list(map(repr, await together.ask(*queries, at=at))) == list(
            map(repr, await alone.ask(*queries, at=at))
        )
    await together.instrument.close()
    await alone.instrument.close()

    assert together.queries("batched") > 0


class _Clock:
    def now(self) -> datetime:
        return NOW


class _Secrets:
    async def read(self, name: str) -> tuple[str, dict[str, bytes]]:
        return "1", {"headers": f"X-Scope-OrgID: {name}-tenant".encode()}


class Tenants:
    """Two namespaces, and sources as the test makes them."""

    def __init__(self) -> None:
        self.telemetry = InMemoryTelemetry()
        self.store = InMemoryStatusStore(kind="GovernanceSource")
        namespaces = Namespaces()
        for name in ("ours", "theirs"):
            namespaces.seen(name, {"team": name})
        self.directory = SourceDirectory(
            maker=Instruments(self.telemetry),
            secrets=_Secrets(),
            namespaces=namespaces,
            store=self.store,
            clock=_Clock(),
            telemetry=self.telemetry,
            on_change=lambda _: None,
        )

    def create(self, name: str, url: str, team: str | None, **spec: Any) -> None:
        allowed: dict[str, Any] = {"from": "All"}
        if team:
            allowed = {"from": "Selector", "selector": {"matchLabels": {"team": team}}}
        spec = {"allowedNamespaces": allowed, "prometheus": {"url": url, **spec}}
        self.directory.seen(self.store.create("", name, spec))

    async def measure(self, namespace: str, name: str, query: str, at: datetime) -> Outcome:
        probe = Promql(source_ref=SourceRef(name=name), query=query)
        return await self.directory.measure(namespace, probe, at)


async def test_who_may_not_use_a_source_gets_no_answer_by_joining(front: HttpWorld) -> None:
    """Neither while another asks the same, nor in its batch."""
    tenants = Tenants()
    tenants.create("p", front.url, "ours", timeout="30s")
    for at in (THEN, NOW, NOW + timedelta(seconds=1)):
        asking = [
            tenants.measure(namespace, "p", query, at)
            for query in ("vector(7)", "vector(8)")
            for namespace in ("ours", "theirs", "ours")
        ]
        outcomes = await asyncio.gather(*asking)

        for number, outcome in enumerate(outcomes):
            if number % 3 == 1:
                assert isinstance(outcome, Fault)
                assert outcome.reason is Reason.SOURCE_FORBIDDEN
            else:
                assert outcome == Measurement(value=7 + number // 3)
    await tenants.directory.close()

    assert tenants.telemetry.queries["p", "shared"] == 6, "the two that may share"
    assert tenants.telemetry.queries["p", "batched"] == 6


async def test_the_queries_of_two_sources_never_meet(front: HttpWorld) -> None:
    """Though it is one server, one text and one time: each goes with its own tenant's header."""
    tenants = Tenants()
    for team in ("ours", "theirs"):
        secret = {"name": team, "key": "headers"}
        tenants.create(team, front.url, team, headersSecretRef=secret, timeout="30s")
    texts = {"ours": ("vector(1)", "vector(2)"), "theirs": ("vector(1)", "vector(3)")}
    for at in (THEN, NOW):
        outcomes = await asyncio.gather(
            *(tenants.measure(team, team, it, at) for team, own in texts.items() for it in own)
        )
        assert outcomes == [Measurement(value=value) for value in (1, 2, 1, 3)]
    await tenants.directory.close()

    assert len(front.asked) == 4, "batches, all of them"
    for asked in front.asked:
        theirs = asked.headers["x-scope-orgid"] == "theirs-tenant"
        assert ("vector(2)" in asked.form["query"]) <= (not theirs)
        assert ("vector(3)" in asked.form["query"]) <= theirs
