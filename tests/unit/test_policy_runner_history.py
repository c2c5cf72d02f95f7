"""What a policy's runs hand to the history: what happened, once it did, and every slot of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.builders import slo
from tests.support.world import HandClock, World

from governor.adapters.memory.measurements import InMemoryMeasurements
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.app.history import History
from governor.domain.schedules import slot_at
from governor.errors import StoreError
from governor.values.outcomes import Measurement


@pytest.fixture
def history() -> History:
    """One that nobody runs: all that is noted waits."""
    return History(InMemoryMeasurements(), HandClock(), InMemoryTelemetry(), days=7)


@pytest.fixture
async def world(history: History) -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World(history=history) as made:
        yield made


async def test_every_run_is_noted_whatever_it_says(world: World, history: History) -> None:
    """Ok, violated, blind; with the slot and the generation, also where no status is written."""
    key = world.apply()
    await world.settled(key, "Ok")
    for number, outcome in enumerate(("ok", "violated", "nodata", "error"), 2):
        world.say(autonomy_rate=outcome)
        world.slot(key)
        await world.until(lambda n=number: len(history.waiting) >= n)

    noted = history.waiting[:5]
    assert [(n.verdict, n.value) for n in noted] == [
        ("Ok", 0.9),
        ("Ok", 0.9),
        ("Violated", 0.5),
        ("NoData", None),
        ("Error", None),
    ]
    assert {(n.policy_uid, n.namespace, n.policy, n.generation) for n in noted} == {
        (key.uid, "aiops", "flywheel", 1)
    }
    assert len({n.slot for n in noted}) == 5
    for each in noted:
        assert each.slot == slot_at(key.uid, 60, each.measured_at)


async def test_a_run_that_did_not_happen_is_not_noted(world: World, history: History) -> None:
    """The status could not be written: the slot is measured again, and then noted."""
    key = world.apply()
    await world.settled(key, "Ok")
    before = len(history.waiting)
    world.say(autonomy_rate="violated")
    world.store.fail(StoreError("status.checks: too long"))
    world.slot(key)
    await world.until(lambda: next(iter(world.scheduler)).attempts.failed_at is not None)
    assert len(history.waiting) == before
    world.say(autonomy_rate=Measurement(value=0.6))
    await world.settled(key, "Violated")

    assert [n.value for n in history.waiting[before:]] == [0.6]


async def test_what_belongs_to_a_spec_that_is_no_more_is_not_noted(
    world: World, history: History
) -> None:
    """The value was never judged by anything."""
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    key = world.apply()
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    world.change(key, slo("other"))
    await world.settled(key, "Ok")
    gate.set()

    assert [n.check_name for n in history.waiting] == ["other"]
