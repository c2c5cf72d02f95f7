"""The sink when its database is away, hangs, refuses or speaks TLS: what is raised, how soon."""

import asyncio
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme
from sqlalchemy import make_url
from tests.support.proxy import Proxy, proxy
from tests.support.tls_front import tls_front

from governor.adapters.sink.engine import TlsMode, make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.app.ports import Episode
from governor.errors import DeliveryError, RejectedError
from governor_local.postgresql import PostgresServer


@pytest.fixture(scope="session")
async def url(sink_server: PostgresServer) -> str:
    """A migrated database of its own."""
    name = f"faults_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    address = sink_server.dsn(database=name)
    await migrate(address, "governance", tls_mode="Disable")
    return address


@pytest.fixture
def way(sink_server: PostgresServer) -> Iterator[Proxy]:
    """To the server, and what may happen on it."""
    with proxy(sink_server.port) as made:
        yield made


def through(url: str, port: int, host: str = "127.0.0.1") -> str:
    return make_url(url).set(host=host, port=port).render_as_string(hide_password=False)


def sink_at(url: str, schema: str = "governance", **options: Any) -> PostgresSink:
    engine = make_engine(url, **{"tls_mode": "Disable", "command_timeout": 1.0, **options})
    return PostgresSink(engine, schema, "cluster", deadline=3.0)


def episode() -> Episode:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Episode(
        id=uuid4(),
        event_type="trust_drift",
        details={},
        namespace="aiops",
        policy="flywheel",
        policy_uid=str(uuid4()),
        generation=1,
        check_name="trust-drift",
        severity="warning",
        opened_at=at,
        last_seen_at=at,
    )


async def test_restarted_server_costs_no_failed_delivery(
    sink_server: PostgresServer, url: str
) -> None:
    """Connections that died in the pool are replaced before one is used."""
    sink = sink_at(url)
    await asyncio.gather(*(sink.record(episode()) for _ in range(4)))
    sink_server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'governor'"
    )

    await asyncio.gather(*(sink.record(episode()) for _ in range(4)))

    await sink.close()


async def test_absent_server_is_a_delivery_error_and_no_final_one(url: str, way: Proxy) -> None:
    """Nobody listens: the entry stays in the log; when the server is back, it goes through."""
    way.refuse()
    sink = sink_at(through(url, way.port))
    with pytest.raises(DeliveryError, match="can't be reached") as caught:
        await sink.record(episode())
    assert not isinstance(caught.value, RejectedError)
    await sink.close()


@pytest.mark.parametrize("warm", [True, False], ids=["pooled connection", "new connection"])
async def test_hanging_server_is_given_up_in_time(url: str, way: Proxy, warm: bool) -> None:
    """A server that stops answering costs seconds, and its connections are not kept."""
    sink = sink_at(through(url, way.port))
    if warm:
        await sink.ping()
    way.hang()
    started = time.monotonic()

    with pytest.raises(DeliveryError):
        await sink.record(episode())

    assert time.monotonic() - started < 30
    way.cut()
    way.well()
    assert await sink.record(episode()) is None
    await sink.close()


@pytest.mark.parametrize("after", [0, 10])
async def test_connection_that_breaks_in_the_middle_is_a_delivery_error(
    url: str, way: Proxy, after: int
) -> None:
    """Cut within an answer: whether it was stored is unknown, so it is repeated."""
    sink = sink_at(through(url, way.port))
    await sink.ping()
    found = episode()
    way.break_off(after)
    with pytest.raises(DeliveryError):
        await sink.record(found)
    way.well()
    assert await sink.record(found) is None

    assert [f.id for f in await sink.open_findings(found.policy_uid)] == [found.id]
    await sink.close()


async def test_missing_tables_name_the_remedy(url: str) -> None:
    """A database that was never migrated is not final: somebody will run the migration."""
    sink = sink_at(url, schema="elsewhere")
    found = episode()
    for attempt in (sink.record(found), sink.ping(), sink.open_findings()):
        with pytest.raises(DeliveryError, match="governor migrate") as caught:
            await attempt
        assert not isinstance(caught.value, RejectedError)
    await sink.close()


async def test_role_without_rights_is_named(sink_server: PostgresServer, url: str) -> None:
    """A login outside governor_writer is told what it lacks; its password is not repeated."""
    role = f"stranger_{uuid4().hex}"
    sink_server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'planted'")
    database = make_url(url).database
    assert database
    sink = sink_at(sink_server.dsn(user=role, password="planted", database=database))

    with pytest.raises(DeliveryError, match="use a login in governor_writer") as caught:
        await sink.record(episode())

    assert not isinstance(caught.value, RejectedError)
    assert "planted" not in str(caught.value)
    await sink.close()


async def test_wrong_password_is_not_final(sink_server: PostgresServer, url: str) -> None:
    """Passwords get rotated: the entry waits, and the message shows no password."""
    wrong = make_url(url).set(password="planted").render_as_string(hide_password=False)
    sink = sink_at(wrong)

    with pytest.raises(DeliveryError, match="password authentication failed") as caught:
        await sink.record(episode())

    assert not isinstance(caught.value, RejectedError)
    assert "planted" not in str(caught.value)
    await sink.close()


async def test_number_that_no_column_takes_is_final(url: str) -> None:
    """What the driver can't even send will never be stored."""
    sink = sink_at(url)
    with pytest.raises(RejectedError):
        await sink.record(replace(episode(), generation=2**80))
    await sink.close()


async def test_locked_table_is_waited_for_no_longer_than_allowed(
    sink_server: PostgresServer, url: str
) -> None:
    """A lock held by somebody else is a reason to come back later."""
    sink = sink_at(url)
    await sink.ping()
    holder = sink_at(url, command_timeout=30.0)
    async with holder._engine.begin() as connection:
        await connection.exec_driver_sql("LOCK TABLE governance.ai_governance_events")
        with pytest.raises(DeliveryError, match="in time"):
            await sink.record(episode())
    assert await sink.record(episode()) is None
    await sink.close()
    await holder.close()


async def test_locked_row_holds_back_no_other(url: str) -> None:
    """Of a crowd that is stored together, only the one whose row is locked has to come back."""
    sink = sink_at(url)
    locked = episode()
    await sink.record(locked)
    others = [episode() for _ in range(40)]
    holder = sink_at(url, command_timeout=30.0)
    async with holder._engine.begin() as connection:
        held = f"SELECT FROM governance.ai_governance_events WHERE id = '{locked.id}' FOR UPDATE"
        await connection.exec_driver_sql(held)
        crowd = [*others[:20], locked, *others[20:]]

        answers = await asyncio.gather(*map(sink.record, crowd), return_exceptions=True)

        failed = [each for each, answer in zip(crowd, answers, strict=True) if answer is not None]
        assert failed == [locked]
        assert isinstance(answers[20], DeliveryError)
        assert not isinstance(answers[20], RejectedError)
    assert await sink.record(locked) is None
    await sink.close()
    await holder.close()


async def test_no_statement_outlives_its_transaction(url: str) -> None:
    """PgBouncer in transaction mode: nothing is prepared under a name, nothing is set."""
    sink = sink_at(url, pool_size=1)
    found = episode()
    await sink.record(found)
    await sink.open_findings(found.policy_uid)
    async with sink._engine.connect() as connection:
        prepared = await connection.exec_driver_sql("SELECT name FROM pg_prepared_statements")
        assert [name for (name,) in prepared if name] == []
        held = await connection.exec_driver_sql("SHOW application_name")
        assert held.scalar_one() == "governor"
    await sink.close()


class Certificates:
    """A throw-away authority, its file, and a server's certificate for `localhost`."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.server)


@pytest.mark.parametrize(
    ("mode", "host", "trusted", "works"),
    [
        ("VerifyFull", "localhost", True, True),
        ("VerifyFull", "127.0.0.1", True, False),
        ("VerifyFull", "localhost", False, False),
        ("VerifyCA", "127.0.0.1", True, True),
        ("VerifyCA", "localhost", False, False),
    ],
    ids=["right host", "other host", "other CA", "any host", "any host, other CA"],
)
async def test_certificates_are_verified(
    sink_server: PostgresServer,
    url: str,
    tmp_path: Path,
    *,
    mode: TlsMode,
    host: str,
    trusted: bool,
    works: bool,
) -> None:
    """VerifyFull checks authority and host, VerifyCA the authority; else nobody is trusted."""
    (tmp_path / "other").mkdir()
    certificates = Certificates(tmp_path)
    other = Certificates(tmp_path / "other")
    ca_file = certificates.ca_file if trusted else other.ca_file
    async with tls_front(sink_server.port, certificates.server) as front:
        sink = sink_at(through(url, front.port, host), tls_mode=mode, ca_file=ca_file)
        if works:
            await sink.ping()
        else:
            with pytest.raises(DeliveryError, match="certificate verify failed"):
                await sink.ping()
        await sink.close()


async def test_server_without_tls_is_refused(sink_server: PostgresServer, url: str) -> None:
    """Where TLS is asked for, a password never goes out in the clear."""
    sink = sink_at(url, tls_mode="VerifyCA")
    with pytest.raises(DeliveryError, match="SSL"):
        await sink.ping()
    await sink.close()
