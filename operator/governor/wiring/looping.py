"""The event loop that every command works in."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from governor.adapters.names import NamingLoop

T = TypeVar("T")


def in_loop(work: Coroutine[Any, Any, T]) -> T:
    """What the work gives, as by `asyncio.run`; no name that hangs is in another's way.

    kopf has a loop of its own (ADR 5), in which only the API server's name is looked up.
    """
    with asyncio.Runner(loop_factory=NamingLoop) as runner:
        return runner.run(work)
