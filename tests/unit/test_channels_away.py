"""A channel that is away when a finding ends hears the end when it is back, once.

It is deleted and made anew, forbidden and allowed again, or can't be understood for a while.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.builders import policy, slo
from tests.support.deciding import (
    ALERTS,
    BROKEN,
    CHAT,
    EVENTS,
    FORBIDDEN,
    MISSING,
    Told,
    mute,
    notify,
)
from tests.support.world import World

from governor.api.log import channel_target
from governor.api.status import PolicyStatus
from governor.app import delivering
from governor.app.ports import ObjectKey
from governor.domain.surroundings import ChannelKind, ChannelView
from governor.errors import DeliveryError

INVALID = ChannelView(kind=None, fault=("ChannelInvalid", "GovernanceChannel chat: no url"))
AWAY = pytest.mark.parametrize("away", [MISSING, FORBIDDEN, INVALID], ids=lambda v: v.fault[0])
CHAT_TARGET = channel_target("chat")
TOLD = [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]


def told_of_an_opening(**overrides: object) -> Told:
    """A policy that tells a chat and a bus, which have heard of its finding."""
    told = Told(policy(notify=notify("chat", "bus", **overrides)), chat=CHAT, bus=EVENTS)
    told.slots("violated")
    assert told.transitions("chat") == told.transitions("bus") == ["open"]
    return told


def becomes(told: Told, chat: ChannelView) -> None:
    """The chat is that from now on."""
    told.surround(channels={**told.surroundings.channels, "chat": chat})


@AWAY
def test_it_hears_the_end_when_it_is_back(away: ChannelView) -> None:
    """The other one hears it at once."""
    told = told_of_an_opening()
    becomes(told, away)
    told.slots("ok")
    assert told.transitions("bus") == ["open", "resolve"]
    becomes(told, CHAT)
    told.decide()
    told.decide()

    assert told.transitions("chat") == ["open", "resolve"]
    assert told.status.pending == ()


@AWAY
def test_nobody_else_need_be_there(away: ChannelView) -> None:
    """The only channel is away, or all of them are."""
    told = told_of_an_opening()
    told.surround(channels={"chat": away, "bus": away})
    told.slots("ok")
    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.decide()

    assert told.transitions("chat") == told.transitions("bus") == ["open", "resolve"]


def test_it_is_reminded_of_nothing_meanwhile_and_told_no_opening_twice() -> None:
    """It is owed one end for each finding that it knows: no more, however long it is away."""
    told = told_of_an_opening(reminderInterval="1m")
    becomes(told, MISSING)
    told.slots("violated", "ok", "violated", "ok", "violated")
    assert [entry.transition for entry in told.status.pending if CHAT_TARGET in entry.targets] == [
        "resolve"
    ]
    becomes(told, CHAT)
    told.slots("violated", "violated", "ok")

    assert told.transitions("chat") == ["open", "resolve", "open", "resolve"]


def test_one_whose_secret_is_broken_is_owed_one_reminder_at_most() -> None:
    """It is not flooded when it is mended; with nobody else to tell, nothing is added."""
    told = Told(policy(notify=notify(reminderInterval="1m")), chat=CHAT)
    told.slots("violated")
    becomes(told, BROKEN)
    told.slots("violated", "violated", "violated", "ok")
    becomes(told, CHAT)
    told.decide()

    assert told.transitions("chat") == ["open", "reminder", "resolve"]


def test_what_waits_for_it_is_said_once_it_is_back() -> None:
    """Until then, that it is missing says more."""
    told = told_of_an_opening()
    becomes(told, MISSING)
    told.slots("ok", "ok")
    assert told.condition("Notifying").reason == "ChannelNotFound"
    becomes(told, CHAT)
    told.down.add(CHAT_TARGET)
    told.slots("ok")

    assert told.condition("Notifying").reason == "DeliveryFailing"


@pytest.mark.parametrize("back", [ALERTS, None], ids=["an Alertmanager", "not named"])
def test_one_that_takes_no_notices_any_more_is_owed_nothing(back: ChannelView | None) -> None:
    """It comes back as an Alertmanager, or its policy drops it meanwhile."""
    told = told_of_an_opening()
    becomes(told, MISSING)
    told.slots("ok")
    told.surround(channels={"bus": EVENTS} if back is None else {"chat": back, "bus": EVENTS})
    told.slots("ok", "ok")

    assert told.transitions("chat") == ["open"]
    assert told.status.pending == ()


def test_one_that_has_heard_of_no_opening_hears_of_no_end() -> None:
    """Alertmanagers are told by level, and who was away all the time knows of nothing."""
    told = Told(policy(notify=notify("chat", "bus")), chat=MISSING, bus=ALERTS)
    told.slots("violated")
    told.surround(channels={"chat": MISSING, "bus": MISSING})
    told.slots("ok")
    assert [entry.targets for entry in told.status.pending] == [("sink", "event")]
    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.slots("ok")

    assert told.transitions("chat") == told.transitions("bus") == []


def test_a_policy_that_tells_no_ends_owes_it_none() -> None:
    told = told_of_an_opening(resolved=False)
    becomes(told, MISSING)
    told.slots("ok")
    becomes(told, CHAT)
    told.decide()

    assert told.transitions("chat") == ["open"]


def test_a_mute_keeps_no_end_from_it() -> None:
    """As from one that is there."""
    told = told_of_an_opening()
    told.surround(mutes=(mute(ends=timedelta(hours=9)),))
    becomes(told, MISSING)
    told.slots("ok")
    becomes(told, CHAT)
    told.decide()

    assert told.transitions("chat") == ["open", "resolve"]


def test_a_suspended_policy_tells_it_what_was_decided_before() -> None:
    told = told_of_an_opening()
    becomes(told, MISSING)
    told.slots("ok")
    told.turn(policy(notify=notify("chat", "bus"), suspend=True))
    told.tick()
    told.decide()
    assert told.transitions("chat") == ["open"]
    becomes(told, CHAT)
    told.decide()

    assert told.transitions("chat") == ["open", "resolve"]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """An operator without a policy, with a chat; it tries again soon."""
    monkeypatch.setattr(delivering, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(delivering, "LONGEST_BACKOFF", 0.01)
    async with World() as made:
        made.around.channel("chat", ChannelKind.CHAT)
        yield made


async def violated(world: World) -> ObjectKey:
    """A policy with a finding that the chat has heard of."""
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), notify=notify())
    await world.settled(key, "Violated")
    assert world.around.heard("chat") == TOLD[:1]
    return key


def goes(world: World, away: ChannelView) -> None:
    """The chat can't be used; the watch tells."""
    world.around.views["chat"] = away
    world.around.dead["chat"] = DeliveryError("takes no notices as it is now")
    world.scheduler.channel_changed("chat")


def comes_back(world: World) -> None:
    """It can be used as before; the watch tells."""
    world.around.channel("chat", ChannelKind.CHAT)
    world.around.dead.clear()
    world.scheduler.channel_changed("chat")


def owed(world: World, key: ObjectKey) -> list[str]:
    """What of the log, as the API server has it, the chat is owed."""
    status = PolicyStatus.model_validate(world.store.peek(key).get("status") or {})
    return [e.transition.value for e in status.pending if CHAT_TARGET in e.targets]


@AWAY
@pytest.mark.parametrize("restarts", [False, True], ids=["one process", "another process"])
async def test_a_check_recovers_in_that_minute(
    world: World, away: ChannelView, restarts: bool
) -> None:
    """The end is in the log, and outlives whoever decided on it."""
    key = await violated(world)
    goes(world, away)
    world.say(autonomy_rate="ok")
    world.slot(key)
    await world.settled(key, "Ok", told=False)
    assert owed(world, key) == ["resolve"]
    if restarts:
        await world.restart(key)
    comes_back(world)
    await world.settled(key, "Ok")

    assert world.around.heard("chat") == TOLD


@AWAY
async def test_a_policy_is_deleted_in_that_minute(world: World, away: ChannelView) -> None:
    """Its end is kept until the channel is back."""
    key = await violated(world)
    goes(world, away)
    world.delete(key)
    await world.until(lambda: bool(world.left.kept))
    [left] = world.left.kept[key.uid].pending
    assert CHAT_TARGET in left.targets
    await world.until(lambda: all(resolved for _, _, resolved in world.rows()))
    assert world.around.heard("chat") == TOLD[:1]
    comes_back(world)
    await world.until(lambda: not world.left.kept)

    assert world.around.heard("chat") == TOLD
