"""Sharing what is under way: asked once, answered to all, and nobody ends it for the others."""

import asyncio

import pytest

from governor.adapters.flights import Flights


class Question:
    """Counts how often it is asked, and is answered when told."""

    def __init__(self) -> None:
        self.asked = 0
        self.ended = 0
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.asked += 1
        try:
            return await asyncio.shield(self.answer)
        finally:
            self.ended += 1


async def started(*tasks: asyncio.Task[tuple[str, bool]]) -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def test_the_same_is_asked_once() -> None:
    """All get the answer; only the first had to ask."""
    flights, question = Flights[str, str](), Question()
    tasks = [asyncio.create_task(flights.join("same", question)) for _ in range(3)]
    await started(*tasks)

    question.answer.set_result("yes")

    assert await asyncio.gather(*tasks) == [("yes", False), ("yes", True), ("yes", True)]
    assert question.asked == 1


async def test_nothing_is_kept() -> None:
    """What was answered is asked anew."""
    flights, question = Flights[str, str](), Question()
    question.answer.set_result("yes")

    await flights.join("same", question)
    await flights.join("same", question)

    assert question.asked == 2


async def test_another_key_is_another_question() -> None:
    """Nobody meets who should not."""
    flights, question = Flights[str, str](), Question()
    tasks = [asyncio.create_task(flights.join(key, question)) for key in ("one", "other")]
    await started(*tasks)
    question.answer.set_result("yes")

    assert await asyncio.gather(*tasks) == [("yes", False), ("yes", False)]
    assert question.asked == 2


async def test_one_who_leaves_ends_it_for_nobody() -> None:
    """Also the one who asked first."""
    flights, question = Flights[str, str](), Question()
    first, second = (asyncio.create_task(flights.join("same", question)) for _ in range(2))
    await started(first, second)

    first.cancel()
    await asyncio.wait([first])
    question.answer.set_result("yes")

    assert first.cancelled()
    assert await second == ("yes", True)


async def test_the_last_who_leaves_ends_it() -> None:
    """Whoever comes then asks anew."""
    flights, question = Flights[str, str](), Question()
    tasks = [asyncio.create_task(flights.join("same", question)) for _ in range(2)]
    await started(*tasks)

    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    later = asyncio.create_task(flights.join("same", question))
    await started(later)
    question.answer.set_result("yes")

    assert await later == ("yes", False)
    assert (question.asked, question.ended) == (2, 2)


async def test_a_failure_is_everybodys() -> None:
    """With its own words."""
    flights, question = Flights[str, str](), Question()
    tasks = [asyncio.create_task(flights.join("same", question)) for _ in range(2)]
    await started(*tasks)

    question.answer.set_exception(ValueError("no"))

    for task in tasks:
        with pytest.raises(ValueError, match="no"):
            await task
