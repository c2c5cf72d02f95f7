"""What is asked for one by one and done together: nobody is harmed by company."""

import asyncio
import gc
import weakref
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.adapters.sink.gathering import Gathering
from governor.errors import DeliveryError, RejectedError


class Refusal(Exception):  # noqa: N818 - a stand-in for the driver's
    """What a database says of a statement."""

    sqlstate = "23514"


class Database:
    """Answers an item with its double; refuses batches that hold a bad one."""

    def __init__(self, bad: frozenset[int] = frozenset()) -> None:
        self.bad = bad
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.away = False
        self.broken = False

    async def work(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        await self.open.wait()
        if self.broken:
            raise ZeroDivisionError
        if self.away:
            raise DeliveryError("the database can't be reached")
        if self.bad.intersection(items):
            raise RejectedError("never this row") from Refusal()
        return [2 * item for item in items]


async def settled(asking: Sequence[asyncio.Task[int]]) -> list[int | BaseException]:
    return await asyncio.gather(*asking, return_exceptions=True)


def ask(gathering: Gathering[int, int], *items: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(gathering.ask(item)) for item in items]


async def begun(database: Database, batches: int) -> None:
    async with asyncio.timeout(5):
        while len(database.batches) < batches:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)


async def test_one_alone_is_served_at_once() -> None:
    """No timer, no company: what comes seldom costs what it did."""
    database = Database()
    gathering = Gathering(database.work)

    assert await gathering.ask(1) == 2
    assert await gathering.ask(2) == 4
    assert database.batches == [[1], [2]]


async def test_those_who_come_meanwhile_go_together() -> None:
    """The busier, the larger the batches; no larger than allowed, and each in order."""
    database = Database()
    database.open.clear()
    gathering = Gathering(database.work, most=3, width=1)
    asking = ask(gathering, 0, 1, 2, 3, 4)
    await begun(database, 1)
    await asyncio.sleep(0)
    database.open.set()

    assert await settled(asking) == [0, 2, 4, 6, 8]
    assert database.batches == [[0], [1, 2, 3], [4]]


async def test_batch_that_hangs_does_not_hold_up_the_next_one() -> None:
    """Another is sent beside it."""
    database = Database()
    database.open.clear()
    gathering = Gathering(database.work, width=2)
    first = ask(gathering, 0)
    await begun(database, 1)
    others = ask(gathering, 1, 2)
    await begun(database, 2)
    assert database.batches == [[0], [1]]
    database.open.set()

    assert await settled([*first, *others]) == [0, 2, 4]


@given(bad=st.frozensets(st.integers(0, 30)), most=st.integers(1, 40), width=st.integers(1, 3))
async def test_what_is_refused_harms_nobody_else(
    bad: frozenset[int], most: int, width: int
) -> None:
    """Whichever they are, the bad are refused for themselves, and all others are answered."""
    gathering = Gathering(Database(bad).work, most=most, width=width)

    answers = await settled(ask(gathering, *range(31)))

    for item, answer in enumerate(answers):
        assert isinstance(answer, RejectedError) if item in bad else answer == 2 * item


async def test_what_is_away_is_asked_once_for_all_who_wait() -> None:
    """A server that does not answer a batch costs those behind it no wait of their own."""
    database = Database()
    database.open.clear()
    gathering = Gathering(database.work, most=2, width=1)
    asking = ask(gathering, *range(9))
    await begun(database, 1)
    await asyncio.sleep(0)
    database.away = True
    database.open.set()

    answers = await settled(asking)

    assert all(isinstance(answer, DeliveryError) for answer in answers)
    assert database.batches == [[0], [1, 2]]  # the first one alone speaks for itself only
    database.away = False
    assert await gathering.ask(7) == 14


async def test_one_who_leaves_is_not_sent() -> None:
    """And takes nobody with him."""
    database = Database()
    database.open.clear()
    gathering = Gathering(database.work, width=1)
    first, second, third = ask(gathering, 0, 1, 2)
    await begun(database, 1)
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    database.open.set()

    assert await settled([first, third]) == [0, 4]
    assert database.batches == [[0], [2]]


async def test_batch_that_nobody_waits_for_is_ended() -> None:
    """As when a term of leading ends: the next one is not kept waiting."""
    database = Database()
    database.open.clear()
    gathering = Gathering(database.work, width=1)
    left = ask(gathering, 0)
    await begun(database, 1)
    left[0].cancel()
    await settled(left)
    database.open.set()

    async with asyncio.timeout(5):
        assert await gathering.ask(3) == 6


async def test_a_bug_leaves_nobody_waiting() -> None:
    """It is raised to all."""
    database = Database()
    database.broken = True
    gathering = Gathering(database.work)

    answers = await settled(ask(gathering, 0, 1, 2))

    assert [type(answer) for answer in answers] == [ZeroDivisionError] * 3


async def test_refusal_of_one_alone_is_its_own() -> None:
    """Word for word."""
    with pytest.raises(RejectedError, match="never this row"):
        await Gathering(Database(frozenset({5})).work).ask(5)


class Thing:
    """Something that can be seen to go."""


async def test_what_was_served_is_let_go_at_once() -> None:
    """Nobody need look for garbage: crowds come when there is no time for that."""

    async def work(things: Sequence[Thing]) -> Sequence[Thing]:
        await asyncio.sleep(0)
        return things

    gathering = Gathering(work, width=1)
    things = [Thing() for _ in range(4)]
    served = [weakref.ref(thing) for thing in things]
    asking = [asyncio.create_task(gathering.ask(thing)) for thing in things]
    await asyncio.sleep(0)
    asking.pop().cancel()  # one leaves
    gc.disable()
    try:
        await asyncio.gather(*asking)
        things.clear()
        asking.clear()
        for _ in range(3):
            await asyncio.sleep(0)
        assert [ref() for ref in served] == [None] * 4
    finally:
        gc.enable()
