"""One policy's findings on their way to channels: each once, none waiting for another."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest
from tests.support.builders import NOON, slo
from tests.support.world import World

from governor.api.log import channel_target
from governor.api.status import PolicyStatus
from governor.app.ports import ObjectKey
from governor.domain.surroundings import ChannelKind
from governor.errors import DeliveryError, RejectedError, RetiredError

CHECKS = (slo("a"), slo("b"), slo("c"))
OPENED = [("open", "a"), ("open", "b"), ("open", "c")]
RESOLVED = [("resolve", "a"), ("resolve", "b"), ("resolve", "c")]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy, with a chat, a receiver of events and an Alertmanager."""
    async with World() as made:
        made.around.channel("chat", ChannelKind.CHAT)
        made.around.channel("events", ChannelKind.EVENTS)
        made.around.channel("alerts", ChannelKind.LEVEL)
        yield made


def notify(*channels: str, **overrides: Any) -> dict[str, Any]:
    """A policy's `notify`."""
    return {"channels": [{"name": name} for name in channels], **overrides}


def all_are(world: World, word: str) -> None:
    """Every check measures that from now on."""
    world.say(a=word, b=word, c=word)


def still_owed(world: World, key: ObjectKey, channel: str) -> int:
    """How many entries of the log, as the API server has it, a channel is owed."""
    status = PolicyStatus.model_validate(world.store.peek(key).get("status") or {})
    return sum(channel_target(channel) in entry.targets for entry in status.pending)


async def test_every_channel_is_told_of_a_finding_once(world: World) -> None:
    """Opened and resolved; an Alertmanager is told by level, and never through the log."""
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify("chat", "events", "alerts"))
    status = await world.settled(key, "Violated")
    all_are(world, "ok")
    world.slot(key)
    await world.settled(key, "Ok")

    assert world.around.heard("chat") == OPENED + RESOLVED
    assert world.around.heard("events") == OPENED + RESOLVED
    assert world.around.heard("alerts") == []
    assert [check.finding and check.finding.last_told_at for check in status.checks] == [NOON] * 3


async def test_reminders_come_at_their_interval_and_never_for_what_is_well(world: World) -> None:
    """To channels only: neither an Event nor a row tells that something is still so."""
    world.say(a="violated")
    key = world.apply(*CHECKS, notify=notify("events", reminderInterval="10m"))
    await world.settled(key, "Violated")
    for _ in range(2):
        world.slot(key, 600)
        reminders = len(world.around.told)
        await world.until(lambda n=reminders: len(world.around.told) > n)
    world.slot(key, 60)
    await world.until(lambda: world.measurer.calls["a"] == 4)
    await world.settled(key, "Violated")

    assert world.around.heard("events") == [("open", "a"), ("reminder", "a"), ("reminder", "a")]
    assert len({notice.id for _, notice in world.around.told}) == 3
    assert world.reasons() == ["FindingOpened"]


async def test_a_chat_is_told_more_only_when_the_log_says_what_it_knows(world: World) -> None:
    """The removal is written before the next message; a receiver of events needs none."""
    owed: list[int] = []
    world.around.on_offer = lambda channel: (
        channel == "chat" and owed.append(still_owed(world, key, "chat"))
    )
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify("chat"))
    await world.settled(key, "Violated")

    assert owed == [3, 2, 1]
    assert world.around.heard("chat") == OPENED


@pytest.mark.parametrize(("channel", "repeated"), [("chat", 1), ("events", 3)])
async def test_killed_between_a_message_and_its_writing_the_same_id_is_told_again(
    world: World, channel: str, repeated: int
) -> None:
    """A chat repeats one message at most; who deduplicates gets all, under the same ids."""
    world.around.answering = asyncio.Event()
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify(channel))
    await world.until(lambda: len(world.around.told) == repeated)
    world.around.answering = None
    await world.restart(key)
    await world.settled(key, "Violated")

    ids = [notice.id for _, notice in world.around.told]
    assert len(ids) == 3 + repeated
    assert len(set(ids)) == 3
    assert ids[:repeated] == ids[repeated : 2 * repeated]


async def test_a_restart_after_the_writing_repeats_nothing(world: World) -> None:
    """What the status no longer owes is not told by the next process."""
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify("chat", "events"))
    await world.settled(key, "Violated")
    await world.restart(key)
    world.slot(key)
    await world.until(lambda: world.measurer.calls["a"] == 2)
    await world.settled(key, "Violated")

    assert world.around.heard("chat") == world.around.heard("events") == OPENED


@pytest.mark.parametrize("dead", ["chat", "events"])
@pytest.mark.parametrize("how", ["refuses", "rests"])
async def test_a_dead_channel_delays_nobody_and_gets_all_it_is_owed_in_order(
    world: World, dead: str, how: str
) -> None:
    """Rows, Events and the other channel go on; what is owed stays in the log until it is back."""
    other = "events" if dead == "chat" else "chat"
    if how == "refuses":
        world.around.dead[dead] = DeliveryError("connection refused")
    else:
        world.around.resting[dead] = asyncio.Event()
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify("chat", "events"))
    await world.until(lambda: world.around.heard(other) == OPENED)
    await world.until(lambda: len(world.rows()) == len(world.reasons()) == 3)
    all_are(world, "ok")
    world.slot(key)
    await world.until(lambda: world.around.heard(other) == OPENED + RESOLVED)
    await world.until(lambda: all(resolved for _, _, resolved in world.rows()))
    await world.until(lambda: len(world.reasons()) == 6)
    await world.ticking(key, lambda: still_owed(world, key, other) == 0)
    assert still_owed(world, key, dead) == 6

    world.around.dead.clear()
    for gate in world.around.resting.values():
        gate.set()
    world.scheduler.policy_tick(key.uid, 60)  # so do retries
    await world.settled(key, "Ok")

    assert world.around.heard(dead) == OPENED + RESOLVED


async def test_a_dead_channel_is_complained_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """And once more when it delivers; one that refuses a namespace ails there alone."""
    caplog.set_level("INFO")
    world.around.dead["events"] = DeliveryError("connection refused")
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify("events"))
    await world.until(
        lambda: world.telemetry.deliveries.count((channel_target("events"), "retried")) >= 2
    )
    world.around.dead.clear()
    world.scheduler.policy_tick(key.uid, 60)
    await world.settled(key, "Violated")

    said = [(r.message, r.__dict__["target"]) for r in caplog.records if "deliver" in r.message]
    place = "channel/events from aiops"
    assert said == [("can't deliver now", place), ("delivers again", place)]


@pytest.mark.parametrize("channel", ["chat", "events"])
async def test_a_channel_that_retired_is_owed_nothing(world: World, channel: str) -> None:
    """All of it is dropped and counted; a later finding is dropped as well."""
    world.around.dead[channel] = RetiredError("410: gone for good")
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify(channel))
    await world.settled(key, "Violated")
    target = channel_target(channel)
    assert world.telemetry.deliveries.count((target, "rejected")) == 3

    world.say(a="ok", b="violated", c="violated")
    world.slot(key)
    await world.until(lambda: world.telemetry.deliveries.count((target, "rejected")) == 4)
    await world.settled(key, "Violated")
    assert world.around.told == []


@pytest.mark.parametrize("channel", ["chat", "events"])
async def test_a_notice_that_is_refused_for_good_is_dropped_alone(
    world: World, channel: str
) -> None:
    """The others behind it are told at once, without a tick."""

    def first_is_refused(name: str) -> None:
        if not refused:
            refused.append(name)
            raise RejectedError("400: too long")

    refused: list[str] = []
    world.around.on_offer = first_is_refused
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify(channel))
    await world.settled(key, "Violated")

    assert world.around.heard(channel) == OPENED[1:]
    assert world.telemetry.deliveries.count((channel_target(channel), "rejected")) == 1


async def test_a_receiver_that_takes_only_a_part_is_offered_the_rest_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when the next tick comes."""
    offer = world.around.offer

    async def grudging(channel: str, key: ObjectKey, notices: Any) -> Any:
        return await offer(channel, key, notices[:1])

    monkeypatch.setattr(world.around, "offer", grudging)
    all_are(world, "violated")
    await world.settled(world.apply(*CHECKS, notify=notify("events")), "Violated")

    assert world.around.heard("events") == OPENED


@pytest.mark.parametrize("how", ["unnamed", "level"])
async def test_a_channel_that_takes_no_notices_any_more_is_owed_nothing(
    world: World, how: str
) -> None:
    """It is no longer named, or an Alertmanager now: nothing stays in the log for ever."""
    world.around.dead["chat"] = DeliveryError("connection refused")
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify("chat", "events"))
    await world.until(lambda: world.around.heard("events") == OPENED)
    await world.until(lambda: still_owed(world, key, "chat") == 3)
    if how == "unnamed":
        world.change(key, *CHECKS, notify=notify("events"))
    else:
        world.around.channel("chat", ChannelKind.LEVEL)
        world.scheduler.channel_changed("chat")
    await world.until(lambda: still_owed(world, key, "chat") == 0)
    await world.settled(key, "Violated")

    assert world.around.heard("events") == OPENED


async def test_what_a_channel_is_no_longer_owed_is_not_told_however_long_it_waits(
    world: World,
) -> None:
    """It waits in an outbox when the channel is taken out of the spec."""
    rested = world.around.resting["chat"] = asyncio.Event()
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify("chat", "events"))
    await world.until(lambda: world.around.heard("events") == OPENED)
    world.change(key, *CHECKS, notify=notify("events"))
    await acted_on(world, lambda status: status.observed_generation == 2 and not status.pending)
    rested.set()
    world.change(key, *CHECKS, notify=notify("chat", "events"))
    all_are(world, "ok")
    world.slot(key)
    await world.settled(key, "Ok")

    assert world.around.heard("chat") == []
    assert world.around.heard("events") == OPENED + RESOLVED


async def test_what_waits_in_an_outbox_is_told_under_the_name_that_the_sink_knows(
    world: World,
) -> None:
    """The status is wiped while the sink is down, so that the finding opens anew; then it is up."""
    world.say(a="violated")
    key = world.apply(slo("a"), notify=notify("chat"))
    known = (await world.settled(key, "Violated")).checks[0].finding
    assert known is not None
    rested = world.around.resting["chat"] = asyncio.Event()
    world.sink.down = "stopped"
    version = world.store.peek(key)["metadata"]["resourceVersion"]
    world.scheduler.policy_seen(await world.store.replace_status(key, version, {}))
    world.slot(key)
    await world.until(lambda: still_owed(world, key, "chat") == 1)
    world.sink.down = None
    world.slot(key, 120)
    await acted_on(world, lambda status: _finding(status) == known.id)
    rested.set()
    await world.settled(key, "Violated")

    told = [notice.finding for channel, notice in world.around.told if channel == "chat"]
    assert told == [known.id, known.id]


async def acted_on(world: World, condition: Callable[[PolicyStatus], bool]) -> None:
    """Waits until the operator knows that such a status stands, and its lanes do, too.

    The API server has it a moment earlier.
    """
    [runner] = world.scheduler
    await world.until(lambda: condition(runner.confirmed))
    for _ in range(100):  # turns of the event loop
        await asyncio.sleep(0)


def _finding(status: PolicyStatus) -> UUID | None:
    return status.checks[0].finding.id if status.checks and status.checks[0].finding else None


async def test_a_channel_that_is_away_for_a_while_is_owed_all(world: World) -> None:
    """Deleted and made anew, or forbidden and allowed again."""
    world.around.dead["chat"] = DeliveryError("there is no such channel")
    all_are(world, "violated")
    key = world.apply(*CHECKS, notify=notify("chat"))
    await world.until(lambda: still_owed(world, key, "chat") == 3)
    del world.around.views["chat"]
    world.scheduler.channel_changed("chat")
    world.slot(key)
    await world.until(lambda: world.measurer.calls["a"] == 2)
    world.around.channel("chat", ChannelKind.CHAT)
    world.around.dead.clear()
    world.scheduler.channel_changed("chat")
    await world.settled(key, "Violated")

    assert world.around.heard("chat") == OPENED
