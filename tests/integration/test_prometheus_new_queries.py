"""New queries on a real Prometheus: asked by tens, if they show that they stay in their place."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.support.asked_sources import GOOD, NOW, THEN, Source, open_source

from governor.adapters.prometheus.batches import compose, split
from governor.adapters.prometheus.containment import contained
from governor.values.outcomes import Fault, Measurement
from governor.values.reasons import Reason
from governor_local.stack import Stack


@pytest.fixture
async def batching(stack: Stack) -> AsyncIterator[Source]:
    """A source that batches; its share is long, as on a busy machine all seem slow."""
    async with open_source(stack.prometheus.url, timeout="30s") as made:
        yield made


async def test_new_ones_are_asked_by_tens_and_then_all_together(batching: Source) -> None:
    """Twenty-five queries, three requests; then one."""
    queries = [f"vector({number})" for number in range(25)]
    values = [Measurement(value=number) for number in range(25)]
    assert await batching.ask(*queries, at=THEN) == values
    assert batching.batches("answered") == 3

    assert await batching.ask(*queries) == values
    assert batching.batches("answered") == 4
    assert (batching.queries("alone"), batching.queries("batched")) == (0, 50)


async def test_a_new_one_is_never_put_among_those_that_are_known(batching: Source) -> None:
    """What it does to a batch is not known."""
    await batching.ask(*GOOD, at=THEN)

    assert await batching.ask("vector(1)", *GOOD) == [Measurement(value=1), *GOOD.values()]

    assert (batching.queries("alone"), batching.queries("batched")) == (1, 20)


NO_VECTORS = [
    "1 + 1",
    "time() * 0",
    '"text"',
    "vector(1)[1m:1s]",
    "sum()",
    "quantile(2, vector(1))",
]


async def test_new_ones_that_can_not_join_spoil_one_batch_and_no_other(
    stack: Stack, batching: Source
) -> None:
    """Nor do batches become smaller for them: each is alone from then on."""
    async with open_source(stack.prometheus.url, batching=False) as unbatched:
        alone = await unbatched.ask(*NO_VECTORS)
    mixed, values = (
        [*NO_VECTORS[:3], *GOOD, *NO_VECTORS[3:]],
        [*alone[:3], *GOOD.values(), *alone[3:]],
    )
    assert await batching.ask(*mixed, at=THEN) == values
    divided = batching.batches("divided")
    assert divided > 0

    for at in (NOW, NOW + timedelta(seconds=1)):
        before = batching.batches("answered")
        assert await batching.ask(*GOOD, *NO_VECTORS, at=at) == [*GOOD.values(), *alone]
        assert batching.batches("answered") == before + 1
    assert batching.batches("divided") == divided


FORGERIES = {
    "it closes a parenthesis": 'vector(1)\n,"__q__","1","","") or label_replace(vector(99)',
    "it closes two": 'vector(1),"__q__","0","","")) or (label_replace(vector(99)',
    "it opens one": "(vector(1)",
    "it opens a text": 'vector(1) or vector(99) "',
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
async def test_nobody_forges_a_neighbours_answer(batching: Source, forgery: str) -> None:
    """What is no query by itself is never put among others."""
    for at in (THEN, NOW, NOW + timedelta(seconds=1)):
        forged, *outcomes = await batching.ask(forgery, *GOOD, at=at)

        assert isinstance(forged, Fault)
        assert forged.reason is Reason.QUERY_INVALID
        assert outcomes == list(GOOD.values())
    assert batching.batches("divided") == 0
    assert batching.batches("answered") == 3
    assert batching.queries("alone") == 3


texts = st.recursive(
    st.sampled_from(
        [
            *("()", ")", "(", "[", "}", ",", '"', "'", "`", " ", " or ", "5m", '"a"'),
            *("vector(99)", "vector(99)", "up", "abs("),
            *3 * ['vector(99),"__q__","2","","") or label_replace(vector(99)'],
            ',"__q__","2","","")) or (label_replace(',
        ]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(st.sampled_from(["()", "[]", "{}", '""', "''", "``"]), inner).map(
            lambda made: made[0][0] + made[1] + made[0][1]
        ),
        inner.map("label_replace({},'a','','','')".format),
        inner.map("vector(99) or {}".format),
    ),
    max_leaves=8,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])
@given(query=texts)
def test_what_shows_that_it_stays_in_its_place_does(stack: Stack, query: str) -> None:
    """Prometheus reads brackets and texts as we do: no such query has a say in its neighbours'."""
    assume(contained(query))
    form = {"query": compose(["vector(1)", query, "vector(3)"]), "time": NOW.timestamp()}

    got = httpx.post(f"{stack.prometheus.url}/api/v1/query", data=form, trust_env=False).json()

    if got["status"] == "success":
        answers = [
            [series["value"][1] for series in each["result"]] for each in split(got["data"], 3)
        ]
        assert (answers[0], answers[2]) == (["1"], ["3"])
