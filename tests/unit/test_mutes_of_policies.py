"""Mutes begin and end over a policy; Alertmanagers are told of all policies by level."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import NOON, slo
from tests.support.world import World

from governor.app.alerting import Alerting
from governor.app.ports import ObjectKey
from governor.domain.alerts import Alert
from governor.domain.surroundings import ChannelKind, Mute

POLICY = ("aiops", "flywheel")
MUTED = "governance_mute"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy, with a chat and two Alertmanagers."""
    async with World() as made:
        made.around.channel("chat", ChannelKind.CHAT)
        made.around.channel("alerts", ChannelKind.LEVEL)
        made.around.channel("others", ChannelKind.LEVEL)
        yield made


def notify(*channels: str) -> dict[str, Any]:
    """A policy's `notify`."""
    return {"channels": [{"name": name} for name in channels]}


def mute(world: World, *checks: str, ends: datetime = NOON + timedelta(hours=1)) -> None:
    """Somebody mutes these checks, or all; the watch tells."""
    world.around.standing[POLICY] = (
        Mute(
            uid="mute-1",
            name="quiet",
            checks=checks,
            reason="a migration",
            owner="sre",
            expires_at=ends,
        ),
    )
    world.scheduler.mute_changed(*POLICY)


def unmute(world: World) -> None:
    """Somebody deletes it; the watch tells."""
    del world.around.standing[POLICY]
    world.scheduler.mute_changed(*POLICY)


def mutes(world: World) -> list[tuple[bool, str | None]]:
    """The rows of mutes: whether they are over, and why."""
    return [
        (row["resolved"], row["resolved_reason"])
        for row in world.sink.events.values()
        if row["event_type"] == MUTED
    ]


def muted(world: World, key: ObjectKey) -> int | None:
    """How many checks the status says are muted."""
    found: int | None = world.store.peek(key)["status"]["summary"].get("muted")
    return found


async def another(world: World, name: str, *checks: dict[str, Any], **overrides: Any) -> ObjectKey:
    """A second policy."""
    body = world.store.create("aiops", name, {"checks": list(checks), **overrides})
    world.scheduler.policy_seen(body)
    return ObjectKey(uid=body["metadata"]["uid"], namespace="aiops", name=name)


def firing(world: World, channel: str) -> list[tuple[str, str, bool]]:
    """What an Alertmanager would be told now: policy, check, whether it fires."""
    told: list[Alert] = Alerting(world.scheduler, world.around.around()).of(
        channel, world.clock.now()
    )
    return sorted(
        (a.labels["policy"], a.labels["check"], a.ends_at > world.clock.now()) for a in told
    )


@pytest.mark.parametrize("end", ["expired", "removed"])
async def test_what_opened_under_a_mute_is_told_at_its_end(world: World, end: str) -> None:
    """Row and Event come at once; people hear of it when the mute is over, without a run."""
    mute(world)
    world.say(autonomy_rate="violated")
    key = world.apply(slo(interval="1h"), notify=notify("chat"))
    status = await world.settled(key, "Violated")
    assert (muted(world, key), world.around.told) == (1, [])
    assert status.checks[0].muted_until == NOON + timedelta(hours=1)
    assert ("autonomy-rate", "slo_autonomy_rate_violation", False) in world.rows()
    assert mutes(world) == [(False, None)]

    if end == "removed":
        world.clock.forward(30)
        unmute(world)
    else:
        world.slot(key, 3600)
    await world.until(lambda: bool(world.around.told))
    await world.settled(key, "Violated")

    assert world.around.heard("chat") == [("open", "autonomy-rate")]
    assert mutes(world) == [(True, "MuteRemoved" if end == "removed" else "Expired")]
    assert muted(world, key) in (0, None)


async def test_what_opened_and_ended_under_a_mute_is_never_told(world: World) -> None:
    """Not its opening, and so not its end."""
    mute(world)
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=notify("chat"))
    await world.settled(key, "Violated")
    world.say(autonomy_rate="ok")
    world.slot(key)
    await world.settled(key, "Ok")
    unmute(world)
    await world.until(lambda: mutes(world) == [(True, "MuteRemoved")])
    await world.settled(key, "Ok")

    assert world.around.told == []


async def test_the_end_of_what_was_told_is_told_under_a_mute(world: World) -> None:
    """Nobody is left with a finding that they believe is open."""
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=notify("chat"))
    await world.settled(key, "Violated")
    mute(world)
    await world.until(lambda: mutes(world) == [(False, None)])
    world.say(autonomy_rate="ok")
    world.slot(key)
    await world.settled(key, "Ok")

    assert world.around.heard("chat") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]


async def test_a_mute_of_one_check_leaves_the_others_loud(world: World) -> None:
    """And a critical one that forbids mutes, whatever the mute says."""
    mute(world)
    world.say(a="violated", b="violated")
    key = world.apply(slo("a"), slo("b", severity="critical"), notify=notify("chat"))
    await world.settled(key, "Violated")

    assert world.around.heard("chat") == [("open", "b")]
    assert muted(world, key) == 1


async def test_a_muted_finding_becomes_work_at_the_end_of_the_mute(world: World) -> None:
    """On the first violated run after it."""
    mute(world)
    world.say(autonomy_rate="violated")
    key = world.apply(slo(dispatch={"executor": "hermes"}))
    await world.settled(key, "Violated")
    world.slot(key)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await world.settled(key, "Violated")
    assert world.sink.work_items.rows == {}

    unmute(world)
    await world.until(lambda: mutes(world) == [(True, "MuteRemoved")])
    world.slot(key)
    await world.until(lambda: len(world.sink.work_items.rows) == 1)


async def test_a_mute_that_is_known_is_told_once_over_restarts(world: World) -> None:
    """One row, whatever processes come and go."""
    mute(world)
    world.say(autonomy_rate="ok")
    key = world.apply(slo())
    await world.until(lambda: mutes(world) == [(False, None)])
    await world.settled(key, "Ok")
    await world.restart(key)
    world.slot(key)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    unmute(world)
    await world.until(lambda: mutes(world) == [(True, "MuteRemoved")])


async def test_rounds_are_asked_for_exactly_when_told_findings_change(world: World) -> None:
    """Of every Alertmanager that the policy names, and of no chat; not by values or ticks."""
    world.say(a="violated", b="ok")
    key = world.apply(slo("a"), slo("b"), notify=notify("alerts", "chat", "others"))
    await world.settled(key, "Violated")
    assert world.around.poked == ["alerts", "others"]

    for _ in range(3):
        world.slot(key)
        calls = world.measurer.calls["a"]
        await world.until(lambda n=calls: world.measurer.calls["a"] > n)
    await world.settled(key, "Violated")
    assert world.around.poked == ["alerts", "others"]

    world.say(b="violated")
    world.slot(key)
    await world.until(lambda: len(world.around.poked) == 4)
    world.say(a="ok", b="ok")
    world.slot(key)
    await world.settled(key, "Ok")
    assert world.around.poked == ["alerts", "others"] * 3


async def test_a_new_process_asks_for_rounds_of_what_is_open(world: World) -> None:
    """Nobody can say what the earlier one had posted."""
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=notify("alerts"))
    await world.settled(key, "Violated")
    world.around.poked.clear()
    await world.restart(key)
    await world.until(lambda: world.around.poked == ["alerts"])


async def test_a_round_has_what_fires_of_every_policy_that_names_the_channel(world: World) -> None:
    """Each policy's confirmed findings; a suspended one's go on; muted ones are left out."""
    world.say(a="violated", b="violated", c="violated", d="violated")
    first = world.apply(slo("a"), slo("b"), notify=notify("alerts", "chat"))
    second = await another(world, "second", slo("c"), notify=notify("alerts", "others"))
    third = await another(world, "third", slo("d"))
    for key in (first, second, third):
        await world.settled(key, "Violated")
    everything = [("flywheel", "a", True), ("flywheel", "b", True), ("second", "c", True)]
    assert firing(world, "alerts") == everything
    assert firing(world, "others") == [("second", "c", True)]
    assert firing(world, "chat") == firing(world, "unknown") == []

    mute(world, "a")
    suspended = {**world.store.peek(second)["spec"], "suspend": True}
    world.scheduler.policy_seen(world.store.change_spec(second, suspended))
    await world.settled(second, "Suspended")
    assert firing(world, "alerts") == everything[1:]

    world.say(b="ok")
    world.slot(first)
    await world.until(
        lambda: firing(world, "alerts") == [("flywheel", "b", False), ("second", "c", True)]
    )


async def test_a_round_tells_nothing_that_no_write_has_confirmed(world: World) -> None:
    """The API server is away: what was measured did not happen."""
    world.store.fail(*["before"] * 4)
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=notify("alerts"))
    [runner] = world.scheduler
    await world.until(lambda: runner.attempts.failed_at is not None)
    assert firing(world, "alerts") == []

    await world.settled(key, "Violated")
    assert firing(world, "alerts") == [("flywheel", "autonomy-rate", True)]
