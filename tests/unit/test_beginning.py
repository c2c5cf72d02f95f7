"""Thousands of policies at once, as after a change of leaders, begin a hundred at a time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.builders import VALUES, slo
from tests.support.virtual_time import in_virtual_time
from tests.support.world import World

from governor.app import beginning, measuring
from governor.app.beginning import BEGINNERS, LONGEST_SECONDS, PATIENCE, Beginning
from governor.errors import StoreError
from governor.values.outcomes import Absence, Fault, Outcome
from governor.values.reasons import Reason

BEYOND = 7
"""So many policies more than may begin at a time."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


def apply_crowd(world: World) -> None:
    for number in range(BEGINNERS + BEYOND):
        world.apply(slo(), name=f"policy-{number:03}")


async def test_a_crowd_begins_in_turn(world: World) -> None:
    """Nobody more while the first are under way; then all of them."""
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    apply_crowd(world)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == BEGINNERS)
    await asyncio.sleep(0)
    assert world.measurer.calls["autonomy-rate"] == BEGINNERS

    gate.set()

    await world.until(lambda: world.store.writes == BEGINNERS + BEYOND)
    assert all(runner.status.verdict == "Ok" for runner in world.scheduler)


async def test_those_that_hang_hold_the_others_up_for_a_moment_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn waits for a slow check no longer than that, and where all hang, so does the crowd."""
    monkeypatch.setattr(measuring, "PATIENCE", 0.01)
    monkeypatch.setattr(beginning, "PATIENCE", 0.01)
    world.measurer.gates["autonomy-rate"] = asyncio.Event()
    apply_crowd(world)

    await world.until(lambda: world.measurer.calls["autonomy-rate"] == BEGINNERS + BEYOND)


async def test_those_that_fail_hold_nobody_up(world: World) -> None:
    """Each tries again by itself, later."""
    world.store.fail(*(StoreError("forbidden") for _ in range(BEGINNERS + BEYOND)))
    apply_crowd(world)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == BEGINNERS + BEYOND)

    await world.until(lambda: world.store.writes == BEGINNERS + BEYOND)


@pytest.mark.parametrize(
    ("outcome", "answered"),
    [
        (VALUES["ok"], True),
        (Absence(reason=Reason.EMPTY_RESULT, message="nothing"), True),
        (Fault(reason=Reason.QUERY_INVALID, message="no"), True),
        (Fault(reason=Reason.TIMEOUT, message="no answer"), False),
        (Fault(reason=Reason.UNREACHABLE, message="refused"), False),
    ],
)
async def test_whether_a_source_has_answered(
    world: World, outcome: Outcome, answered: bool
) -> None:
    """Whatever it said: one that says no is there, and says so quickly."""
    world.say(autonomy_rate=outcome)
    key = world.apply(slo())
    await world.until(lambda: world.store.writes > 0)

    runner = world.scheduler.named(key.namespace, key.name)

    assert runner is not None
    assert runner.measuring.answered is answered


async def test_what_waits_to_begin_ends_with_the_term(world: World) -> None:
    """And measures nothing any more."""
    world.measurer.gates["autonomy-rate"] = asyncio.Event()
    apply_crowd(world)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == BEGINNERS)

    async with asyncio.timeout(5):
        await world.scheduler.stop(grace_seconds=30)

    assert world.measurer.calls["autonomy-rate"] == BEGINNERS


async def test_who_still_measures_keeps_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its turn is over; what it asks still stands in a queue, where more would not help."""
    monkeypatch.setattr(measuring, "PATIENCE", 0.01)
    monkeypatch.setattr(beginning, "PATIENCE", 60)
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    apply_crowd(world)
    await world.until(lambda: world.store.writes >= BEGINNERS)  # what they could say by then
    for _ in range(1000):  # more than any of them needs to begin
        await asyncio.sleep(0)
    assert world.measurer.calls["autonomy-rate"] == BEGINNERS

    gate.set()

    await world.until(lambda: world.measurer.calls["autonomy-rate"] == BEGINNERS + BEYOND)


async def entered(crowd: Beginning) -> float:
    """When a place was got, in the loop's time."""
    await crowd.enter()
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_where_nobody_gets_done_nobody_is_waited_for() -> None:
    """As when the only source hangs."""
    crowd = Beginning(2)
    for _ in range(2):
        (await crowd.enter()).turned(measuring=True)

    assert await entered(crowd) == pytest.approx(PATIENCE)


@in_virtual_time
async def test_who_measures_is_waited_for_while_others_get_done() -> None:
    """As when a source answers, and many stand before it."""
    crowd = Beginning(1)
    (await crowd.enter()).turned(measuring=True)
    others = asyncio.create_task(_others(crowd, until=4 * PATIENCE))

    assert await entered(crowd) == pytest.approx(5 * PATIENCE)
    await others


@in_virtual_time
async def test_who_gave_up_is_no_reason_to_wait() -> None:
    """Its source has answered nothing: nobody else's will."""
    crowd = Beginning(2)
    first, second = await crowd.enter(), await crowd.enter()
    first.turned(measuring=True, answered=False)
    second.turned(measuring=True, answered=False)
    await asyncio.sleep(PATIENCE * 0.9)
    first.turned(measuring=False, answered=False)

    assert await entered(crowd) == pytest.approx(PATIENCE * 0.9)
    assert await entered(crowd) == pytest.approx(PATIENCE)


@in_virtual_time
async def test_who_hangs_holds_no_place_for_ever() -> None:
    """Its source hangs, another one's policies get done."""
    crowd = Beginning(1)
    (await crowd.enter()).turned(measuring=True)
    others = asyncio.create_task(_others(crowd, until=2 * LONGEST_SECONDS))

    assert await entered(crowd) == pytest.approx(LONGEST_SECONDS)
    await others


@in_virtual_time
async def test_a_place_is_left_once() -> None:
    """Whatever a policy's later turns are like."""
    crowd = Beginning(1)
    place = await crowd.enter()
    for measuring_ in (True, False, True, False):
        place.turned(measuring=measuring_)
    place.leave()
    await crowd.enter()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10 * LONGEST_SECONDS):
            await crowd.enter()


async def _others(crowd: Beginning, *, until: float) -> None:
    """Again and again one is done."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        await asyncio.sleep(PATIENCE / 2)
        crowd.done()
