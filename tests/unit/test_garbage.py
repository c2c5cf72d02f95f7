"""Garbage in cycles goes, though Python does not look for it among old objects any more."""

import asyncio
import gc
import weakref

import pytest

from governor import garbage


class Node:
    """Part of a cycle."""

    def __init__(self) -> None:
        self.itself = self


async def test_old_garbage_goes_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """And Python's own ways are back afterwards."""
    before = gc.get_threshold()
    monkeypatch.setattr(garbage, "SHORTEST_PAUSE", 0.01)
    keeping = asyncio.create_task(garbage.keep_collected())
    await asyncio.sleep(0)
    assert gc.get_threshold() == garbage.THRESHOLDS
    assert gc.get_freeze_count() > 0  # modules are left out
    node = Node()
    gone = weakref.ref(node)
    del node

    async with asyncio.timeout(60):
        while gone() is not None:  # noqa: ASYNC110 - the collector tells nobody
            await asyncio.sleep(0.01)

    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


async def test_a_long_search_is_followed_by_a_longer_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is, it takes a small part of the time."""
    times = iter([10.0, 12.5, 20.0, 20.001])
    monkeypatch.setattr(garbage.time, "perf_counter", lambda: next(times))

    assert garbage._collected() == pytest.approx(500)
    assert garbage._collected() == pytest.approx(garbage.SHORTEST_PAUSE)
