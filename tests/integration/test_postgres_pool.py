"""Connections are few, shared, dropped when broken, and gone in the end."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.support.governed import AT, PASSWORD, READER, Governed, instrument

from governor.adapters.postgres import PostgresInstrument, pools
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Absence, Fault, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

PATIENCE_SECONDS = 20
SOURCE = {"sourceRef": {"name": "platform"}}
SESSIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'governor' AND usename = $1
"""
AUTHORS_SESSIONS = SESSIONS.replace("$1", "'authoring'")


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    return Governed.create(governed_server)


@pytest.fixture
async def admin(governed: Governed) -> AsyncIterator[Any]:
    connection = await governed.connect()
    yield connection
    await connection.close()


@pytest.fixture
def hanging() -> Iterator[int]:
    """A port where connections are taken and nobody ever says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def ask(made: PostgresInstrument, query: str) -> Outcome:
    return await made.measure(Sql.model_validate({**SOURCE, "query": query}), AT)


async def drift(made: PostgresInstrument, *, most: int = 20) -> Outcome:
    """With another `most` it is another question, which nobody else's answers."""
    return await made.measure(TrustDrift.model_validate({**SOURCE, "maxPerRun": most}), AT)


async def until_sessions(admin: Any, query: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await admin.fetchval(query) != count:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def test_no_more_connections_than_allowed_are_made(governed: Governed, admin: Any) -> None:
    """Twenty checks at once share two connections; every one is answered."""
    async with governed.measuring(maxConnections=2) as made:
        outcomes = await asyncio.gather(
            *(ask(made, f"SELECT 1 FROM pg_sleep(0.02{each})") for each in range(20))  # noqa: S608 - a number
        )
        sessions = await admin.fetchval(AUTHORS_SESSIONS)

    assert outcomes == [Measurement(value=1)] * 20
    assert sessions == 2


async def test_custom_sql_takes_no_connection_of_the_built_in_checks(governed: Governed) -> None:
    """A pool of its own: however busy that is, built-ins go on."""
    async with governed.measuring(maxConnections=1) as made:
        busy = asyncio.create_task(ask(made, "SELECT 1 FROM pg_sleep(1)"))

        assert isinstance(await drift(made), Absence)
        assert not busy.done()

        assert await busy == Measurement(value=1)


async def test_custom_sql_runs_as_its_own_role(governed: Governed, admin: Any) -> None:
    """Only that login's rights count for an author's query."""
    async with governed.measuring() as made:
        mine = await ask(made, "SELECT (current_user = 'authoring')::int")
        await drift(made)
        sessions = [await admin.fetchval(SESSIONS, role) for role in ("measuring", "authoring")]

    assert mine == Measurement(value=1)
    assert sessions == [1, 1]


async def test_waiting_for_a_connection_ends_at_the_deadline(governed: Governed) -> None:
    """As a Timeout that names the remedy; what holds the connection goes on."""
    async with governed.measuring(maxConnections=1, statementTimeout="1s") as made:
        custom = made._custom
        assert not isinstance(custom, Exception)
        loop = asyncio.get_running_loop()
        async with custom._pool.transaction(loop.time() + 5):
            outcome = await ask(made, "SELECT 1")

        assert isinstance(outcome, Fault)
        assert outcome.reason is Reason.TIMEOUT
        assert "maxConnections" in outcome.message
        assert await ask(made, "SELECT 1") == Measurement(value=1)


async def test_a_server_that_says_nothing_is_unreachable_at_the_deadline(hanging: int) -> None:
    """A second for the statement and two for the rest, not the minute of the driver."""
    made = instrument(f"postgresql://u:p@127.0.0.1:{hanging}/d", statementTimeout="1s")
    started = time.monotonic()

    outcome = await drift(made)
    await made.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.UNREACHABLE
    assert 2.5 < time.monotonic() - started < 30


async def test_a_connection_killed_in_mid_query_is_unreachable_once(
    governed: Governed, admin: Any
) -> None:
    """The check says so; the next one is answered over a new connection."""
    async with governed.measuring(maxConnections=1) as made:
        task = asyncio.create_task(ask(made, "SELECT 1 FROM pg_sleep(9)"))
        await until_sessions(admin, AUTHORS_SESSIONS + " AND state = 'active'", 1)

        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'authoring'"
        )

        outcome = await task
        assert isinstance(outcome, Fault)
        assert outcome.reason is Reason.UNREACHABLE
        assert await ask(made, "SELECT 1") == Measurement(value=1)


async def test_a_connection_killed_while_idle_is_not_even_noticed(
    governed: Governed, admin: Any
) -> None:
    """A kept connection is tried before it is trusted."""
    async with governed.measuring(maxConnections=1) as made:
        assert await ask(made, "SELECT 1") == Measurement(value=1)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'authoring'"
        )
        await until_sessions(admin, AUTHORS_SESSIONS, 0)

        assert await ask(made, "SELECT 1") == Measurement(value=1)


async def test_a_check_may_kill_its_own_connection(governed: Governed) -> None:
    """Its author learns of it, and nobody else does."""
    async with governed.measuring(maxConnections=1) as made:
        outcome = await ask(made, "SELECT pg_terminate_backend(pg_backend_pid())::int")

        assert isinstance(outcome, Fault)
        assert outcome.reason is Reason.UNREACHABLE
        assert await ask(made, "SELECT 1") == Measurement(value=1)


async def test_a_server_that_stops_and_starts_is_measured_again(
    governed_server: PostgresServer, governed: Governed
) -> None:
    """Unreachable while it is down, over kept connections too; then as before."""
    async with governed.measuring(statementTimeout="5s") as made:
        assert isinstance(await drift(made), Absence)
        await asyncio.to_thread(governed_server.stop)
        try:
            down = await drift(made)
        finally:
            await asyncio.to_thread(governed_server.start)

        assert isinstance(down, Fault)
        assert down.reason is Reason.UNREACHABLE
        assert str(governed_server.port) in down.message
        assert isinstance(await drift(made), Absence)


async def test_a_server_that_hangs_times_out_and_is_measured_again(
    governed_server: PostgresServer, governed: Governed
) -> None:
    """A kept connection that gets no answer is given up, and not used again."""
    async with governed.measuring(statementTimeout="1s") as made:
        assert isinstance(await drift(made), Absence)
        governed_server.pause()
        try:
            # Connections are made by the kernel; the kept one's own process is not paused.
            outcomes = await asyncio.gather(*(drift(made, most=1 + each) for each in range(6)))
        finally:
            governed_server.resume()

        faults = [outcome for outcome in outcomes if isinstance(outcome, Fault)]
        assert faults
        assert {fault.reason for fault in faults} <= {Reason.UNREACHABLE, Reason.TIMEOUT}
        assert isinstance(await drift(made), Absence)


async def test_closing_leaves_no_session(governed: Governed, admin: Any) -> None:
    """Not even of a check that was under way."""
    made = governed.instrument()
    assert isinstance(await drift(made), Absence)
    under_way = asyncio.create_task(ask(made, "SELECT 1 FROM pg_sleep(0.5)"))
    await until_sessions(admin, AUTHORS_SESSIONS, 1)

    await made.close()

    assert await under_way == Measurement(value=1)
    await until_sessions(admin, SESSIONS.replace("= $1", "IN ('measuring', 'authoring')"), 0)


async def test_an_unused_connection_is_closed_after_a_while(
    governed: Governed, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hourly check keeps no session open for an hour."""
    monkeypatch.setattr(pools, "IDLE_SECONDS", 0.1)
    async with governed.measuring() as made:
        assert await ask(made, "SELECT 1") == Measurement(value=1)

        await until_sessions(admin, AUTHORS_SESSIONS, 0)

        assert await ask(made, "SELECT 1") == Measurement(value=1)


async def test_the_environment_does_not_speak_for_the_source(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever libpq's variables say, the Secret and the source count."""
    for name, value in {
        "PGHOST": "elsewhere.invalid",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGPASSWORD": "wrong",
        "PGDATABASE": "elsewhere",
        "PGSSLMODE": "verify-full",
        "PGSSLNEGOTIATION": "direct",
        "PGTARGETSESSIONATTRS": "standby",
        "PGSERVICE": "elsewhere",
    }.items():
        monkeypatch.setenv(name, value)

    async with governed.measuring() as made:
        assert isinstance(await drift(made), Absence)


async def test_a_dsn_without_password_takes_none_from_the_environment(
    governed: Governed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that the Secret does not hold was not given to the source."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    bare = governed.server.dsn(user=READER, database=governed.name)
    made = instrument(bare)

    outcome = await drift(made)
    await made.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.AUTHENTICATION_FAILED
