"""Tests that run in the event loop that commands work in."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any

from governor.wiring.looping import in_loop


def in_its_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an async test as a command does its work."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        in_loop(test(*args, **kwargs))

    return run
