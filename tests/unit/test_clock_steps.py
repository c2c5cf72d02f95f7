"""The wall clock is set back or ahead: nothing stands still, and nothing is told twice.

What a check had counted in a time that has not come yet is counted anew.
"""

from collections.abc import AsyncIterator

import pytest
from tests.support.builders import slo
from tests.support.world import World

HOUR, DAY = 3600.0, 86_400.0
SLO = "slo_autonomy_rate_violation"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


@pytest.mark.parametrize("step", [-DAY, -HOUR, -30.0, 30.0, HOUR, DAY])
async def test_a_finding_opens_and_ends_once_across_a_step(world: World, step: float) -> None:
    world.say(autonomy_rate="violated")
    key = world.apply(slo())
    await world.settled(key, "Violated")
    world.clock.forward(step)
    for _ in range(2):
        world.slot(key)
        await world.settled(key, "Violated")
    world.say(autonomy_rate="ok")
    measured = world.measurer.calls["autonomy-rate"]
    world.clock.forward(DAY)  # past the slot that was counted last, wherever that is
    world.slot(key)
    await world.settled(key, "Ok")

    assert world.measurer.calls["autonomy-rate"] > measured
    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert world.reasons() == ["FindingOpened", "FindingResolved"]
