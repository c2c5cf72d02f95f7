"""One policy's bug is said in the log, once, and keeps no other policy's matter from being done."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.app import orphans
from governor.app.alerting import Alerting
from governor.app.ports import ObjectKey, Orphan
from governor.domain.surroundings import ChannelKind, ChannelView

ODD, OTHER = "odd", "other"


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """An operator that looks often for what is to be copied, and an Alertmanager."""
    monkeypatch.setattr(orphans, "COPYING_SECONDS", 0.01)
    async with World() as made:
        made.around.channel("oncall", ChannelKind.LEVEL)
        yield made


async def two(world: World, *, told: bool = True) -> tuple[ObjectKey, ObjectKey]:
    """Two policies with a finding each; the first is the odd one."""
    world.say(odd="violated", other="violated")
    keys = []
    for name in (ODD, OTHER):
        channels = [{"name": "oncall"}, {"name": f"of-{name}"}]
        key = world.apply(slo(name), name=name, notify={"channels": channels})
        await world.settled(key, "Violated", told=told)
        keys.append(key)
    return keys[0], keys[1]


def complaints(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    """Of which policies the log says that."""
    return [r.__dict__["policy"] for r in caplog.records if words in r.message]


async def test_the_alerts_of_others_are_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await two(world)
    alerting = Alerting(world.scheduler, world.around.around())

    def firing() -> list[str]:
        return [alert.labels["policy"] for alert in alerting.of("oncall", world.clock.now())]

    def breaks() -> None:
        world.around.standing["aiops", ODD] = (None,)  # type: ignore[assignment]

    assert firing() == [ODD, OTHER]
    breaks()
    assert [firing(), firing()] == [[OTHER], [OTHER]]
    assert complaints(caplog, "its alerts are left out") == [ODD]

    world.around.standing.clear()
    assert firing() == [ODD, OTHER]
    breaks()
    assert firing() == [OTHER]
    assert complaints(caplog, "its alerts are left out") == [ODD, ODD]


async def test_what_waits_of_others_is_copied(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sink.down = "stopped"
    odd, other = await two(world, told=False)
    put, tries = world.left.put, list[str]()

    async def choosy(orphan: Orphan) -> None:
        tries.append(orphan.key.name)
        if orphan.key == odd:
            raise ValueError("a bug")
        await put(orphan)

    with monkeypatch.context() as patched:
        patched.setattr(world.left, "put", choosy)
        world.clock.forward(60)
        await world.until(lambda: tries.count(ODD) > 2)
        assert world.left.kept.keys() == {other.uid}
        assert complaints(caplog, "can't be copied") == [ODD]

    await world.until(lambda: world.left.kept.keys() == {odd.uid, other.uid})


async def test_what_others_left_is_taken_up(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a new leader, after policies that went when another may have led."""
    keys = await two(world)
    bodies = [world.store.peek(key) for key in keys]
    view = world.around.view

    def choosy(namespace: str, name: str) -> ChannelView:
        if name == f"of-{ODD}":
            raise ValueError("a bug")
        return view(namespace, name)

    await world.end()
    monkeypatch.setattr(world.around, "view", choosy)
    for key in keys:
        world.store.delete(key)
    await world.restart()
    for body in bodies:
        world.scheduler.policy_lost(body)

    await world.until(lambda: world.rows()[1][2])
    assert [(check, resolved) for check, _, resolved in world.rows()] == [
        (ODD, False), (OTHER, True)
    ]  # fmt: skip
    assert complaints(caplog, "can't be taken up") == [ODD]


async def test_a_measurement_that_is_cancelled_by_nobody_of_ours_is_a_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library's slip must not end the policy's life."""

    async def slips(*_: Any) -> Any:
        raise asyncio.CancelledError

    measure = world.measurer.measure
    monkeypatch.setattr(world.measurer, "measure", slips)
    key = world.apply()
    status = await world.settled(key, "Error")
    assert status.checks[0].message == "the operator failed to measure: CancelledError"

    monkeypatch.setattr(world.measurer, "measure", measure)
    world.slot(key)
    await world.settled(key, "Ok")
