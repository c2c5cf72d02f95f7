"""What deleted policies left is told: from where no deletion reaches it, once, and truly."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.builders import drift, drifted, slo
from tests.support.world import World

from governor.app import heirs, orphans
from governor.app.ports import ObjectKey
from governor.domain.surroundings import ChannelKind
from governor.errors import DeliveryError, UnavailableError

SLO = "slo_autonomy_rate_violation"
NOTIFY = {"channels": [{"name": "chat"}]}


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """An operator without a policy, which looks often."""
    monkeypatch.setattr(orphans, "COPYING_SECONDS", 0.01)
    monkeypatch.setattr(heirs, "FIRST_BACKOFF", 0.01)
    async with World() as made:
        made.around.channel("chat", ChannelKind.CHAT)
        yield made


async def violated(world: World, **overrides: object) -> ObjectKey:
    """A policy with a finding of which everybody knows."""
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), **overrides)
    await world.settled(key, "Violated")
    return key


async def test_the_findings_of_a_deleted_policy_end(world: World) -> None:
    """In the sink, as an Event, and for those who heard of them; then nothing is left."""
    key = await violated(world, notify=NOTIFY)
    world.delete(key)
    await world.until(lambda: world.rows() == [("autonomy-rate", SLO, True)])
    await world.until(lambda: not world.left.kept)

    [row] = world.sink.events.values()
    assert row["resolved_reason"] == "PolicyDeleted"
    assert world.reasons() == ["FindingOpened", "FindingResolved"]
    assert world.around.heard("chat") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]
    assert key not in world.telemetry.statuses


async def test_a_policy_without_findings_leaves_nothing(world: World) -> None:
    key = world.apply()
    await world.settled(key, "Ok")
    world.left.fail(UnavailableError("nothing should be kept"))
    world.delete(key)
    await world.orphans.settle(5)

    assert not world.left.kept
    assert not world.rows()


async def test_what_the_sink_could_not_be_told_survives_the_policy_and_the_process(
    world: World,
) -> None:
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    world.delete(key)
    await world.until(lambda: bool(world.left.kept))
    await world.restart()
    await world.until(lambda: world.telemetry.left_pending.get(key, 0) > 0)
    world.sink.down = None

    await world.until(lambda: world.rows() == [("autonomy-rate", SLO, True)])
    await world.until(lambda: not world.left.kept)
    await world.until(lambda: world.telemetry.left_pending == {key: 0})
    assert world.reasons() == ["FindingOpened", "FindingResolved"]


async def test_nothing_is_told_before_it_is_kept(world: World) -> None:
    """A crash between the two would lose what was not told yet."""
    key = await violated(world)
    world.left.fail(*[UnavailableError("away")] * 3)
    world.store.delete(key)
    told = len(world.sink.events), len(world.events.attempts)
    world.scheduler.policy_gone(key.uid)
    await world.orphans.settle(0)
    assert (len(world.sink.events), len(world.events.attempts)) == told
    assert world.rows() == [("autonomy-rate", SLO, False)]

    await world.until(lambda: world.rows() == [("autonomy-rate", SLO, True)])


async def test_a_policy_that_lives_after_all_has_nothing_told(world: World) -> None:
    """Whoever said that it was gone was wrong."""
    key = await violated(world)
    body = world.store.peek(key)
    world.scheduler.policy_gone(key.uid)
    await world.orphans.settle(5)
    world.scheduler.policy_seen(body)
    await world.settled(key, "Violated")
    await world.until(lambda: not world.left.kept)

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]


async def test_another_policy_of_the_name_is_not_its_heir(world: World) -> None:
    """The old one's finding ends; the new one's is another."""
    key = await violated(world)
    world.delete(key)
    again = world.apply(slo())
    await world.settled(again, "Violated")

    await world.until(
        lambda: sorted(row[2] for row in world.rows()) == [False, True]  # both are there
    )
    rows = {row["policy_uid"]: row["resolved"] for row in world.sink.events.values()}
    assert rows == {key.uid: True, again.uid: False}


async def test_what_was_chosen_by_a_policy_that_is_gone_is_not_deprecated(world: World) -> None:
    """The row says that it was cancelled."""
    world.around.deprecation = DeliveryError("later")
    world.measurer.outcomes["built-in"] = drifted("pb-1", "pb-2")
    key = world.apply(drift(), enforcement="Enforce")
    await world.settled(key, "Violated", told=False)
    await world.until(lambda: bool(world.around.deprecated))
    world.around.deprecation = None
    tried = len(world.around.deprecated)
    world.delete(key)
    await world.until(lambda: all(row["resolved"] for row in world.sink.events.values()))
    await world.until(lambda: not world.left.kept)

    [row] = world.sink.events.values()
    [run] = row["details"]["remediation"]["runs"]
    assert run["cancelled"] == "the policy was deleted"
    assert run["unconfirmed"] == ["pb-1", "pb-2"]
    assert len(world.around.deprecated) == tried


async def test_what_somebody_wrote_into_an_orphan_is_not_told(world: World) -> None:
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    world.delete(key)
    await world.until(lambda: bool(world.left.kept))
    await world.end()
    kept = world.left.kept[key.uid]
    forged = kept.pending[0].model_copy(update={"check": "forged"})
    world.left.kept[key.uid] = type(kept)(
        key=kept.key, pending=(*kept.pending, forged), specs=kept.specs
    )
    world.sink.down = None
    await world.restart()
    await world.until(lambda: not world.left.kept)

    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert ("log", "dropped") in world.telemetry.deliveries


async def test_a_channel_that_never_hears_is_given_up_after_a_day(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink is not."""
    monkeypatch.setattr(heirs, "WRITTEN_WITHIN", 0.01)
    key = await violated(world, notify=NOTIFY)
    world.around.dead["chat"] = DeliveryError("its namespace is allowed no more")
    world.sink.down = "stopped"
    world.delete(key)
    await world.until(lambda: bool(world.left.kept))
    await world.until(lambda: world.reasons() == ["FindingOpened", "FindingResolved"])
    world.clock.forward(timedelta(days=1).total_seconds())
    await world.until(lambda: ("orphan", "dropped") in world.telemetry.deliveries)
    await world.until(lambda: world.left.kept[key.uid].pending[0].targets == ("sink",))
    world.sink.down = None
    await world.until(lambda: not world.left.kept)

    assert world.rows() == [("autonomy-rate", SLO, True)]


async def test_a_stop_writes_down_what_a_chat_was_told_of_a_deleted_policy(world: World) -> None:
    """The message was sent when the stop came: the next process does not repeat it."""
    key = await violated(world, notify=NOTIFY)
    answer = world.around.answering = asyncio.Event()
    world.delete(key)
    await world.until(lambda: len(world.around.heard("chat")) == 2)
    settling = asyncio.create_task(world.orphans.settle(5))
    await asyncio.sleep(0)
    answer.set()
    await settling
    assert not world.left.kept

    await world.restart()
    await world.orphans.settle(5)
    assert world.around.heard("chat") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]


async def test_what_is_not_told_when_a_stop_is_over_is_the_next_leaders(world: World) -> None:
    """It stays kept."""
    key = await violated(world, notify=NOTIFY)
    world.around.dead["chat"] = DeliveryError("connection refused")
    world.delete(key)
    await world.until(lambda: world.rows() == [("autonomy-rate", SLO, True)])
    await world.orphans.settle(5)
    assert world.left.kept

    world.around.dead.clear()
    await world.restart()
    await world.until(lambda: not world.left.kept)
    assert world.around.heard("chat") == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]
