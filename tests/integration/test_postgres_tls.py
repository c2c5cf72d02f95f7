"""TLS is verified as the source says, and never given up for plaintext."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from tests.support.governed import AT, AUTHOR, PASSWORD, READER, Governed, instrument
from tests.support.tls_front import SSL_REQUEST, TlsFront, tls_front

from governor.adapters.postgres import PostgresInstrument
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Absence, Fault, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

SOURCE = {"sourceRef": {"name": "platform"}}
CA_REF = {"name": "platform", "key": "ca"}
AUTHORITY, STRANGER = trustme.CA(), trustme.CA()


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    return Governed.create(governed_server)


def proving(name: str, authority: trustme.CA = AUTHORITY, *, days: int = 1) -> ssl.SSLContext:
    """What a server proves itself with: a certificate for that name, for so many days more."""
    now = datetime.now(UTC)
    certificate = authority.issue_cert(
        name, not_before=now - timedelta(days=9), not_after=now + timedelta(days=days)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@asynccontextmanager
async def measuring(
    governed: Governed,
    context: ssl.SSLContext | None,
    *,
    mode: str | None = None,
    host: str = "localhost",
    trusted: trustme.CA | None = AUTHORITY,
) -> AsyncIterator[tuple[PostgresInstrument, TlsFront]]:
    """An instrument that reaches the server only through a front which proves itself so."""
    async with tls_front(governed.server.port, context) as front:
        before = f"@127.0.0.1:{governed.server.port}/"
        dsn, custom = (
            governed.dsn(user).replace(before, f"@{host}:{front.port}/")
            for user in (READER, AUTHOR)
        )
        tls = {"caSecretRef": CA_REF} if trusted else {}
        made = instrument(
            dsn,
            custom,
            ca=trusted.cert_pem.bytes() if trusted else None,
            tls={**tls, **({"mode": mode} if mode else {})},
            statementTimeout="2s",
        )
        try:
            yield made, front
        finally:
            await made.close()


async def drift(made: PostgresInstrument) -> Outcome:
    return await made.measure(TrustDrift.model_validate(SOURCE), AT)


def assert_refused(outcome: Outcome, words: str) -> None:
    """TLS failed, in these words, without a secret."""
    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TLS_FAILED
    assert words in outcome.message
    assert PASSWORD not in outcome.message
    assert len(outcome.message) <= 200


@pytest.mark.parametrize("mode", [None, "VerifyFull", "VerifyCA"])
async def test_a_server_of_the_right_authority_and_name_is_measured(
    governed: Governed, mode: str | None
) -> None:
    """Over TLS, in every mode that verifies."""
    async with measuring(governed, proving("localhost"), mode=mode) as (made, front):
        assert isinstance(await drift(made), Absence)
        assert (front.encrypted, front.plaintext) == (1, 0)


@pytest.mark.parametrize("mode", [None, "VerifyCA"])
async def test_a_server_of_another_authority_is_refused(
    governed: Governed, mode: str | None
) -> None:
    """The remedy is to give its authority."""
    async with measuring(governed, proving("localhost", STRANGER), mode=mode) as (made, front):
        assert_refused(await drift(made), "spec.postgres.tls.caSecretRef")
        assert front.encrypted == 0


async def test_a_private_authority_is_refused_where_none_is_given(governed: Governed) -> None:
    """Then only the system's authorities count."""
    async with measuring(governed, proving("localhost"), trusted=None) as (made, _):
        assert_refused(await drift(made), "caSecretRef")


@pytest.mark.parametrize(
    ("certified", "host"), [("db.example", "localhost"), ("localhost", "127.0.0.1")]
)
async def test_another_name_is_refused_by_default_and_taken_by_verify_ca(
    governed: Governed, certified: str, host: str
) -> None:
    """A name or an address that the certificate does not hold."""
    async with measuring(governed, proving(certified), host=host) as (made, _):
        assert_refused(await drift(made), "VerifyCA")

    async with measuring(governed, proving(certified), host=host, mode="VerifyCA") as (made, _):
        assert isinstance(await drift(made), Absence)


@pytest.mark.parametrize("mode", [None, "VerifyCA"])
async def test_an_expired_certificate_is_refused(governed: Governed, mode: str | None) -> None:
    """In every mode: the remedy is the server's."""
    async with measuring(governed, proving("localhost", days=-1), mode=mode) as (made, _):
        assert_refused(await drift(made), "renew it")


@pytest.mark.parametrize("mode", [None, "VerifyCA"])
async def test_a_server_without_tls_gets_no_password_in_plaintext(
    governed: Governed, mode: str | None
) -> None:
    """It answers N, and hears no more from us."""
    async with measuring(governed, None, mode=mode) as (made, front):
        assert_refused(await drift(made), "offers no TLS")
        assert front.plaintext == 0


@pytest.mark.parametrize(
    "words", [b"S", b"SSSS", b"S\x15\3\3\0\2\2\x28", b"E\0\0\0\5\0", b"?", b""]
)
async def test_a_server_that_breaks_off_the_handshake_is_a_fault(words: bytes) -> None:
    """Whatever it says; and nothing but the request for TLS is ever sent to it."""
    heard = bytearray()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readexactly(8))
        writer.write(words[:1])
        await writer.drain()
        writer.write(words[1:])
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = instrument(f"postgresql://u:p@127.0.0.1:{port}/d", tls={}, statementTimeout="1s")

    outcome = await drift(made)
    await made.close()
    server.close()

    assert isinstance(outcome, Fault)
    assert outcome.reason in (Reason.TLS_FAILED, Reason.UNREACHABLE)
    assert bytes(heard) == SSL_REQUEST


async def test_disable_asks_for_no_tls(governed: Governed) -> None:
    """The real server has none, and is measured; a front that wants TLS is not asked for it."""
    async with measuring(governed, proving("localhost"), mode="Disable") as (made, front):
        outcome = await drift(made)

        assert isinstance(outcome, Fault)
        assert outcome.reason is Reason.UNREACHABLE
        assert (front.encrypted, front.plaintext) == (0, 1)


async def test_custom_sql_is_verified_in_the_same_way(governed: Governed) -> None:
    """One `tls` is for both logins."""
    async with measuring(governed, proving("localhost", STRANGER)) as (made, _):
        probe = Sql.model_validate({**SOURCE, "query": "SELECT 1"})

        assert_refused(await made.measure(probe, AT), "caSecretRef")


async def test_a_statement_is_cancelled_over_tls_too(governed: Governed) -> None:
    """The request to cancel is a connection of its own, and verified like any other."""
    governed.sql(
        "CREATE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql AS $$"
        " BEGIN BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;"
        " PERFORM pg_sleep(60); RETURN 1; END $$"
    )
    async with measuring(governed, proving("localhost")) as (made, front):
        outcome = await made.measure(
            Sql.model_validate({**SOURCE, "query": "SELECT stubborn()"}), AT
        )

        assert isinstance(outcome, Fault)
        assert outcome.reason is Reason.TIMEOUT
        assert (front.encrypted, front.plaintext) == (2, 0)
        assert (
            governed.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%stubborn()%'"
                " AND application_name = 'governor' AND state = 'active'"
            )
            == "0"
        )


async def test_nobody_can_send_us_a_gigabyte(governed: Governed) -> None:
    """What is no number is not even transferred, nor what no check can use."""
    async with measuring(governed, proving("localhost")) as (made, front):
        for query, reason in {
            "SELECT repeat('x', 20000000)": Reason.NOT_A_NUMBER,
            "SELECT repeat('x', 20000000), repeat('y', 20000000)": Reason.SEVERAL_COLUMNS,
            "SELECT repeat('x', 20000000) AS a, 1 AS b, 2 AS c": Reason.SEVERAL_COLUMNS,
            "SELECT generate_series(1, 1000000000)": Reason.SEVERAL_ROWS,
        }.items():
            outcome = await made.measure(Sql.model_validate({**SOURCE, "query": query}), AT)
            assert isinstance(outcome, Fault)
            assert outcome.reason is reason

        assert front.sent < 20_000


async def test_a_flood_is_cut_off_within_tls(governed: Governed) -> None:
    """As in plaintext; the server is stopped, too."""
    flood = 16 << 20
    query = f"SELECT repeat('x', {flood})::int"
    async with measuring(governed, proving("localhost")) as (made, front):
        outcome = await made.measure(Sql.model_validate({**SOURCE, "query": query}), AT)

        assert isinstance(outcome, Fault)
        assert "is longer than 1048576 bytes" in outcome.message
        assert front.sent < flood
