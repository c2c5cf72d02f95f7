"""While an operator stops, it still leads: what it says of policies stays true."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.app.alerting import Alerting
from governor.domain.surroundings import ChannelKind

SLO = "slo_autonomy_rate_violation"
NOTIFY = {"channels": [{"name": "oncall"}]}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy, with an Alertmanager."""
    async with World() as made:
        made.around.channel("oncall", ChannelKind.LEVEL)
        yield made


async def test_alerts_fire_on(world: World) -> None:
    """A round that comes while it stops must not resolve them: the next leader has them again."""
    world.say(autonomy_rate="violated")
    await world.settled(world.apply(notify=NOTIFY), "Violated")
    alerting = Alerting(world.scheduler, world.around.around())

    def firing() -> list[str]:
        return [alert.labels["policy"] for alert in alerting.of("oncall", world.clock.now())]

    assert firing() == ["flywheel"]
    world.measurer.gates["autonomy-rate"] = asyncio.Event()  # something is under way
    (runner,) = world.scheduler
    runner.mute_changed()
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    stop = asyncio.create_task(world.scheduler.stop(grace_seconds=0.2))
    await asyncio.sleep(0)
    assert firing() == ["flywheel"]
    await stop
    assert firing() == ["flywheel"]


async def test_its_mutes_have_their_policy(world: World) -> None:
    """A mute of a policy that is there is never refused for that."""
    await world.settled(world.apply(), "Ok")
    await world.scheduler.stop()

    assert world.scheduler.policy_named("aiops", "flywheel") is not None


async def test_a_policy_that_is_deleted_then_has_its_end_told(world: World) -> None:
    """As at any other time."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    await world.scheduler.stop()
    world.delete(key)

    await world.until(lambda: world.rows() == [("autonomy-rate", SLO, True)])
    assert world.reasons() == ["FindingOpened", "FindingResolved"]


async def test_a_policy_that_is_created_then_is_the_next_leaders(world: World) -> None:
    """Nothing is begun that could not be ended."""
    await world.scheduler.stop()
    key = world.apply(slo())
    await asyncio.sleep(0)

    assert list(world.scheduler) == []
    await world.restart(key)
    await world.settled(key, "Ok")
