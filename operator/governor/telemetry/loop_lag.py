"""How late the event loop wakes: whatever runs too long in it makes every slot late."""

import asyncio
from collections.abc import Callable

PERIOD = 0.1
"""Seconds between two looks. A stall that is longer never passes unseen."""


async def watch_loop(observe: Callable[[float], None], *, period: float = PERIOD) -> None:
    """Tells how many seconds late the running loop wakes, again and again until cancelled.

    A stall shows with what of it lay behind the time of a look, so a single one may look
    shorter than it was, by a period at most.

    Args:
        observe: is told the seconds, never less than 0.
        period: seconds between two looks.
    """
    loop = asyncio.get_running_loop()
    while True:
        wanted = loop.time() + period
        await asyncio.sleep(period)
        observe(max(loop.time() - wanted, 0.0))
