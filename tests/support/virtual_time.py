"""An event loop whose clock jumps to whatever comes next: hours pass at once, and exactly."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
"""The wall clock when a loop's clock is at 0."""

_SHORTEST = 1e-6  # less might not move the clock at all: floats


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Never waits: where nothing is ready, the time of the next timer has come."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self._jump))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += max(seconds, _SHORTEST)


class _Jumping(selectors.SelectSelector):
    """Jumps instead of waiting."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; with a timeout, the time has passed."""
        if timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        if timeout > 0:
            self._jump(timeout)
        return super().select(0)


class VirtualClock:
    """The wall clock of the running loop (`app.ports.Clock`)."""

    def now(self) -> datetime:
        """Midnight and the loop's time."""
        return MIDNIGHT + timedelta(seconds=asyncio.get_running_loop().time())


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an async test on a virtual loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
