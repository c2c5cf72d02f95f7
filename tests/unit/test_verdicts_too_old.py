"""What was found too long ago says nothing any more, though other checks are measured."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.builders import History, policy, slo
from tests.support.world import World

from governor.api.status import PolicyStatus
from governor.domain.staleness import believable

DAYS = 86400


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


@pytest.mark.parametrize(
    ("interval", "minutes"), [("5s", 15), ("1m", 15), ("10m", 30), ("1h", 180), ("24h", 72 * 60)]
)
def test_a_verdict_holds_for_three_intervals_of_its_check(interval: str, minutes: int) -> None:
    """And for 15 minutes at least; other checks keep theirs."""
    life = History(policy(slo(interval=interval), slo("b", interval="24h")))
    life.decide(autonomy_rate="ok", b="ok")
    status, limit = life.status, life.now + timedelta(minutes=minutes)

    assert believable(status, life.policy, limit) is status
    after = believable(status, life.policy, limit + timedelta(seconds=1))
    old, other = after.checks
    assert (old.verdict, old.reason, old.value) == ("NoData", "NotYetEvaluated", None)
    assert old.counted_slot == status.checks[0].counted_slot
    assert other == status.checks[1] or interval == "24h"
    assert after.valid_until is None


def test_a_check_that_is_no_more_is_left_to_the_decision() -> None:
    """Its end is told there."""
    life = History(policy(slo()))
    life.decide(autonomy_rate="ok")
    gone = policy(slo("other"))

    assert believable(life.status, gone, life.now + timedelta(days=9)) is life.status


def assert_unknown(status: PolicyStatus) -> None:
    """Nobody takes it for well."""
    told = {each.type: each.status for each in status.conditions}
    assert (told["Ready"], told["Compliant"]) == ("Unknown", "Unknown")
    assert "evaluating again" in status.checks[1].message


async def test_a_policy_that_was_suspended_for_long_is_not_compliant_yet(world: World) -> None:
    """Its slow check was good a month ago."""
    key = world.apply(slo(), slo("slow"))
    await world.settled(key, "Ok")
    world.change(key, slo(), slo("slow"), suspend=True)
    await world.settled(key, "Suspended")
    world.clock.forward(30 * DAYS)
    gate = world.measurer.gates["slow"] = asyncio.Event()
    world.change(key, slo(), slo("slow"))

    assert_unknown(await world.settled(key, "NoData"))
    gate.set()
    await world.settled(key, "Ok")


async def test_after_a_pause_of_hours_the_same_leader_believes_nothing_either(
    world: World,
) -> None:
    """A machine that slept, an API server that was away."""
    key = world.apply(slo(), slo("slow"))
    await world.settled(key, "Ok")
    gate = world.measurer.gates["slow"] = asyncio.Event()
    world.slot(key, 6 * 3600)

    assert_unknown(await world.settled(key, "NoData"))
    gate.set()
    await world.settled(key, "Ok")


async def test_a_spec_that_changes_faster_than_a_source_answers_hides_nothing(
    world: World,
) -> None:
    """Each change drops the measurement that is under way, without end."""
    key = world.apply(slo(), slo("slow"))
    await world.settled(key, "Ok")
    world.measurer.gates["slow"] = asyncio.Event()
    for n in range(4):
        world.clock.forward(300)
        calls = world.measurer.calls["autonomy-rate"]
        world.change(key, slo(objective={"direction": "Above", "redLine": 0.001 * n}), slo("slow"))
        await world.until(lambda calls=calls: world.measurer.calls["autonomy-rate"] > calls)

    status = await world.settled(key, "NoData")
    assert_unknown(status)


async def test_a_new_leader_takes_back_what_is_too_old_also_if_the_spec_has_just_changed(
    world: World,
) -> None:
    """Its first write meets the newer version; it takes back then what that says."""
    key = world.apply(slo(), slo("slow"))
    await world.settled(key, "Ok")
    await world.end()
    world.clock.forward(6 * 3600)
    seen = world.store.peek(key)
    world.store.change_spec(key, seen["spec"] | {"interval": "2m"})
    gate = asyncio.Event()
    world.measurer.gates |= {"slow": gate, "autonomy-rate": gate}
    world._begin()
    world.scheduler.policy_seen(seen)
    status = await world.settled(key, "NoData")

    compliant = next(c for c in status.conditions if c.type == "Compliant")
    assert (compliant.status, compliant.reason) == ("Unknown", "Stale")
    gate.set()
    await world.settled(key, "Ok")
