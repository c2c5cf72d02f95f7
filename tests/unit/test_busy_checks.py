"""Checks that take long: what is wanted of them meanwhile comes at their end, and nothing spins."""

import asyncio

from tests.support.builders import slo
from tests.support.virtual_time import in_virtual_time
from tests.support.world import World


@in_virtual_time
async def test_a_source_that_changes_while_a_check_hangs_has_it_measured_at_its_end() -> None:
    """What hung was asked of the old one, and the next slot may be days away."""
    async with World() as world:
        gate = world.measurer.gates["slow"] = asyncio.Event()
        world.apply(slo("slow", interval="7d"))
        await asyncio.sleep(5)
        world.scheduler.source_changed("prometheus")
        await asyncio.sleep(5)
        gate.set()
        await asyncio.sleep(1)

        assert world.measurer.calls["slow"] == 2


@in_virtual_time
async def test_nothing_turns_for_a_retry_that_hangs() -> None:
    """Its end wakes the policy; until then its time is past."""
    async with World() as world:
        world.say(slow="error")
        key = world.apply(slo("slow", interval="24h"))
        await world.settled(key, "Error")
        gate = world.measurer.gates["slow"] = asyncio.Event()
        world.slot(key, 30)
        await asyncio.sleep(5)
        reads = world.clock.reads
        await asyncio.sleep(60)
        assert world.clock.reads - reads < 20
        assert world.measurer.calls["slow"] == 2

        world.say(slow="ok")
        gate.set()
        await world.settled(key, "Ok")
