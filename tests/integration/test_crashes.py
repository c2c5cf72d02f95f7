"""A process that dies at any of its effects loses nothing and tells nothing twice.

Every single point, every pair of points, and random schedules of more; on the real sink.
"""

import random
from collections.abc import AsyncIterator
from itertools import product

import pytest
from tests.support.crash_judge import CrashJudge, random_schedule
from tests.support.crashes import Crash, Story

from governor_local.postgresql import PostgresServer

SCHEDULES = 200
EFFECTS = {
    "replace_status",
    "record",
    "record_remediation",
    "record_revision",
    "offer",
    "deprecate",
}


@pytest.fixture(scope="module")
async def crash_judge(sink_server: PostgresServer) -> AsyncIterator[CrashJudge]:
    """On a migrated database."""
    async with CrashJudge.on(sink_server) as crash_judge:
        yield crash_judge


def points(story: Story) -> list[Crash]:
    """Before and after each effect of an undisturbed process."""
    count = len(story.lives[0].effects)
    return [Crash(number, before) for number in range(1, count + 1) for before in (True, False)]


async def test_an_undisturbed_process_has_every_kind_of_effect(crash_judge: CrashJudge) -> None:
    """Else the points below would prove little."""
    story = await crash_judge.judged()

    assert set(story.lives[0].effects) == EFFECTS
    assert story.heard("chat") == story.heard("bus")


async def test_every_single_point(crash_judge: CrashJudge) -> None:
    undisturbed = await crash_judge.judged()
    stories = await crash_judge.judge_all((point,) for point in points(undisturbed))

    assert all(story.lives[0].died.is_set() for story in stories)


@pytest.mark.timeout(900)
async def test_every_pair_of_points(crash_judge: CrashJudge) -> None:
    undisturbed = await crash_judge.judged()
    pairs = list(product(points(undisturbed), repeat=2))
    stories = await crash_judge.judge_all(pairs)

    assert sum(len(story.lives) > 2 for story in stories) > len(pairs) / 2


@pytest.mark.timeout(900)
async def test_random_schedules_of_many_crashes(crash_judge: CrashJudge) -> None:
    """The same ones each time: a schedule that fails is named with its crashes."""
    most = len((await crash_judge.judged()).lives[0].effects)
    rng = random.Random(5)  # noqa: S311 - a schedule, no secret
    await crash_judge.judge_all(random_schedule(rng, most) for _ in range(SCHEDULES))
