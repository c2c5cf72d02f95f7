"""Somebody wipes or edits a status while the sink is down: no receiver is left with an open id."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.support.world import World

from governor.api.log import Transition
from governor.app.healing import heal
from governor.app.ports import Json, ObjectKey
from governor.domain.surroundings import ChannelKind

SLO = "slo_autonomy_rate_violation"
NOTIFY = {"channels": [{"name": "events"}]}


def wiped(status: Json) -> Json:
    """Nothing is left."""
    del status
    return {}


def edited(status: Json) -> Json:
    """The finding is taken out, with the log."""
    checks = [{k: v for k, v in check.items() if k != "finding"} for check in status["checks"]]
    return {**status, "checks": checks, "pending": []}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy, with a receiver that tells findings apart by id."""
    async with World() as made:
        made.around.channel("events", ChannelKind.EVENTS)
        yield made


async def slot(world: World, key: ObjectKey, word: str, **options: Any) -> None:
    """The next slot is measured, and all is told that can be."""
    world.say(autonomy_rate=word)
    runs = world.measurer.calls["autonomy-rate"]
    world.slot(key, 61)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] > runs)
    await world.settled(key, word.capitalize(), **options)


def heard(world: World, key: ObjectKey) -> bool:
    """Whether the receiver has heard all that the log has for it, cleared or not."""
    log = world.store.peek(key)["status"].get("pending", ())
    owed = {entry["id"] for entry in log if "channel/events" in entry["targets"]}
    return owed <= {str(notice.id) for _, notice in world.around.told}


@pytest.mark.parametrize("scribble", [wiped, edited])
@pytest.mark.parametrize(
    "meanwhile",
    [
        ("violated",),
        ("ok",),
        ("violated", "ok"),
        ("violated", "ok", "violated"),
        ("ok", "violated"),
    ],
    ids=" then ".join,
)
async def test_each_id_that_was_opened_ends(
    world: World, scribble: Callable[[Json], Json], meanwhile: tuple[str, ...]
) -> None:
    """And the sink has no row open, nor two of what was one."""
    world.say(autonomy_rate="violated")
    key = world.apply(notify=NOTIFY)
    await world.settled(key, "Violated")
    world.sink.down = "stopped"
    body = world.store.peek(key)
    version, status = body["metadata"]["resourceVersion"], scribble(body["status"])
    world.scheduler.policy_seen(await world.store.replace_status(key, version, status))
    for word in meanwhile:
        await slot(world, key, word, told=False)
        await world.until(lambda: heard(world, key))
    world.sink.down = None
    await slot(world, key, meanwhile[-1])
    await heal(world.scheduler, world.sink)
    for word in ("ok", "ok"):
        await slot(world, key, word)

    opened = [n.finding for _, n in world.around.told if n.transition is Transition.OPEN]
    over = [n.finding for _, n in world.around.told if n.transition is Transition.RESOLVE]
    assert set(opened) == set(over)
    assert len(over) == len(set(over))
    assert all(resolved for _, _, resolved in world.rows())
