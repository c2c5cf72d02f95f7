"""However leaders follow one another, findings are kept and told as by one that never ended."""

import asyncio
from collections import Counter
from uuid import uuid5

import pytest
from tests.support.builders import VALUES
from tests.support.leaders import CHECKS, TICK, Leader, World
from tests.support.virtual_time import in_virtual_time

from governor.errors import DeliveryError

HOUR = 3600
QUIET = 20 * TICK
"""Seconds after which all is told: a lane that met an outage waits a minute at most."""


async def going_on(leader: Leader) -> None:
    """It does not know yet that it leads no more."""
    await asyncio.sleep(2 * TICK)
    await leader.end()


async def trouble(world: World) -> None:
    """An hour in which values flap, the sink and a chat come and go, and leaders change."""
    leader, zombies = Leader(world), []
    rng, end = world.rng, asyncio.get_running_loop().time() + HOUR
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(rng.uniform(0, 3 * TICK))
        match rng.randrange(6):
            case 0 | 1:
                outcome = rng.choice(["ok", "violated", "warning", "nodata", "error"])
                world.measurer.outcomes[rng.choice(CHECKS)] = VALUES[outcome]
            case 2:
                world.sink.down = None if world.sink.down else "stopped"
            case 3:
                if world.around.dead.pop("chat", None) is None:
                    world.around.dead["chat"] = DeliveryError("down")
            case 4:
                world.rude += 1
                leader.authority.leads = False
                zombies.append(asyncio.create_task(going_on(leader)))
                leader = Leader(world)
            case _:
                grace = rng.choice([0.0, 1.5])
                world.rude += grace == 0.0
                leader.authority.leads = grace > 0
                await leader.end(grace)
                leader = Leader(world)
    world.sink.down = None
    world.around.dead.clear()
    world.measurer.outcomes.clear()  # all is well
    await asyncio.sleep(QUIET)
    await asyncio.gather(leader.end(), *zombies)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_or_told_twice(seed: int) -> None:
    """Rows, Events and channels agree on every finding; each ended."""

    @in_virtual_time
    async def history() -> None:
        world = World(seed)
        await trouble(world)
        judge(world)

    history()


def judge(world: World) -> None:
    rows = world.sink.events
    assert not world.status.pending
    assert all(check.finding is None for check in world.status.checks)
    assert all(row["resolved"] for row in rows.values())
    assert not any(row["folded"] for row in rows.values())

    told = Counter(event.reason for event in world.events.events.values())
    assert told["FindingOpened"] == told["FindingResolved"] == len(rows)

    transitions = {uuid5(finding, word) for finding in rows for word in ("open", "resolve")}
    for channel in ("chat", "bus"):
        heard = [notice.id for notice in world.heard(channel)]
        assert set(heard) == transitions, channel
        for finding in rows:
            opening, end = (heard.index(uuid5(finding, word)) for word in ("open", "resolve"))
            assert opening < end
    # A chat is told one message at a time: only that one is in flight when a leader is cut off.
    heard = [notice.id for notice in world.heard("chat")]
    assert len(heard) - len(set(heard)) <= world.rude


def test_the_seeds_open_findings_and_change_leaders() -> None:
    """Else they would prove nothing."""

    @in_virtual_time
    async def histories() -> None:
        findings = rude = 0
        for seed in range(3):
            world = World(seed)
            await trouble(world)
            findings += len(world.sink.events)
            rude += world.rude
        assert findings >= 6
        assert rude >= 6

    histories()
