"""The loop's lag: nothing while it wakes in time, and every stall longer than the period."""

import asyncio
from contextlib import suppress

import pytest
from tests.support.virtual_time import VirtualTimeLoop, in_virtual_time

from governor.telemetry.loop_lag import PERIOD, watch_loop


async def lags(seconds: float, *, stall_at: float = 0.0, stall: float = 0.0) -> list[float]:
    """What was told within so many seconds, the loop being blocked once for the time of `stall`."""
    found: list[float] = []
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    if stall:
        loop.call_later(stall_at, loop._jump, stall)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await watch_loop(found.append)
    return found


@in_virtual_time
async def test_a_loop_that_wakes_in_time_has_no_lag() -> None:
    """It is looked at all the same."""
    found = await lags(2)

    assert len(found) == pytest.approx(2 / PERIOD, abs=1)
    assert max(found) == pytest.approx(0, abs=1e-4)


@in_virtual_time
async def test_a_stall_is_seen_but_for_a_period_at_most() -> None:
    """Wherever between two looks it begins."""
    for offset in (0.01, 0.05, 0.099):
        found = await lags(2, stall_at=10 * PERIOD + offset, stall=0.4)

        assert 0.4 - PERIOD <= max(found) <= 0.4 + 1e-4
        assert sum(each > 1e-3 for each in found) == 1
