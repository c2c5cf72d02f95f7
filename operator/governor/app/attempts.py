"""How one generation of a policy fares: since when, whether turns fail, when to try again."""

from datetime import datetime

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0


class Attempts:
    """The turns of one generation."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        """When this process took it up."""
        self.failed_at: datetime | None = None
        """When the latest turn failed; None: it did not."""
        self._backoff = FIRST_BACKOFF

    def succeeded(self) -> None:
        """A turn did what it should."""
        self.failed_at = None
        self._backoff = FIRST_BACKOFF

    def failed(self, at: datetime) -> float:
        """A turn failed; the seconds until it should be tried again."""
        self.failed_at = at
        backoff, self._backoff = self._backoff, min(2 * self._backoff, LONGEST_BACKOFF)
        return backoff
