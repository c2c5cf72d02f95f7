"""Work on one thing goes on in turns; on different things, side by side."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from governor.app.turns import Turns


class Diary:
    """Work that is written down when it begins and ends."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def work(self, name: str) -> Callable[[], Awaitable[None]]:
        """Goes on until its gate opens."""
        gate = self.gates[name] = asyncio.Event()

        async def work() -> None:
            self.lines.append(f"{name} begins")
            await gate.wait()
            self.lines.append(f"{name} ends")

        return work

    async def until(self, line: str) -> None:
        async with asyncio.timeout(10):
            while line not in self.lines:  # noqa: ASYNC110 - the diary is no event
                await asyncio.sleep(0)


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def test_a_later_turn_begins_when_the_earlier_one_has_ended(diary: Diary) -> None:
    turns = Turns()
    turns.take("a", diary.work("first"))
    turns.take("a", diary.work("second"))
    diary.gates["second"].set()
    await diary.until("first begins")
    assert diary.lines == ["first begins"]
    diary.gates["first"].set()
    await diary.until("second ends")

    assert diary.lines == ["first begins", "first ends", "second begins", "second ends"]
    await turns.close()


async def test_others_do_not_wait(diary: Diary) -> None:
    turns = Turns()
    turns.take("a", diary.work("first"))
    turns.take("b", diary.work("other"))
    await diary.until("other begins")

    assert "first ends" not in diary.lines
    await turns.close()


async def test_what_is_under_way_or_waits_is_known(diary: Diary) -> None:
    turns = Turns()
    assert "a" not in turns
    turns.take("a", diary.work("first"))
    turns.take("a", diary.work("second"))
    diary.gates["first"].set()
    await diary.until("second begins")
    assert "a" in turns
    diary.gates["second"].set()
    async with asyncio.timeout(10):
        while "a" in turns:  # noqa: ASYNC110 - it is no event
            await asyncio.sleep(0)


async def test_work_that_fails_is_said_and_holds_up_nothing(
    diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    turns = Turns()

    async def fail() -> None:
        raise ValueError("a bug")

    await turns.through("a", fail)
    turns.take("a", fail)
    turns.take("a", diary.work("last"))
    await diary.until("last begins")

    assert [record.message for record in caplog.records] == ["work failed"] * 2
    await turns.close()


async def test_closing_ends_all_of_it_also_what_waits(diary: Diary) -> None:
    turns = Turns()
    turns.take("a", diary.work("first"))
    turns.take("a", diary.work("second"))
    await diary.until("first begins")
    await turns.close()
    await asyncio.sleep(0)

    assert diary.lines == ["first begins"]
    assert "a" not in turns
