"""PgBouncer in transaction mode stands between, before the sink and before what is measured."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlalchemy import make_url
from tests.support.governed import AT, AUTHOR, PASSWORD, READER, REMEDIATOR, Governed, instrument
from tests.support.measurements import at, record, rows_of
from tests.support.pgbouncer import MISSING, PROGRAM, pgbouncer
from tests.support.sinks import Closing, ended, opening, order

from governor.adapters.postgres import PostgresInstrument
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.history import PostgresHistory
from governor.adapters.sink.measurements import PostgresMeasurements
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.app.ports import Added
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Fault, Measurement
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

if PROGRAM is None:
    pytest.skip(MISSING, allow_module_level=True)  # one line in the summary

SOURCE = {"sourceRef": {"name": "platform"}}
CLIENTS = 20
"""Many more than the server has sessions for them."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the user `nobody` can get to."""
    # Not in a TMPDIR, which may be closed to it.
    with tempfile.TemporaryDirectory(prefix="governor-pgbouncer-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
async def through(sink_server: PostgresServer, folder: Path) -> AsyncIterator[str]:
    """A migrated database behind it, with two sessions for all connections."""
    name = f"bounced_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    url = sink_server.dsn(database=name)
    await migrate(url, "governance", tls_mode="Disable")
    login = urlsplit(url)
    users = {str(login.username): str(login.password or "")}
    with pgbouncer(folder, sink_server.port, users, sessions=2) as port:
        yield make_url(url).set(port=port).render_as_string(hide_password=False)


@pytest.fixture
async def sink(through: str) -> AsyncIterator[Closing]:
    """A sink behind it."""
    sink = PostgresSink(make_engine(through, tls_mode="Disable"), "governance", "bounced")
    yield sink
    await sink.close()


async def test_the_sink_keeps_rows_and_work_items_through_it(sink: Closing) -> None:
    """Many transactions at once, which share a few sessions."""
    openings = [opening() for _ in range(CLIENTS)]
    for _ in range(3):
        await asyncio.gather(*(sink.record(each, order(id=uuid4())) for each in openings))
        assert len(await sink.open_findings()) == CLIENTS
    await asyncio.gather(*(sink.record(ended(each)) for each in openings))

    assert await sink.open_findings() == []
    for each in openings:
        [record] = await sink.dispatches(each.policy_uid)
        assert record.dispatch.status == "cancelled"
    assert await sink.release_expired() == 0


async def test_values_are_copied_through_it(through: str, sink: Closing) -> None:
    """Several writers, in more transactions than there are sessions, beside the sink's."""
    engine = make_engine(through, tls_mode="Disable")
    store = PostgresMeasurements(engine, "governance", "bounced")
    await store.make_room(7)
    records = [record(slot=at(minutes=minute)) for minute in range(CLIENTS)]

    added = await asyncio.gather(
        *(store.add(records[begin : begin + 5]) for begin in range(0, CLIENTS, 2)),
        *(sink.record(opening()) for _ in range(CLIENTS)),
    )

    stored = sum(each.stored for each in added if isinstance(each, Added))
    assert stored == len(await rows_of(engine, "bounced")) == CLIENTS
    assert await store.drop_old(7) == 0
    found = await PostgresHistory(engine, "governance").read("aiops", "flywheel", last=3)
    assert [value.slot for value in found.series[0].values] == [
        each.slot for each in reversed(records[:3])
    ]
    await store.close()


@pytest.fixture
async def measured(governed_server: PostgresServer, folder: Path) -> AsyncIterator[Any]:
    """Instruments behind it that share one session for each login."""
    governed = Governed.create(governed_server)
    governed.sql(
        "INSERT INTO playbooks VALUES ('good', 'active', 0.9, now(), now()),"
        " ('bad', 'active', 0.1, now(), now());"
        " CREATE SCHEMA decoy; CREATE TABLE decoy.playbooks (LIKE playbooks);"
        " GRANT USAGE ON SCHEMA decoy TO authoring, measuring;"
        " GRANT SELECT ON decoy.playbooks TO authoring, measuring"
    )
    users = dict.fromkeys((READER, AUTHOR, REMEDIATOR), PASSWORD.replace('"', '""'))
    made: list[PostgresInstrument] = []
    with pgbouncer(folder, governed_server.port, users, sessions=1) as port:

        def through(user: str) -> str:
            return make_url(governed.dsn(user)).set(port=port).render_as_string(hide_password=False)

        def behind(**spec: Any) -> PostgresInstrument:
            made.append(instrument(through(READER), through(AUTHOR), **spec))
            return made[-1]

        yield behind
        for each in made:
            await each.close()


async def drifted(instrument: PostgresInstrument, most: int = 20) -> float:
    """With another `most` it is another question, which nobody else's answers."""
    probe = TrustDrift.model_validate({**SOURCE, "maxPerRun": most})
    outcome = await instrument.measure(probe, AT)
    assert isinstance(outcome, Measurement), outcome
    return outcome.value


async def asked(instrument: PostgresInstrument, query: str) -> float:
    outcome = await instrument.measure(Sql.model_validate({**SOURCE, "query": query}), AT)
    assert isinstance(outcome, Measurement), outcome
    return outcome.value


async def test_checks_measure_through_it_at_once(measured: Any) -> None:
    """Two operators' instruments, many checks, one session."""
    one, other = measured(), measured()

    found = await asyncio.gather(
        *(drifted(each, 1 + n) for n in range(CLIENTS) for each in (one, other))
    )

    assert found == [0.5] * 2 * CLIENTS


@pytest.mark.parametrize(
    ("trace", "look", "clean"),
    [
        (
            "SELECT length(set_config('search_path', 'decoy', false))",
            "SELECT (current_setting('search_path') = 'decoy')::int",
            0,
        ),
        (
            "SELECT length(set_config('statement_timeout', '1', false))",
            "SELECT (current_setting('statement_timeout') = '1ms')::int",
            0,
        ),
        (
            "SELECT pg_try_advisory_lock(4711)::int",
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
            0,
        ),
    ],
)
async def test_no_check_leaves_a_trace_in_the_session_that_another_gets(
    measured: Any, trace: str, look: str, clean: float
) -> None:
    """Rule 27's trap, where the session is shared with strangers."""
    one, other = measured(), measured()
    for _ in range(3):
        await asked(one, trace)
        assert await asked(other, look) == clean
        assert await drifted(other) == 0.5


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 FROM pg_sleep(60)",
        "SELECT 1 FROM set_config('statement_timeout', '0', true), pg_sleep(60)",
    ],
    ids=["by its timeout", "by the deadline"],
)
async def test_a_statement_that_takes_too_long_is_cancelled_through_it(
    measured: Any, query: str
) -> None:
    """The session that it ran in is another's at once, and clean."""
    one, other = measured(statementTimeout="1s"), measured()
    outcome = await one.measure(Sql.model_validate({**SOURCE, "query": query}), AT)

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.TIMEOUT
    named = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"
    assert await asked(other, named) == 0
    assert await drifted(other) == 0.5
