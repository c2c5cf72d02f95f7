"""Whose turn it is at a server: time passes for a request only while it is its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.http_world import Asked, HttpWorld, answer, http_world

from governor.adapters.prometheus.answers import PLACE
from governor.adapters.web.allowances import Allowance
from governor.adapters.web.exchange import CONCURRENCY, Exchange, UnsentError
from governor.adapters.web.trust import trust
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason


class Held:
    """A server that answers `/slow` when it is let, and all else at once."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def behave(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path.startswith("/slow"):
            await self.go.wait()
        writer.write(answer(200, "{}"))


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
async def server(held: Held) -> AsyncIterator[HttpWorld]:
    async with http_world(held.behave) as world:
        yield world


@asynccontextmanager
async def exchange(server: HttpWorld, deadline_seconds: float) -> AsyncIterator[Exchange]:
    made = Exchange(
        url=server.url,
        headers={},
        trust=trust(server.url, None, {}),
        deadline_seconds=deadline_seconds,
        place=PLACE,
    )
    try:
        yield made
    finally:
        await made.close()


async def occupied(exchange: Exchange, server: HttpWorld) -> list[asyncio.Task[object]]:
    """Requests that take every turn there is."""
    tasks = [asyncio.create_task(_slow(exchange)) for _ in range(CONCURRENCY)]
    async with asyncio.timeout(20):
        while len(server.asked) < CONCURRENCY:  # noqa: ASYNC110 - it is no event
            await asyncio.sleep(0.01)
    return tasks


async def _slow(exchange: Exchange) -> object:
    return await exchange.ask("GET", "slow")


async def test_waiting_for_a_turn_takes_nothing_of_an_allowance(
    held: Held, server: HttpWorld
) -> None:
    """Or a batch of queries behind a crowd would be over before it is sent."""
    async with exchange(server, deadline_seconds=60) as made:
        crowd = await occupied(made, server)
        allowance = Allowance(30)
        waiting = asyncio.create_task(made.ask("GET", "quick", allowance=allowance))
        await asyncio.sleep(0.5)

        let = asyncio.get_running_loop().time()
        held.go.set()
        answered = await waiting
        passed = asyncio.get_running_loop().time() - let
        await asyncio.gather(*crowd)

        assert answered.status == 200
        assert 0 < 30 - allowance.left <= passed


async def test_who_was_never_sent_can_be_told_from_who_was_not_answered(server: HttpWorld) -> None:
    """That the server answers nobody says nothing of him."""
    async with exchange(server, deadline_seconds=5) as made:
        crowd = await occupied(made, server)

        with pytest.raises(UnsentError, match="16 requests are before it"):
            await made.ask("GET", "quick")

        for task in crowd:
            with pytest.raises(FaultError, match="no whole answer within 5s") as caught:
                await task
            assert caught.value.fault.reason is Reason.TIMEOUT
            assert not isinstance(caught.value, UnsentError)
        assert len(server.asked) == CONCURRENCY
