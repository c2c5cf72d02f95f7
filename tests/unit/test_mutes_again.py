"""A mute that comes into force again has another row, and Events of its own."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest
from tests.support.builders import NOON, UID, History, policy, slo
from tests.support.deciding import Told, mute
from tests.support.world import World

from governor.api.log import Entry
from governor.api.status import PolicyStatus
from governor.app.ports import ObjectKey
from governor.domain.entries import Decision
from governor.domain.muting import MOST
from governor.domain.policies import Policy
from governor.domain.restating import restate
from governor.domain.surroundings import ChannelKind, Mute

HOUR = timedelta(hours=1)
ALLOWED, FORBIDDEN = policy(mutes="Allowed"), policy(mutes="Forbidden")
LATER = tuple(mute(f"m{n}", ends=9 * HOUR) for n in range(MOST))
"""As many as are honoured at once; they end later than any other here."""


def life(of: Policy = ALLOWED) -> Told:
    """One mute in force over a policy."""
    told = Told(of)
    told.surround(mutes=(mute(),))
    told.decide(autonomy_rate="ok")
    return told


def rows(told: Told) -> list[Entry]:
    """What was told of the mute."""
    return [entry for entry in told.told if entry.check == "mute/uid-of-quiet"]


def expires(told: Told) -> None:
    """Its time is over."""
    told.tick(3600)


def is_extended(told: Told) -> None:
    """Its owner moves its end, as its condition advises."""
    told.surround(mutes=(mute(ends=9 * HOUR),))


def is_forbidden(told: Told) -> None:
    told.turn(FORBIDDEN)


def is_allowed(told: Told) -> None:
    told.turn(ALLOWED)


def is_crowded_out(told: Told) -> None:
    """Others end later, and no more are honoured."""
    told.surround(mutes=(mute(), *LATER))


def has_room(told: Told) -> None:
    told.surround(mutes=(mute(),))


def clock_is_ahead(told: Told) -> None:
    told.tick(7200)


def clock_is_set_right(told: Told) -> None:
    told.tick(-7200)


@pytest.mark.parametrize(
    ("ends", "begins", "reason"),
    [
        (expires, is_extended, "Expired"),
        (is_forbidden, is_allowed, "MuteRemoved"),
        (is_crowded_out, has_room, "MuteRemoved"),
        (clock_is_ahead, clock_is_set_right, "Expired"),
    ],
    ids=["extended", "allowed again", "among the eight again", "clock stepped"],
)
def test_each_time_in_force_is_a_row(
    ends: Callable[[Told], None], begins: Callable[[Told], None], reason: str
) -> None:
    """Of an id of its own, and begun when it began."""
    told = life()
    ends(told)
    told.tick()
    told.decide(autonomy_rate="ok")
    assert "uid-of-quiet" not in {ref.uid for ref in told.status.mutes}
    begins(told)
    told.tick()
    told.decide(autonomy_rate="ok")
    again = told.now
    told.surround(mutes=())
    told.tick()
    told.decide(autonomy_rate="ok")

    first, end, second, last = rows(told)
    assert [e.transition for e in rows(told)] == ["open", "resolve"] * 2
    assert (end.finding, last.finding) == (first.finding, second.finding)
    assert (end.resolved_reason, last.resolved_reason) == (reason, "MuteRemoved")
    assert len({entry.id for entry in rows(told)}) == 4
    assert (first.opened_at, second.opened_at) == (NOON, again)


def test_a_decision_that_did_not_happen_leaves_no_row() -> None:
    """Its write failed; the next one decides at another time, and tells once."""
    told = Told(ALLOWED)
    told.surround(mutes=(mute(),))
    before = told.status
    History.decide(told, autonomy_rate="ok")
    told.status = before
    told.tick()
    told.decide(autonomy_rate="ok")

    [opening] = [entry for entry in told.to("sink") if entry.check == "mute/uid-of-quiet"]
    assert opening.opened_at == told.now
    assert told.status.mutes[0].finding.id == opening.finding


def said_again(status: PolicyStatus, *mutes: Mute, at: datetime) -> tuple[Entry, ...]:
    """What of mutes is said again to the sink."""
    decision = Decision(policy_uid=UID, generation=1, at=at)
    return restate(decision, ALLOWED, status, muting=mutes)


def test_a_mute_in_force_is_said_again_to_the_sink() -> None:
    """Also where the log had no room for it; not while the log tells of it, nor when it is over."""
    told = life()
    [opening] = rows(told)
    known = told.status
    quiet = known.model_copy(update={"pending": ()})

    [again] = said_again(quiet, mute(), mute("other"), at=told.now)
    assert again == opening
    assert said_again(known, mute(), at=told.now) == ()
    assert said_again(quiet, at=told.now) == ()
    assert said_again(quiet, mute(), at=told.now + HOUR) == ()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


def stands(world: World, *, ends: datetime) -> None:
    """The mute is there and ends then; the watch tells."""
    world.around.standing["aiops", "flywheel"] = (mute(ends=ends - NOON),)
    world.scheduler.mute_changed("aiops", "flywheel")


def is_deleted(world: World) -> None:
    """The mute goes; the watch tells."""
    world.around.standing.clear()
    world.scheduler.mute_changed("aiops", "flywheel")


def mutes(world: World) -> list[tuple[str | None, bool]]:
    """The mute's rows, oldest first: why each ended, and whether it has."""
    found = [row for row in world.sink.events.values() if row["event_type"] == "governance_mute"]
    found.sort(key=lambda row: row["opened_at"])
    return [(row["resolved_reason"], row["resolved"]) for row in found]


def told_of(world: World) -> Counter[str]:
    """The Events about the mute, by reason."""
    return Counter(e.reason for e in world.events.events.values() if e.action == "Mute")


async def muted(world: World, **overrides: object) -> ObjectKey:
    """A policy with a mute that ends in an hour; everybody has been told of it."""
    world.say(autonomy_rate="ok")
    stands(world, ends=NOON + HOUR)
    key = world.apply(slo(), **overrides)
    await world.settled(key, "Ok")
    assert mutes(world) == [(None, False)]
    return key


async def test_an_expired_mute_that_is_extended_opens_another_row(world: World) -> None:
    """It ends when the mute does; each time has its Events."""
    key = await muted(world)
    world.slot(key, 3600)
    await world.until(lambda: mutes(world) == [("Expired", True)])
    await world.settled(key, "Ok")
    world.clock.forward(60)
    stands(world, ends=NOON + 3 * HOUR)
    await world.until(lambda: mutes(world) == [("Expired", True), (None, False)])
    await world.settled(key, "Ok")
    assert told_of(world) == {"FindingOpened": 2, "FindingResolved": 1}
    world.slot(key, 7200)
    await world.until(lambda: mutes(world) == [("Expired", True)] * 2)
    await world.settled(key, "Ok")

    assert told_of(world) == {"FindingOpened": 2, "FindingResolved": 2}


async def wipe(world: World, key: ObjectKey) -> None:
    """Somebody removes the status, and the operator sees it."""
    world.clock.forward(60)
    version = world.store.peek(key)["metadata"]["resourceVersion"]
    world.scheduler.policy_seen(await world.store.replace_status(key, version, {}))


async def test_a_wiped_status_finds_the_row_of_a_mute_in_force(world: World) -> None:
    """It is not told of again, and ends with the mute."""
    key = await muted(world)
    await wipe(world, key)
    status = await world.settled(key, "Ok")
    assert [ref.finding.id for ref in status.mutes] == list(world.sink.events)
    is_deleted(world)
    await world.until(lambda: mutes(world) == [("MuteRemoved", True)])
    await world.settled(key, "Ok")

    assert told_of(world) == {"FindingOpened": 1, "FindingResolved": 1}


async def test_a_status_wiped_while_the_sink_is_down_keeps_the_one_row(world: World) -> None:
    """The index names it once the sink is back; only the Event was told twice meanwhile."""
    key = await muted(world)
    world.sink.down = "stopped"
    await wipe(world, key)
    await world.until(lambda: told_of(world)["FindingOpened"] == 2)
    world.sink.down = None
    world.scheduler.policy_tick(key.uid, 60)
    await world.settled(key, "Ok")
    assert mutes(world) == [(None, False)]
    is_deleted(world)
    await world.until(lambda: mutes(world) == [("MuteRemoved", True)])
    await world.settled(key, "Ok")

    assert told_of(world)["FindingResolved"] == 1


async def test_channels_hear_nothing_of_a_mute_whose_row_is_another_and_ends(world: World) -> None:
    """The status was wiped and the mute deleted while the sink was down."""
    world.around.channel("chat", ChannelKind.CHAT)
    key = await muted(world, notify={"channels": [{"name": "chat"}]})
    world.sink.down = "stopped"
    await wipe(world, key)
    await world.until(lambda: told_of(world)["FindingOpened"] == 2)
    is_deleted(world)
    await world.until(lambda: told_of(world)["FindingResolved"] == 1)
    world.sink.down = None
    await world.ticking(key, lambda: mutes(world) == [("MuteRemoved", True)])
    await world.settled(key, "Ok")

    assert world.around.told == []
