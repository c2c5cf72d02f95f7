"""The wall clock is set back or ahead: nothing stands still, and nothing is told twice.

What a check had counted in a time that has not come yet is counted anew.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.api.status import PolicyStatus
from governor.app.ports import ObjectKey

HOUR, DAY = 3600.0, 86_400.0
SLO = "slo_autonomy_rate_violation"
STEPS = [-DAY, -HOUR, -30.0, -1.0, 1.0, 30.0, HOUR, DAY]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


@pytest.mark.parametrize("step", STEPS)
async def test_a_finding_opens_and_ends_once_across_a_step(world: World, step: float) -> None:
    world.say(autonomy_rate="violated")
    key = world.apply(slo())
    await world.settled(key, "Violated")
    world.clock.forward(step)
    for _ in range(2):
        world.slot(key)
        await world.settled(key, "Violated")
    world.say(autonomy_rate="ok")
    measured = world.measurer.calls["autonomy-rate"]
    world.clock.forward(DAY)  # past the slot that was counted last, wherever that is
    world.slot(key)
    await world.settled(key, "Ok")

    assert world.measurer.calls["autonomy-rate"] > measured
    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert world.reasons() == ["FindingOpened", "FindingResolved"]


async def measured(world: World, key: ObjectKey, word: str) -> PolicyStatus:
    """A slot comes, whatever the step was, and is measured; the status that says what was found."""
    runs = world.measurer.calls["autonomy-rate"]
    world.say(autonomy_rate=word)
    world.slot(key, 121)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] > runs)
    return await world.settled(key, word.capitalize())


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("was", ["ok", "violated"])
async def test_what_changes_after_a_step_is_found_in_the_next_slot(
    world: World, step: float, was: str
) -> None:
    """A finding that was open stays the same one, and ends; none is opened twice."""
    world.say(autonomy_rate=was)
    key = world.apply()
    before = await world.settled(key, was.capitalize())
    world.clock.forward(step)
    after = await measured(world, key, was)
    assert after.checks[0].finding == before.checks[0].finding
    assert world.reasons() == ([] if was == "ok" else ["FindingOpened"])

    for word in ("violated", "ok") if was == "ok" else ("ok", "violated", "ok"):
        status = await measured(world, key, word)
    assert status.valid_until is not None
    assert status.valid_until <= world.clock.now() + timedelta(minutes=16)
    episodes = 1 if was == "ok" else 2
    assert world.rows() == episodes * [("autonomy-rate", SLO, True)]
    assert world.reasons() == episodes * ["FindingOpened", "FindingResolved"]
    assert all(row["opened_at"] <= row["resolved_at"] for row in world.sink.events.values())


async def test_a_status_of_a_clock_that_was_ahead_does_not_claim_to_be_valid(world: World) -> None:
    """Written anew in the next slot though nothing else has changed: its times are wrong."""
    key = world.apply(slo())
    await world.settled(key, "Ok")
    world.clock.forward(-DAY)
    world.slot(key)

    def honest() -> bool:
        until = PolicyStatus.model_validate(world.store.peek(key)["status"]).valid_until
        return until is not None and until <= world.clock.now() + timedelta(minutes=16)

    await world.until(honest)
