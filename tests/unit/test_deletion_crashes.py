"""A process that dies while it tells what a deleted policy left loses nothing of it.

It dies at any effect, or at any two; the next one saw the policy go, too, or finds what was kept.
"""

from collections import Counter
from itertools import product

import pytest
from tests.support.crashes import Crash
from tests.support.last_story import LastStory
from tests.support.virtual_time import in_virtual_time

pytestmark = pytest.mark.no_cover  # it is long


def points(effects: int) -> list[Crash]:
    """Before and after each."""
    return [Crash(n, before) for n in range(1, effects + 1) for before in (True, False)]


async def judged(*crashes: Crash, told: bool) -> LastStory:
    """The story, and that it ended as it should."""
    story = LastStory(*crashes, told=told)
    await story.run()
    died = sum(life.died.is_set() for life in story.lives)
    what = f"crashes {crashes}"

    [row] = story.sink.events.values()
    assert (row["resolved"], row["resolved_reason"]) == (True, "PolicyDeleted"), what
    reasons = [event.reason for event in story.events.events.values()]
    assert sorted(reasons) == ["FindingOpened", "FindingResolved"], what
    bus = list(dict.fromkeys(story.heard("bus")))
    assert [word for word, _ in bus] == ["open", "resolve"], what
    chat = story.heard("chat")
    # It can't tell a repetition. Each death may cost it one, and so may a deletion that comes
    # while it is told; what it hears begins with a beginning.
    cost = died + (not told)
    assert all(count <= 1 + cost for count in Counter(chat).values()), what
    assert [word for word, _ in dict.fromkeys(chat)] in (["open"], ["open", "resolve"], []), what
    if not cost:
        assert [word for word, _ in chat] == ["open", "resolve"]
    assert not story.left.kept, what
    return story


@pytest.mark.parametrize("told", [True, False])
@in_virtual_time
async def test_without_a_crash_every_kind_of_effect_is_met(told: bool) -> None:
    story = await judged(told=told)
    [life] = story.lives

    assert set(life.effects) == {"put", "record", "offer", "remove"}
    first = life.effects[: life.effects.index("put")]
    # What was being told when the policy went; nothing of that may be told anew before it is kept.
    assert not first if told else set(first) <= {"offer"}
    assert "remove" in life.effects[len(first) :]


@pytest.mark.parametrize("told", [True, False])
@in_virtual_time
async def test_any_one_crash_loses_nothing(told: bool) -> None:
    [life] = (await judged(told=told)).lives
    for crash in points(len(life.effects)):
        story = await judged(crash, told=told)
        assert len(story.lives) == 2


@pytest.mark.parametrize("told", [True, False])
@in_virtual_time
async def test_any_two_crashes_lose_nothing(told: bool) -> None:
    [life] = (await judged(told=told)).lives
    for pair in product(points(len(life.effects)), repeat=2):
        await judged(*pair, told=told)
