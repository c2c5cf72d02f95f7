"""What PostgreSQL's driver raises, for all that use it: checks and the sink."""

import asyncpg

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""asyncpg's own, that have no base in common; the last one, too, where a server ended the session
between two statements. The network's are OSErrors."""
