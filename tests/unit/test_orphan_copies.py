"""What a policy can't get told for a minute is copied to where its deletion does not reach it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.app import orphans
from governor.app.ports import ObjectKey
from governor.domain.surroundings import ChannelKind
from governor.errors import DeliveryError

SLO = "slo_autonomy_rate_violation"
NOTIFY = {"channels": [{"name": "chat"}]}


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """An operator without a policy, which looks often."""
    monkeypatch.setattr(orphans, "COPYING_SECONDS", 0.01)
    async with World() as made:
        made.around.channel("chat", ChannelKind.CHAT)
        yield made


async def stuck(world: World, **overrides: object) -> ObjectKey:
    """A policy with a finding of which nobody knows yet, and a copy of that."""
    world.sink.down = "stopped"
    world.around.dead["chat"] = DeliveryError("down")
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), **overrides)
    await world.settled(key, "Violated", told=False)
    world.clock.forward(60)
    await world.until(lambda: bool(world.left.kept))
    return key


async def test_what_waits_for_a_minute_is_copied_and_taken_away_when_told(world: World) -> None:
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    world.clock.forward(59)
    assert not world.left.kept
    world.clock.forward(1)
    await world.until(lambda: bool(world.left.kept))
    assert [e.transition.value for e in world.left.kept[key.uid].pending] == ["open"]

    world.sink.down = None
    world.slot(key)
    await world.settled(key, "Violated")
    await world.until(lambda: not world.left.kept)
    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_a_copy_is_told_if_its_policy_went_while_no_process_ran(world: World) -> None:
    """But not while it lives."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    world.clock.forward(60)
    await world.until(lambda: bool(world.left.kept))
    await world.end()
    world.store.delete(key)
    world.sink.down = None
    await world.restart()

    await world.until(lambda: world.rows() == [("autonomy-rate", SLO, True)])
    await world.until(lambda: not world.left.kept)
    [row] = world.sink.events.values()
    assert row["resolved_reason"] == "PolicyDeleted"
    assert world.reasons() == ["FindingOpened", "FindingResolved"]


async def test_a_chat_that_was_down_hears_the_end_with_the_beginning(world: World) -> None:
    """The policy went while no process ran: both are known from the copy."""
    key = await stuck(world, notify=NOTIFY)
    await world.end()
    world.store.delete(key)
    world.around.dead.clear()
    world.sink.down = None
    await world.restart()

    await world.until(lambda: not world.left.kept)
    assert world.around.heard("chat") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]
    assert world.rows() == [("autonomy-rate", SLO, True)]


async def test_a_copy_whose_policy_still_seems_to_live_here_is_left_to_its_runner(
    world: World,
) -> None:
    """It went unseen. What its runner has to bequeath is more than the copy, and is told once."""
    key = await stuck(world, notify=NOTIFY)
    body = world.store.peek(key)
    await world.end()
    world.store.delete(key)
    world.around.dead.clear()
    world.sink.down = None
    reads = world.left.reads
    await world.restart()
    world.scheduler.policy_seen(body)
    await world.until(lambda: world.left.reads > reads)
    world.scheduler.policy_gone(key.uid)

    await world.until(lambda: not world.left.kept)
    assert world.around.heard("chat") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]
    assert world.rows() == [("autonomy-rate", SLO, True)]


async def test_a_copy_that_is_under_way_does_not_replace_the_bequest(world: World) -> None:
    """However long the API server takes for it."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    world.left.slow = asyncio.Event()
    world.clock.forward(60)
    await world.until(lambda: bool(world.left.waiting))
    world.left.slow, slow = None, world.left.slow
    world.delete(key)
    await world.orphans.settle(0.1)
    slow.set()
    await world.until(lambda: len(world.left.puts) == 2)

    kept = [entry.transition.value for entry in world.left.kept[key.uid].pending]
    assert kept == ["open", "resolve"]


async def test_a_policy_that_went_while_others_were_copied_is_not_copied(world: World) -> None:
    """Or its copy would take the place of its bequest, or be left over for good."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    keys = [world.apply(name=name) for name in ("first", "second")]
    for key in keys:
        await world.settled(key, "Violated", told=False)
    world.left.slow = asyncio.Event()
    world.clock.forward(60)
    await world.until(lambda: bool(world.left.waiting))
    world.left.slow, slow = None, world.left.slow
    world.sink.down = None
    world.delete(keys[1])
    await world.until(lambda: bool(world.left.puts))
    await world.until(lambda: not world.left.kept)
    slow.set()
    await world.until(lambda: len(world.left.puts) > 1)
    world.slot(keys[0])
    await world.until(lambda: not world.left.kept)

    assert [put.key.name for put in world.left.puts] == ["second", "first"]
    assert sorted(row["resolved"] for row in world.sink.events.values()) == [False, True]


async def lost(world: World, key: ObjectKey) -> None:
    """The process ends, the policy goes, and another process has seen both."""
    body = world.store.peek(key)
    await world.end()
    world.store.delete(key)
    world.sink.down = None
    world.around.dead.clear()
    await world.restart()
    world.scheduler.policy_lost(body)


async def test_a_policy_that_went_between_two_leaders_has_its_findings_ended(world: World) -> None:
    """Nobody can know whether the earlier one told it to a chat, so that is not told again."""
    world.around.channel("bus", ChannelKind.EVENTS)
    world.say(autonomy_rate="violated")
    notify = {"channels": [{"name": "chat"}, {"name": "bus"}]}
    key = world.apply(slo(), notify=notify)
    await world.settled(key, "Violated")
    await lost(world, key)

    await world.until(lambda: world.reasons() == ["FindingOpened", "FindingResolved"])
    await world.until(lambda: not world.left.kept)
    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert world.around.heard("bus") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]
    assert world.around.heard("chat") == [("open", "autonomy-rate")]


async def test_what_the_earlier_leader_kept_for_a_chat_is_told_to_it(world: World) -> None:
    """It was not told yet: and so its end can follow."""
    await lost(world, await stuck(world, notify=NOTIFY))

    await world.until(lambda: not world.left.kept)
    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert world.reasons() == ["FindingOpened", "FindingResolved"]
    assert world.around.heard("chat") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]


async def test_what_an_earlier_leader_saw_to_is_told_to_nobody_again(world: World) -> None:
    """It is known again: by id, by name."""
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=NOTIFY)
    await world.settled(key, "Violated")
    body = world.store.peek(key)
    world.delete(key)
    await world.until(lambda: len(world.left.puts) == 1)
    await world.until(lambda: not world.left.kept)
    rows = dict(world.sink.events)
    await world.restart()
    world.scheduler.policy_lost(body)
    await world.until(lambda: len(world.left.puts) == 2)
    await world.until(lambda: not world.left.kept)

    assert world.sink.events == rows
    assert world.reasons() == ["FindingOpened", "FindingResolved"]
    assert world.around.heard("chat") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]
