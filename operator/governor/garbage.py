"""Garbage in cycles is looked for seldom: what ten thousand policies keep takes seconds to search.

By itself Python searches everything whenever that has grown by a quarter, so an operator that
begins stands still again and again, for longer each time, and a Lease waits for nobody.
"""

import asyncio
import gc
import time

THRESHOLDS = (20_000, 10, 1_000_000)
"""Young objects are searched by themselves, some 20 ms at most; the old ones never are."""

SHORTEST_PAUSE = 10.0
"""Seconds between two searches of everything."""

MOST_OF_THE_TIME = 0.005
"""So great a part of it may searching take."""


async def keep_collected() -> None:
    """Searches everything now and then, until cancelled; then Python does it by itself again.

    What is there already, modules above all, stays for the life of the process and is left out:
    it is the most of what a small operator keeps.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    pause = SHORTEST_PAUSE
    try:
        while True:
            await asyncio.sleep(pause)
            pause = _collected()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _collected() -> float:
    """Searches, and says after how many seconds to do it again."""
    began = time.perf_counter()
    gc.collect()
    return max(SHORTEST_PAUSE, (time.perf_counter() - began) / MOST_OF_THE_TIME)
