"""The sink's connections: none holds a transaction open for long.

A process that is stopped in the midst of one keeps its connection, and its locks: the next
leader would wait for the same row until the other is continued, perhaps for ever.
"""

from typing import Any

import asyncpg

IDLE_SECONDS = 10
"""So long a transaction may wait for its client's next word; then the server ends it. A next
leader takes over 15 s after the last one's sign of life."""


class Session(asyncpg.Connection):
    """Begins every transaction with that limit, in the same message: PgBouncer knows no others."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - the driver's own
        """As the driver's; its transactions begin by this."""
        if query.startswith("BEGIN"):
            limit = IDLE_SECONDS * 1000
            query = f"{query.rstrip(';')}; SET LOCAL idle_in_transaction_session_timeout = {limit}"
        said: str = await super().execute(query, *args, timeout=timeout)
        return said
