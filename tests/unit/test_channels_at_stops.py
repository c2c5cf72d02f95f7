"""Stops, outages and changed specs while channels are owed something."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from tests.support.builders import slo, spec
from tests.support.world import World

from governor.api.status import PolicyStatus
from governor.app.ports import DispatchRecord, Json, ObjectKey
from governor.app.terms import GRACE_SECONDS
from governor.domain.surroundings import ChannelKind
from governor.errors import DeliveryError

NOTIFY = {"channels": [{"name": "chat"}]}
BOTH = {"channels": [{"name": "chat"}, {"name": "events"}]}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy, with a chat and a receiver of events."""
    async with World() as made:
        made.around.channel("chat", ChannelKind.CHAT)
        made.around.channel("events", ChannelKind.EVENTS)
        yield made


def guided(step: str, name: str = "autonomy-rate") -> dict[str, Any]:
    """A check that says what to do."""
    return slo(name, guidance={"remediation": [step]})


def pending(world: World, key: ObjectKey) -> list[tuple[str, tuple[str, ...]]]:
    """The log as the API server has it."""
    status = PolicyStatus.model_validate(world.store.peek(key).get("status") or {})
    return [(entry.transition.value, entry.targets) for entry in status.pending]


def ticked(world: World, key: ObjectKey) -> list[tuple[str, tuple[str, ...]]]:
    """The same; removals that need not be written at once ride on ticks."""
    world.scheduler.policy_tick(key.uid, 60)
    return pending(world, key)


async def test_a_stop_writes_down_what_a_chat_was_told(world: World) -> None:
    """A message was sent when the stop came: the next process does not repeat it."""
    answer = world.around.answering = asyncio.Event()
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=NOTIFY)
    await world.until(lambda: bool(world.around.told))
    stop = asyncio.create_task(world.scheduler.stop(grace_seconds=5))
    await asyncio.sleep(0)
    answer.set()
    await stop
    assert pending(world, key) == []

    await world.restart(key)
    await world.settled(key, "Violated")
    assert world.around.heard("chat") == [("open", "autonomy-rate")]


async def test_a_sink_that_hangs_keeps_no_stop_from_writing_what_a_chat_was_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has come of work items is not asked for any more."""
    answer = world.around.answering = asyncio.Event()
    world.say(autonomy_rate="violated")
    key = world.apply(slo(dispatch={"executor": "hermes"}), notify=NOTIFY)
    await world.until(lambda: bool(world.around.told) and world.rows() != [])
    world.clock.forward(60)  # so that the answer known is too old

    async def hanging(policy_uid: str) -> Sequence[DispatchRecord]:
        del policy_uid
        await asyncio.Event().wait()
        return ()

    monkeypatch.setattr(world.sink, "dispatches", hanging)
    stop = asyncio.create_task(world.scheduler.stop(GRACE_SECONDS))
    await asyncio.sleep(0)
    answer.set()
    await stop

    assert not [targets for _, targets in pending(world, key) if "channel/chat" in targets]


async def test_a_channel_that_rests_keeps_no_stop_from_writing_what_others_were_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grace period is longer than a lane is waited for."""
    monkeypatch.setattr("governor.app.running.FINISHING_SECONDS", 0.05)
    world.around.resting["events"] = asyncio.Event()
    answer = world.around.answering = asyncio.Event()
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=BOTH)
    await world.until(lambda: bool(world.around.told))
    stop = asyncio.create_task(world.scheduler.stop(grace_seconds=5))
    await asyncio.sleep(0)
    answer.set()
    async with asyncio.timeout(4):
        await stop

    assert pending(world, key) == [("open", ("channel/events",))]


async def test_a_stop_with_a_chat_that_is_owed_more_ends(world: World) -> None:
    """What waits for a removal to be written is the next process' to tell."""
    answer = world.around.answering = asyncio.Event()
    world.say(a="violated", b="violated")
    key = world.apply(slo("a"), slo("b"), notify=NOTIFY)
    await world.until(lambda: bool(world.around.told))
    stop = asyncio.create_task(world.scheduler.stop(grace_seconds=5))
    await asyncio.sleep(0)
    answer.set()
    async with asyncio.timeout(4):
        await stop
    assert world.around.heard("chat") == [("open", "a")]

    await world.restart(key)
    await world.settled(key, "Violated")
    assert world.around.heard("chat") == [("open", "a"), ("open", "b")]


async def test_what_is_owed_is_told_by_a_suspended_policy(world: World) -> None:
    """Suspension stops measuring and reminders, never the draining of the log."""
    world.around.dead["chat"] = DeliveryError("connection refused")
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=NOTIFY | {"reminderInterval": "5m"})
    await world.until(lambda: ticked(world, key) == [("open", ("channel/chat",))])
    world.change(key, suspend=True, notify=NOTIFY | {"reminderInterval": "5m"})
    await world.settled(key, "Suspended", told=False)
    world.around.dead.clear()
    world.scheduler.policy_tick(key.uid, 60)  # retries ride on ticks
    await world.settled(key, "Suspended")
    world.slot(key, 3600)
    await world.settled(key, "Suspended")

    assert world.around.heard("chat") == [("open", "autonomy-rate")]


async def test_texts_are_those_of_the_generation_that_was_judged_by(world: World) -> None:
    """Whatever the spec says by the time that a channel is back."""
    world.around.dead["chat"] = DeliveryError("connection refused")
    world.say(autonomy_rate="violated")
    key = world.apply(guided("stop the line"), notify=NOTIFY)
    await world.settled(key, "Violated", told=False)
    world.change(key, guided("call the owner"), notify=NOTIFY)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    world.around.dead.clear()
    world.scheduler.policy_tick(key.uid, 60)  # retries ride on ticks
    await world.settled(key, "Violated")

    [(_, told)] = world.around.told
    assert told.steps == ("stop the line",)


@pytest.mark.parametrize("sink", ["there", "down", "hanging"])
async def test_a_process_that_never_saw_a_generation_asks_the_sink_for_its_texts(
    world: World, monkeypatch: pytest.MonkeyPatch, sink: str
) -> None:
    """Once; a sink that is down or hangs delays no channel: the texts are the defaults then."""
    monkeypatch.setattr("governor.app.specs.PATIENCE", 0.05)
    revision, asked = world.sink.revision, []

    async def counted(policy_uid: str, generation: int) -> Json | None:
        asked.append(generation)
        if sink == "hanging":
            await asyncio.Event().wait()
        return await revision(policy_uid, generation)

    monkeypatch.setattr(world.sink, "revision", counted)
    world.around.channel("chat", ChannelKind.EVENTS)
    world.around.dead["chat"] = DeliveryError("connection refused")
    world.say(a="violated", b="violated")
    key = world.apply(guided("stop the line", "a"), guided("stop the line", "b"), notify=NOTIFY)
    await world.until(lambda: ticked(world, key) == [("open", ("channel/chat",))] * 2)
    world.store.change_spec(key, spec(slo("a"), slo("b"), notify=NOTIFY))
    if sink == "down":
        world.sink.down = "stopped"
    await world.restart(key)
    world.around.dead.clear()  # not before: the old process would tell with what it knows
    await world.until(lambda: len(world.around.told) == 2)

    steps = [notice.steps == ("stop the line",) for _, notice in world.around.told]
    assert steps == [sink == "there"] * 2
    assert asked == [1]
