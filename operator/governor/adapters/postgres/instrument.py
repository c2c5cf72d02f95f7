"""Answers SQL probes from one PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from governor.adapters.flights import Flights
from governor.adapters.moments import left, moment
from governor.adapters.postgres.asking import ask, ask_custom
from governor.adapters.postgres.bounds import Connection
from governor.adapters.postgres.deprecating import Attempt
from governor.adapters.postgres.errors import Place, fault_of
from governor.adapters.postgres.pools import Pool
from governor.app.ports import Deprecation
from governor.domain.judging import one_line
from governor.probes.base import Access, Probe, SqlAnswer, SqlProbe, SqlQuery
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Fault, FaultError, Outcome, UnconfirmedError
from governor.values.reasons import Reason

GRACE_SECONDS = 2.0
"""How much longer than a statement a whole measurement may take: for connecting, and for
the server to cancel the statement by itself."""

Result = TypeVar("Result")


class Login:
    """One role's way to the server: a pool, and a deadline for every use of it."""

    def __init__(self, place: Place, pool: Pool, *, statement_seconds: int) -> None:
        self._place = place
        self._pool = pool
        self._seconds = statement_seconds + GRACE_SECONDS

    async def run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Does the work in a transaction; cancels it at the deadline.

        Raises:
            FaultError: whatever went wrong.
        """
        deadline = asyncio.get_running_loop().time() + self._seconds
        async with self._pool.transaction(deadline) as connection:
            try:
                async with asyncio.timeout_at(deadline):
                    return await work(connection)
            except TimeoutError:
                raise FaultError(
                    Reason.TIMEOUT,
                    f"{self._place.dsn.address} did not answer within {self._seconds:g}s: raise "
                    "spec.postgres.statementTimeout, or look at the server",
                ) from None
            except Exception as error:
                flood = connection.gauge.fault(self._place)
                raise flood or fault_of(error, self._place) from error

    async def close(self) -> None:
        await self._pool.close()


class PostgresInstrument:
    """An `Instrument` over three logins: for built-in checks, custom SQL and remediation."""

    def __init__(
        self,
        builtin: Login,
        custom: Login | FaultError,
        remediation: Login | FaultError,
        relations: Mapping[str, str],
        *,
        before_writing: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes a fault in place of another login: it must not stop the built-ins.

        Before playbooks are changed, `before_writing` is called, and may raise a FaultError.
        """
        self._builtin = builtin
        self._custom = custom
        self._remediation = remediation
        self._relations = relations
        self._before_writing = before_writing
        self._flights: Flights[Hashable, SqlAnswer | Fault] = Flights()

    async def measure(self, probe: Probe, at: datetime) -> Outcome:
        if not isinstance(probe, SqlProbe):
            return Fault(reason=Reason.SOURCE_NOT_FOUND, message="a prometheus source is needed")
        try:
            return _flat(await self._measure(probe, at))
        except FaultError as error:
            return _flat(error.fault)
        except Exception as error:  # noqa: BLE001 - one odd answer must not stop other checks
            return Fault(
                reason=Reason.MALFORMED_ANSWER,
                message=f"the answer can't be understood ({type(error).__name__})",
            )

    async def deprecate(self, probe: TrustDrift, ids: Sequence[str], at: datetime) -> Deprecation:
        attempt = Attempt(
            probe=probe,
            relations=self._relations,
            ids=ids,
            at=at,
            before_writing=self._before_writing,
        )
        try:
            if isinstance(self._remediation, FaultError):
                raise self._remediation
            return await self._remediation.run(attempt.run)
        except FaultError as error:
            kind = UnconfirmedError if attempt.committing else FaultError
            raise kind(error.fault.reason, one_line(error.fault.message)) from error

    async def version(self) -> str:
        try:
            version = await self._builtin.run(_version)
            for login in (self._custom, self._remediation):
                if isinstance(login, Login):
                    await login.run(_version)
                elif login.fault.reason is not Reason.SOURCE_FORBIDDEN:
                    raise login
        except FaultError as error:
            raise FaultError(error.fault.reason, one_line(error.fault.message)) from error
        return one_line(f"PostgreSQL {version}")

    async def close(self) -> None:
        for login in (self._builtin, self._custom, self._remediation):
            if isinstance(login, Login):
                await login.close()

    async def _measure(self, probe: SqlProbe, at: datetime) -> Outcome:
        asked_at = moment(at)
        query = probe.query(self._relations, asked_at)
        answer, _ = await self._flights.join(
            (probe.ACCESS, query.text, query.parameters, asked_at),
            lambda: self._answer(probe, query, left(at)),
        )
        return answer if isinstance(answer, Fault) else probe.read(answer)

    async def _answer(self, probe: SqlProbe, query: SqlQuery, wait: float) -> SqlAnswer | Fault:
        """What the server says, once for all whose runs began in the same tenth of a second."""
        await asyncio.sleep(wait)
        try:
            if probe.ACCESS is not Access.CUSTOM_SQL:
                return await self._builtin.run(lambda it: ask(it, query))
            if isinstance(self._custom, FaultError):
                raise self._custom
            return await self._custom.run(lambda it: ask_custom(it, query))
        except FaultError as error:
            return error.fault


def _flat(outcome: Outcome) -> Outcome:
    """The same, its message fit for a status: column names may be anything."""
    if isinstance(outcome, Fault):
        return Fault(reason=outcome.reason, message=one_line(outcome.message))
    return outcome


async def _version(connection: Connection) -> str:
    """The server's version without the packager's remarks, such as `18.1`."""
    shown = await connection.fetchval("SELECT pg_catalog.current_setting('server_version')")
    return str(shown).partition(" ")[0]
