"""How long a channel that fails is left alone."""

import asyncio

from governor.app.channels.pace import Pace


class Backoff:
    """One channel's, shared by all who would tell it something."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._delay = 0.0
        self.until = 0.0
        """The event loop's time before which nothing is sent."""

    @property
    def failing(self) -> bool:
        """Whether the latest attempt failed."""
        return self._delay > 0

    def failed(self, retry_after: float = 0.0) -> None:
        """An attempt failed; the channel may have said for how many seconds it is busy."""
        now = asyncio.get_running_loop().time()
        if now >= self.until:  # else it is a sibling of an attempt that already counts
            self._delay = min(
                2 * self._delay or self._pace.first_backoff, self._pace.longest_backoff
            )
            self.until = now + self._delay
        self.until = max(self.until, now + min(retry_after, self._pace.longest_busy))

    def well(self) -> None:
        """An attempt succeeded, or the channel is another one now."""
        self._delay = self.until = 0.0
