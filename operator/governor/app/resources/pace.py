"""How often a directory looks, and how it keeps on looking."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Times in seconds; the defaults keep the promise of 10 s from a change to a run."""

    secrets: float = 4.0
    """Between two readings of every Secret that a resource refers to."""

    reading: float = 4.0
    """How long a reading may take before what is known is used."""

    retrying: float = 10.0
    """Until what failed is tried again: a status that could not be written, a source that does not
    answer, a channel that refuses."""

    gathering: float = 0.2
    """How long changes are gathered before policies are told: at start there are many."""


async def forever(step: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Takes a step again and again, so many seconds apart; ends only when cancelled.

    A step that raises is a bug: it is logged, and the next one is taken all the same.
    """
    while True:
        try:
            await step()
        except Exception:  # noqa: BLE001 - it must go on
            _log.exception("a background step failed; it goes on")
        await asyncio.sleep(seconds)


async def within(event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, which is taken, but not for longer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()
