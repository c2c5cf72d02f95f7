"""Who waits for a server waits as long as it answers others."""

import asyncio

import pytest
from tests.support.virtual_time import in_virtual_time

from governor.adapters.web import turns
from governor.adapters.web.turns import Turns

PATIENCE = 0.1


async def occupied(queue: Turns, until: asyncio.Event) -> None:
    """Has a turn until then."""
    async with queue.turn(PATIENCE):
        await until.wait()


@in_virtual_time
async def test_whoever_waits_for_a_silent_server_gives_up_and_takes_nobodys_turn() -> None:
    """Also when the turn comes as the patience ends."""
    queue, over = Turns(1), asyncio.Event()
    first = asyncio.create_task(occupied(queue, over))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(PATIENCE * 0.95, over.set)
    with pytest.raises(TimeoutError):
        async with queue.turn(PATIENCE):
            raise AssertionError
    await first
    async with asyncio.timeout(1), queue.turn(PATIENCE):
        pass


@in_virtual_time
async def test_whoever_waits_while_others_are_answered_gets_a_turn() -> None:
    """However many are before it."""
    queue, order = Turns(1), []

    async def ask(number: int) -> None:
        async with queue.turn(PATIENCE):
            await asyncio.sleep(PATIENCE / 2)
            queue.answered()
            order.append(number)

    await asyncio.gather(*map(ask, range(8)))
    assert order == list(range(8))


@in_virtual_time
async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busily others are answered."""
    monkeypatch.setattr(turns, "LONGEST_SECONDS", 2 * PATIENCE)
    queue, over = Turns(1), asyncio.Event()
    first = asyncio.create_task(occupied(queue, over))
    await asyncio.sleep(0)

    async def answering() -> None:
        while True:
            queue.answered()
            await asyncio.sleep(PATIENCE / 10)

    busy = asyncio.create_task(answering())
    with pytest.raises(TimeoutError):
        async with queue.turn(PATIENCE):
            raise AssertionError
    over.set()
    await first
    busy.cancel()


@in_virtual_time
async def test_whoever_is_cancelled_leaves_the_turn_to_the_next() -> None:
    """Waiting, and just as the turn comes."""
    for before in (False, True):
        queue, over = Turns(1), asyncio.Event()
        first = asyncio.create_task(occupied(queue, over))
        waiting = asyncio.create_task(occupied(queue, over))
        await asyncio.sleep(0.01)
        if before:
            over.set()
            await first
        waiting.cancel()
        over.set()
        await asyncio.gather(first, waiting, return_exceptions=True)
        async with asyncio.timeout(1), queue.turn(PATIENCE):
            pass
