"""A status that somebody forged with a time that can't be reckoned with harms no policy."""

import json
from collections.abc import AsyncIterator

import pytest
from tests.support.builders import slo
from tests.support.forged import ENDS, NEVER, forged, places
from tests.support.world import World

from governor.app import orphans
from governor.app.alerting import Alerting
from governor.app.ports import ObjectKey
from governor.app.sweeping import Sweeper
from governor.domain.surroundings import ChannelKind

NOTIFY = {"channels": [{"name": "oncall"}]}
MINE, OTHER = "mine", "other"
WORST = ("checks[].finding.openedAt", "pending[].decidedAt")

every_time = pytest.mark.parametrize("time", [*NEVER, *ENDS])


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """An operator that looks often for what is to be copied, and an Alertmanager."""
    monkeypatch.setattr(orphans, "COPYING_SECONDS", 0.01)
    async with World() as made:
        made.around.channel("oncall", ChannelKind.LEVEL)
        yield made


async def two(world: World) -> tuple[ObjectKey, ObjectKey]:
    """Two policies whose findings fire, and wait for a sink that is down."""
    world.sink.down = "stopped"
    world.say(mine="violated", other="violated")
    keys = [world.apply(slo(name), name=name, notify=NOTIFY) for name in (MINE, OTHER)]
    for key in keys:
        await world.settled(key, "Violated", told=False)
    return keys[0], keys[1]


async def forge(world: World, key: ObjectKey, place: str, time: str) -> None:
    """Somebody who may replace statuses does."""
    version = world.store.peek(key)["metadata"]["resourceVersion"]
    await world.store.replace_status(key, version, forged(MINE, place, time))


def firing(alerting: Alerting, world: World) -> set[str]:
    """The policies of which the Alertmanager would be told now that something fires."""
    now = world.clock.now()
    return {a.labels["policy"] for a in alerting.of("oncall", now) if a.ends_at > now}


def healed(world: World, key: ObjectKey, time: str) -> bool:
    """Whether the policy was evaluated anew, and nothing is left of the time."""
    status = world.store.peek(key)["status"]
    return status.get("verdict") == "Violated" and time not in json.dumps(status)


@every_time
@pytest.mark.parametrize("place", places())
async def test_it_reads_as_a_wiped_one(world: World, place: str, time: str) -> None:
    """Alerts and copies of the others go on, and its own policy is evaluated anew."""
    mine, other = await two(world)
    alerting = Alerting(world.scheduler, world.around.around())
    assert firing(alerting, world) == {MINE, OTHER}

    await forge(world, mine, place, time)
    world.scheduler.policy_seen(world.store.peek(mine))
    assert firing(alerting, world) == {OTHER}
    await world.until(lambda: healed(world, mine, time))
    world.clock.forward(60)
    await world.until(lambda: world.left.kept.keys() == {mine.uid, other.uid})

    assert firing(alerting, world) == {MINE, OTHER}


@every_time
@pytest.mark.parametrize("place", WORST)
async def test_so_it_does_for_the_next_leader(world: World, place: str, time: str) -> None:
    """Which finds it when its term begins."""
    mine, other = await two(world)
    await world.scheduler.stop()
    await forge(world, mine, place, time)

    await world.restart(mine, other)

    await world.until(lambda: healed(world, mine, time))
    alerting = Alerting(world.scheduler, world.around.around())
    await world.until(lambda: firing(alerting, world) == {MINE, OTHER})
    world.clock.forward(60)
    await world.until(lambda: world.left.kept.keys() == {mine.uid, other.uid})


@every_time
async def test_it_keeps_nobody_from_being_swept(world: World, time: str) -> None:
    """Not even with the digest of the check as it is, so that its run would count."""
    mine, _ = await two(world)
    sweeper = Sweeper(
        world.scheduler,
        clock=world.clock,
        telemetry=world.telemetry,
        on_stuck=lambda _: None,
    )
    world.clock.forward(600)
    body = world.store.peek(mine)
    body["status"]["checks"][0]["lastEvaluated"] = time
    version = body["metadata"]["resourceVersion"]
    world.scheduler.policy_seen(await world.store.replace_status(mine, version, body["status"]))

    runs = world.measurer.calls[OTHER]
    await sweeper.sweep()

    assert world.telemetry.overdue_now == 2
    await world.until(lambda: world.measurer.calls[OTHER] > runs)
