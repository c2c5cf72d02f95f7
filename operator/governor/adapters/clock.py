"""The machine's clocks."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock (`app.ports.Clock`)."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)


def sleepless() -> float:
    """Seconds that never jump, and go on while the machine sleeps (as CLOCK_MONOTONIC's don't)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
