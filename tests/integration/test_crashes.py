"""A process that dies at any of its effects loses nothing and tells nothing twice.

Every single point, every pair of points, and random schedules of more; on the real sink.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.crashes import CHOSEN, Crash, Story

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.adapters.sink.tables import dispatches, events
from governor_local.postgresql import PostgresServer

SCHEDULES = 200
MOST_CRASHES = 6
AT_ONCE = 8
"""Stories that run side by side."""
EFFECTS = {
    "replace_status",
    "record",
    "record_remediation",
    "record_revision",
    "offer",
    "deprecate",
}


@pytest.fixture(scope="module")
async def engine(sink_server: PostgresServer) -> AsyncIterator[AsyncEngine]:
    """A migrated database."""
    name = f"crashes_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    url = sink_server.dsn(database=name)
    await migrate(url, "governance", tls_mode="Disable")
    engine = make_engine(url, tls_mode="Disable")
    yield engine
    await engine.dispose()


async def told(engine: AsyncEngine, *crashes: Crash) -> tuple[Story, list[dict[str, Any]]]:
    """The story as these crashes let it go, and its rows."""
    cluster = uuid4().hex
    story = Story(PostgresSink(engine, "governance", cluster), *crashes)
    await story.run()
    here = engine.execution_options(schema_translate_map={None: "governance"})
    async with here.connect() as connection:
        rows = (await connection.execute(select(events).where(events.c.cluster == cluster))).all()
        ids = [row.id for row in rows]
        which = dispatches.c.governance_event_id.in_(ids)
        items = (await connection.execute(select(dispatches).where(which))).all()
    return story, [
        dict(row._mapping) | {"items": [item.dispatch_status for item in items]} for row in rows
    ]


async def judged(engine: AsyncEngine, *crashes: Crash) -> Story:
    """The same, and that it came to what an undisturbed process comes to."""
    story, rows = await told(engine, *crashes)
    died = sum(life.died.is_set() for life in story.lives)
    what = f"crashes {crashes}"

    assert len(rows) == 1, what
    [row] = rows
    assert (row["resolved"], row["resolved_reason"]) == (True, "Recovered"), what
    assert row["id"] == story.status.checks[0].last_finding.id, what
    assert row["items"] == ["cancelled"], what
    [run] = row["details"]["remediation"]["runs"]
    # Whose doing it was, nobody can tell after a crash; that it was done, everybody.
    assert (*run["changed"], *run["unconfirmed"]) == CHOSEN, what
    assert run["cancelled"] is None, what
    assert died or run["unconfirmed"] == [], what

    assert story.platform.touched == list(CHOSEN), what
    reasons = Counter(event.reason for event in story.events.events.values())
    assert reasons == {"FindingOpened": 1, "Remediated": 1, "FindingResolved": 1}, what
    for channel in ("chat", "bus"):
        heard = story.heard(channel)
        assert [word for word, _ in dict.fromkeys(heard)] == ["open", "resolve"], what
    assert len(story.heard("chat")) <= 2 + died, what
    return story


def points(story: Story) -> list[Crash]:
    """Before and after each effect of an undisturbed process."""
    count = len(story.lives[0].effects)
    return [Crash(number, before) for number in range(1, count + 1) for before in (True, False)]


async def judge_all(engine: AsyncEngine, schedules: list[tuple[Crash, ...]]) -> list[Story]:
    """Judges them side by side."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(schedule: tuple[Crash, ...]) -> Story:
        async with turns:
            return await judged(engine, *schedule)

    return await asyncio.gather(*map(one, schedules))


async def test_an_undisturbed_process_has_every_kind_of_effect(engine: AsyncEngine) -> None:
    """Else the points below would prove little."""
    story = await judged(engine)

    assert set(story.lives[0].effects) == EFFECTS
    assert story.heard("chat") == story.heard("bus")


async def test_every_single_point(engine: AsyncEngine) -> None:
    undisturbed = await judged(engine)
    stories = await judge_all(engine, [(point,) for point in points(undisturbed)])

    assert all(story.lives[0].died.is_set() for story in stories)


@pytest.mark.timeout(900)
async def test_every_pair_of_points(engine: AsyncEngine) -> None:
    undisturbed = await judged(engine)
    pairs = list(product(points(undisturbed), repeat=2))
    stories = await judge_all(engine, pairs)

    assert sum(len(story.lives) > 2 for story in stories) > len(pairs) / 2


@pytest.mark.timeout(900)
async def test_random_schedules_of_many_crashes(engine: AsyncEngine) -> None:
    """The same ones each time: a schedule that fails is named with its crashes."""
    most = len((await judged(engine)).lives[0].effects)
    rng = random.Random(5)  # noqa: S311 - a schedule, no secret
    schedules = [
        tuple(
            Crash(rng.randint(1, most), rng.random() < 0.5)
            for _ in range(rng.randint(2, MOST_CRASHES))
        )
        for _ in range(SCHEDULES)
    ]
    await judge_all(engine, schedules)
