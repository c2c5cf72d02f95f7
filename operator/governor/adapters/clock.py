"""The wall clock."""

from datetime import UTC, datetime


class SystemClock:
    """The machine's clock (`app.ports.Clock`)."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)
