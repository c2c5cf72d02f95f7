"""Few connections, each handed on without a trace of its last use.

The driver's own pool resets what it knows of; here a statement may be anybody's. So
every use is one transaction that is rolled back, followed by DISCARD ALL: a setting or an
advisory lock would otherwise survive the transaction and meet the next check. It is READ
ONLY but for the login that remediates, whose use may commit before it ends.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from governor.adapters.driver_errors import DRIVER_ERRORS
from governor.adapters.postgres.bounds import Connection
from governor.adapters.postgres.errors import Place, connecting_fault_of
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

APPLICATION_NAME = "governor"
"""How the operator's sessions are named in pg_stat_activity."""

IDLE_SECONDS = 90.0
"""How long an unused connection is kept: long enough for checks of every minute."""

_CLEANING_SECONDS = 5.0
"""How long rolling back and discarding may take; then the connection is dropped."""

_ABANDONED_SECONDS = 10
"""How long a transaction may wait for our next word; then the server ends it."""

_FAILURES = (*DRIVER_ERRORS, OSError)
"""All that using a connection may raise; a timeout is an OSError."""


class Pool:
    """At most so many connections to one server as one role."""

    def __init__(
        self, place: Place, tls: ssl.SSLContext | None, *, size: int, statement_seconds: int
    ) -> None:
        self._place = place
        self._tls = tls
        self._size = size
        self._begin = _begin(statement_seconds * 1000, writes=place.writes is not None)
        self._slots = asyncio.Semaphore(size)
        self._idle: list[tuple[float, Connection]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @asynccontextmanager
    async def transaction(self, deadline: float) -> AsyncIterator[Connection]:
        """A connection of one's own, in a transaction that is always rolled back.

        A statement that is cancelled here is cancelled on the server too.

        Args:
            deadline: in the event loop's time; bounds waiting for a free connection
                and connecting. What is done with the connection the caller must bound.

        Raises:
            FaultError: `Timeout` if no connection got free, else why there is none.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            raise FaultError(
                Reason.TIMEOUT,
                f"all {self._size} connections to {self._place.dsn.address} stayed busy: raise "
                "spec.postgres.maxConnections, or measure less often",
            ) from None
        try:
            connection = await self._begun(deadline)
        except BaseException:
            self._slots.release()
            raise
        try:
            yield connection
        finally:
            # Shielded: whoever is cancelled here leaves a clean connection or none.
            await asyncio.shield(self._spawn(self._give_back(connection)))

    async def close(self) -> None:
        """Closes what is idle, and lets nothing be kept that is still in use."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        idle, self._idle = self._idle, []
        for _, connection in idle:
            _ = self._spawn(_farewell(connection))
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _begun(self, deadline: float) -> Connection:
        """A connection in its transaction: one that was kept, if it still works."""
        while self._idle:
            _, connection = self._idle.pop()
            connection.gauge.restart()
            try:
                async with asyncio.timeout_at(deadline):
                    await connection.execute(self._begin)
            except _FAILURES:
                connection.terminate()  # The server or the network ended it meanwhile.
            except BaseException:
                connection.terminate()
                raise
            else:
                return connection
        return await self._connected(deadline)

    async def _connected(self, deadline: float) -> Connection:
        dsn = self._place.dsn
        connection: Connection | None = None
        try:
            async with asyncio.timeout_at(deadline):
                connection = await asyncpg.connect(
                    host=dsn.host,
                    port=dsn.port,
                    user=dsn.user,
                    password=dsn.password,
                    database=dsn.database,
                    # Said outright, lest the environment speak for the source.
                    ssl=self._tls or False,
                    direct_tls=False,
                    target_session_attrs=SessionAttribute.any,
                    # PgBouncer may give every transaction another server connection.
                    statement_cache_size=0,
                    server_settings={"application_name": APPLICATION_NAME},
                    connection_class=Connection,
                )
                await connection.execute(self._begin)
                return connection
        except BaseException as error:
            if connection is not None:
                connection.terminate()
            if isinstance(error, TimeoutError):
                raise FaultError(
                    Reason.UNREACHABLE,
                    f"{dsn.address} did not answer in time: look at the server and the network",
                ) from None
            if isinstance(error, Exception):
                raise connecting_fault_of(error, self._place) from error
            raise

    async def _give_back(self, connection: Connection) -> None:
        """Wipes every trace, then keeps the connection; drops it if that fails."""
        clean = False
        try:
            async with asyncio.timeout(_CLEANING_SECONDS):
                # Behind PgBouncer the next statement may meet another server connection:
                # so what the session has is wiped in the same message as the rollback.
                await connection.execute(
                    "ROLLBACK; RESET ALL; SELECT pg_catalog.pg_advisory_unlock_all()"
                )
                await connection.execute("DISCARD ALL")
            clean = True
        except _FAILURES:
            pass  # The server ends the transaction with the connection.
        finally:
            if clean:
                self._keep(connection)
            else:
                connection.terminate()
            self._slots.release()

    def _keep(self, connection: Connection) -> None:
        if self._closed:
            _ = self._spawn(_farewell(connection))
            return
        self._idle.append((time.monotonic(), connection))
        if len(self._idle) == 1:
            self._look_again_in(IDLE_SECONDS)

    def _drop_idle(self) -> None:
        """Closes what nobody has used for long. The oldest lie first."""
        while self._idle and (left := self._idle[0][0] + IDLE_SECONDS - time.monotonic()) <= 0:
            _ = self._spawn(_farewell(self._idle.pop(0)[1]))
        if self._idle:
            self._look_again_in(left)

    def _look_again_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._drop_idle)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # The loop itself keeps no strong reference.
        task.add_done_callback(self._tasks.discard)
        return task


def _begin(milliseconds: int, *, writes: bool) -> str:
    """Who waits for a lock gives up before the statement does: the reason is then plain.

    What a transaction of a process that was stopped has locked is free again before long.
    """
    limits = (
        f"SET LOCAL statement_timeout = {milliseconds}; "
        f"SET LOCAL idle_in_transaction_session_timeout = {_ABANDONED_SECONDS * 1000}"
    )
    if not writes:
        return f"BEGIN READ ONLY; {limits}"
    return (
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
        f"SET LOCAL lock_timeout = {milliseconds // 2}; {limits}"
    )


async def _farewell(connection: Connection) -> None:
    try:
        await connection.close(timeout=_CLEANING_SECONDS)
    except _FAILURES:
        connection.terminate()
