"""Processes that die at their effects, by random schedules: many a second, in this process."""

import asyncio
import time
from random import Random

from tests.soak.oracle import Flaw
from tests.support.crash_judge import AT_ONCE, CrashJudge, random_schedule

from governor_local.postgresql import PostgresServer


def crash(server: PostgresServer, rng: Random, seconds: float) -> tuple[int, list[Flaw]]:
    """Tells stories for so long; how many schedules there were, and what was wrong.

    Args:
        server: keeps the rows.
        rng: draws the schedules.
        seconds: how long.
    """
    return asyncio.run(_crash(server, rng, time.monotonic() + seconds))


async def _crash(server: PostgresServer, rng: Random, end: float) -> tuple[int, list[Flaw]]:
    count, flaws = 0, list[Flaw]()
    async with CrashJudge.on(server) as judge:
        effects = len((await judge.judged()).lives[0].effects)
        while not flaws and time.monotonic() < end:
            schedules = [random_schedule(rng, effects) for _ in range(AT_ONCE)]
            try:
                await judge.judge_all(schedules)
            except AssertionError as error:
                flaws.append(Flaw(kind="wrong", what=f"in this process: {error}", policy="drift"))
            count += len(schedules)
    return count, flaws
