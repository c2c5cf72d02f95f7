"""Stories of crashes on the real sink, judged: each comes to what an undisturbed process does."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.crashes import CHOSEN, Crash, Story

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.adapters.sink.tables import dispatches, events
from governor_local.postgresql import PostgresServer

AT_ONCE = 8
"""Stories that run side by side."""
MOST_CRASHES = 6


class CrashJudge:
    """Tells stories in one migrated database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    @asynccontextmanager
    async def on(cls, server: PostgresServer) -> AsyncIterator["CrashJudge"]:
        """A database of its own, for the block's time."""
        name = f"crashes_{uuid4().hex}"
        server.execute(f"CREATE DATABASE {name}")
        url = server.dsn(database=name)
        await migrate(url, "governance", tls_mode="Disable")
        engine = make_engine(url, tls_mode="Disable")
        yield cls(engine)
        await engine.dispose()

    async def judged(self, *crashes: Crash) -> Story:
        """The story as these crashes let it go.

        Raises:
            AssertionError: it did not come to what an undisturbed process comes to.
        """
        story, rows = await self._told(*crashes)
        died = sum(life.died.is_set() for life in story.lives)
        what = f"crashes {crashes}"

        assert len(rows) == 1, what
        [row] = rows
        assert (row["resolved"], row["resolved_reason"]) == (True, "Recovered"), what
        ended = story.status.checks[0].last_finding
        assert ended is not None, what
        assert row["id"] == ended.id, what
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

    async def judge_all(self, schedules: Iterable[tuple[Crash, ...]]) -> list[Story]:
        """Judges them side by side."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(schedule: tuple[Crash, ...]) -> Story:
            async with turns:
                return await self.judged(*schedule)

        return await asyncio.gather(*map(one, schedules))

    async def _told(self, *crashes: Crash) -> tuple[Story, list[dict[str, Any]]]:
        """The story, and its rows."""
        cluster = uuid4().hex
        story = Story(PostgresSink(self._engine, "governance", cluster), *crashes)
        await story.run()
        here = self._engine.execution_options(schema_translate_map={None: "governance"})
        async with here.connect() as connection:
            which = select(events).where(events.c.cluster == cluster)
            rows = (await connection.execute(which)).all()
            ids = [row.id for row in rows]
            of_them = select(dispatches).where(dispatches.c.governance_event_id.in_(ids))
            items = (await connection.execute(of_them)).all()
        return story, [
            dict(row._mapping) | {"items": [item.dispatch_status for item in items]} for row in rows
        ]


def random_schedule(rng: Random, effects: int) -> tuple[Crash, ...]:
    """Some crashes, each at one of so many effects."""
    return tuple(
        Crash(rng.randint(1, effects), rng.random() < 0.5)
        for _ in range(rng.randint(2, MOST_CRASHES))
    )
