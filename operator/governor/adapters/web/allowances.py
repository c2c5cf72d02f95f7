"""How long a server may take."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Allowance:
    """Seconds for one request, or several one after the other.

    They pass only while it is a request's turn: whoever waits for others has not failed (ADR 16).
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def passing(self) -> Iterator[float]:
        """For the block's time; what is given is their end, in the event loop's time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield began + self.left
        finally:
            self.left -= loop.time() - began
