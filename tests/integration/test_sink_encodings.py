"""The sink in a database that is not UTF8: not made there, and where it was, nothing is lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.support.sinks import ended, opening, order

from governor.adapters.sink import migrating
from governor.adapters.sink.characters import warn_unless_utf8
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.postgres import PostgresSink
from governor.app.ports import DispatchOrder, Episode, RemediationRecord, Revision
from governor.errors import DeliveryError, RejectedError, SettingsError
from governor_local.postgresql import PostgresServer

EUROS = "loses 10 € a day"
"""LATIN1 has no place for it; SQL_ASCII, which looks at nothing, may have."""

ODD = "a\0b \ud800"
"""What no database takes as it is."""

Make = Callable[[str], str]
"""Makes a database of an encoding; its URL."""

not_utf8 = pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
lacking = pytest.mark.parametrize("encoding", ["LATIN1"])


@pytest.fixture
def make(sink_server: PostgresServer) -> Make:
    def database(encoding: str) -> str:
        name = f"encoded_{uuid4().hex}"
        sink_server.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        )
        return sink_server.dsn(database=name)

    return database


@pytest.fixture
async def old_url(make: Make, encoding: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database in which a version of governor made its tables that did not look."""
    url = make(encoding)
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "require_utf8", lambda _: None)
        await migrating.migrate(url, "governance", tls_mode="Disable")
    return url


@pytest.fixture
async def old(old_url: str) -> AsyncIterator[PostgresSink]:
    """The sink there."""
    sink = PostgresSink(make_engine(old_url, tls_mode="Disable"), "governance", "cluster")
    yield sink
    await sink.close()


@not_utf8
async def test_nothing_is_made_in_another_encoding(
    make: Make, encoding: str, sink_server: PostgresServer
) -> None:
    """What is wrong is said, and what to do."""
    url = make(encoding)

    with pytest.raises(SettingsError) as caught:
        await migrating.migrate(url, "governance", tls_mode="Disable")

    assert f"the database's encoding is {encoding}" in str(caught.value)
    assert "nothing was changed; create a database with ENCODING 'UTF8'" in str(caught.value)
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'governance'"
    assert sink_server.execute(schemas, dsn=url) == "0"


@not_utf8
async def test_nor_is_what_was_made_there_brought_up_to_date(old_url: str, encoding: str) -> None:
    """A newer version says what the older one did not."""
    with pytest.raises(SettingsError, match=f"the database's encoding is {encoding}"):
        await migrating.migrate(old_url, "governance", tls_mode="Disable")


@lacking
async def test_a_finding_that_has_no_place_waits(old: PostgresSink) -> None:
    """Its opening, its end, its work item and a spec: none is refused for good."""
    finding = opening(details={"impact": EUROS})
    plain = opening()
    revision = Revision(
        policy_uid=finding.policy_uid,
        generation=1,
        namespace="aiops",
        policy="flywheel",
        spec={"description": EUROS},
        seen_at=finding.opened_at,
        field_manager="kubectl",
    )

    for attempt in (
        old.record(finding),
        old.record(ended(finding, reason=EUROS)),
        old.record(plain, order(decision_context={"impact": EUROS})),
        old.record_remediation(
            plain, RemediationRecord(id=uuid4(), at=plain.opened_at, changed=(EUROS,))
        ),
        old.record_revision(revision),
    ):
        with pytest.raises(DeliveryError, match="create a database with ENCODING 'UTF8'") as caught:
            await attempt
        assert not isinstance(caught.value, RejectedError)


@lacking
async def test_what_has_a_place_is_stored(old: PostgresSink) -> None:
    """Whoever comes in company of another that has none, too."""
    crowd = [opening(details={"impact": EUROS if n == 7 else n}) for n in range(20)]

    outcomes = await asyncio.gather(*map(old.record, crowd), return_exceptions=True)

    assert [n for n, outcome in enumerate(outcomes) if outcome is not None] == [7]
    assert isinstance(outcomes[7], DeliveryError)
    stored = {finding.id for finding in await old.open_findings()}
    assert stored == {episode.id for episode in crowd} - {crowd[7].id}


@not_utf8
async def test_what_no_database_takes_waits_there_as_well(old: PostgresSink) -> None:
    """It is told as U+FFFD, which has no place there either."""
    with pytest.raises(DeliveryError) as caught:
        await old.record(opening(details={"impact": ODD}))

    assert not isinstance(caught.value, RejectedError)


async def test_what_no_database_takes_is_stored_in_utf8(make: Make) -> None:
    """Whatever text it stands in: nothing of it is ever sent as it is, and so tried for ever."""
    url = make("UTF8")
    await migrating.migrate(url, "governance", tls_mode="Disable")
    sink = PostgresSink(make_engine(url, tls_mode="Disable"), "governance", ODD)
    finding = _odd(opening())

    assert await sink.record(finding, _odd_order()) is None
    assert (
        await sink.record_remediation(
            finding,
            RemediationRecord(
                id=uuid4(), at=finding.opened_at, changed=(ODD,), not_changed=(ODD,), cancelled=ODD
            ),
        )
        is None
    )
    await sink.record_revision(
        Revision(
            policy_uid=ODD,
            generation=1,
            namespace=ODD,
            policy=ODD,
            spec={ODD: ODD},
            seen_at=finding.opened_at,
            field_manager=ODD,
        )
    )

    assert [found.id for found in await sink.open_findings(ODD)] == [finding.id]
    assert [found.check_name for found in await sink.dispatches(ODD)] == ["a\ufffdb \ufffd"]
    assert await sink.revision(ODD, 1) == {"a\ufffdb \ufffd": "a\ufffdb \ufffd"}
    assert await sink.record(ended(finding, reason=ODD)) is None
    assert await sink.open_findings() == []
    await sink.close()


@not_utf8
async def test_the_log_complains_of_it_once(
    old_url: str, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Before anything has to wait, and however many connections there are."""
    sink = _watched(old_url)

    with caplog.at_level(logging.WARNING):
        await asyncio.gather(*(sink.ping() for _ in range(4)))

    (complaint,) = caplog.records
    assert complaint.levelname == "WARNING"
    assert vars(complaint)["encoding"] == encoding
    assert "ENCODING 'UTF8'" in vars(complaint)["remedy"]
    await sink.close()


async def test_utf8_is_nothing_to_complain_of(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The usual case."""
    url = make("UTF8")
    await migrating.migrate(url, "governance", tls_mode="Disable")
    sink = _watched(url)

    with caplog.at_level(logging.WARNING):
        await sink.ping()

    assert not caplog.records
    await sink.close()


def _watched(url: str) -> PostgresSink:
    """As the operator has it."""
    engine = make_engine(url, tls_mode="Disable")
    warn_unless_utf8(engine)
    return PostgresSink(engine, "governance", "cluster")


def _odd(episode: Episode) -> Episode:
    """One with such text wherever there may be any."""
    names = ("event_type", "namespace", "policy", "policy_uid", "check_name")
    return replace(episode, details={ODD: [ODD]}, **dict.fromkeys(names, ODD))


def _odd_order() -> DispatchOrder:
    return order(executor=ODD, decision_context={ODD: ODD})
