"""Thousands of policies at once, as after a change of leaders, begin a hundred at a time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.app import measuring
from governor.app.services import BEGINNERS
from governor.errors import StoreError

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
    """A turn waits for a slow check no longer than that."""
    monkeypatch.setattr(measuring, "PATIENCE", 0.01)
    world.measurer.gates["autonomy-rate"] = asyncio.Event()
    apply_crowd(world)

    await world.until(lambda: world.measurer.calls["autonomy-rate"] == BEGINNERS + BEYOND)


async def test_those_that_fail_hold_nobody_up(world: World) -> None:
    """Each tries again by itself, later."""
    world.store.fail(*(StoreError("forbidden") for _ in range(BEGINNERS + BEYOND)))
    apply_crowd(world)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == BEGINNERS + BEYOND)

    await world.until(lambda: world.store.writes == BEGINNERS + BEYOND)


async def test_what_waits_to_begin_ends_with_the_term(world: World) -> None:
    """And measures nothing any more."""
    world.measurer.gates["autonomy-rate"] = asyncio.Event()
    apply_crowd(world)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == BEGINNERS)

    async with asyncio.timeout(5):
        await world.scheduler.stop(grace_seconds=30)

    assert world.measurer.calls["autonomy-rate"] == BEGINNERS
