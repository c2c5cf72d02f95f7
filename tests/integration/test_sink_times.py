"""Rows with times that nobody can hold: they are read all the same, and the others with them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from tests.support.sinks import Subject, as_open, in_postgres, opening, order, reopened

from governor.adapters.sink.migrating import migrate
from governor.values.moments import EARLIEST, LATEST
from governor_local.postgresql import PostgresServer

MICROSECOND = timedelta(microseconds=1)

every_time = pytest.mark.parametrize(
    ("time", "read"),
    [
        ("-infinity", EARLIEST),
        ("4713-01-01 00:00:00+00 BC", EARLIEST),
        ("0001-12-31 23:59:59.999999+00", EARLIEST),
        ("0002-01-01 00:00:00.000001+00", EARLIEST + MICROSECOND),
        ("9998-12-30 23:59:59.999999+00", LATEST - MICROSECOND),
        ("9998-12-31 00:00:00.000001+00", LATEST),
        ("10000-01-01 00:00:00+00", LATEST),
        ("infinity", LATEST),
    ],
)

Scribble = Callable[[str, str, UUID, str], None]


@pytest.fixture(scope="module")
async def database(sink_server: PostgresServer) -> str:
    """The name of a migrated one."""
    name = f"times_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    await migrate(sink_server.dsn(database=name), "governance", tls_mode="Disable")
    return name


@pytest.fixture
def subject(sink_server: PostgresServer, database: str) -> Subject:
    """The real sink."""
    return in_postgres(sink_server.dsn(database=database))


@pytest.fixture
def scribble(sink_server: PostgresServer, database: str) -> Scribble:
    """Somebody who may do everything writes a time into a row: table, column, id, time."""

    def scribble(table: str, column: str, row: UUID, time: str) -> None:
        sink_server.execute(
            f"UPDATE governance.{table} SET {column} = '{time}' WHERE id = '{row}'",  # noqa: S608 - names of ours
            database=database,
        )

    return scribble


@every_time
async def test_findings_are_read_whenever_one_was_opened(
    subject: Subject, scribble: Scribble, time: str, read: datetime
) -> None:
    """The odd one as opened at the nearest time there is; it can end as any other."""
    sink = subject.sink_of(f"cluster-{uuid4()}")
    odd, other = opening(), opening()
    for episode in (odd, other):
        await sink.record(episode)
    scribble("ai_governance_events", "opened_at", odd.id, time)

    found = {row.id: row for row in await sink.open_findings()}
    assert found.keys() == {odd.id, other.id}
    assert found[other.id] == as_open(other)
    assert found[odd.id].known().finding.opened_at == read
    assert [row.id for row in await sink.open_findings(odd.policy_uid)] == [odd.id]
    rival = await sink.record(reopened(odd))
    assert rival is not None
    assert (rival.id, rival.opened_at) == (odd.id, read)
    await sink.close()


@every_time
async def test_work_items_are_read_whenever_one_began_or_ended(
    subject: Subject, scribble: Scribble, time: str, read: datetime
) -> None:
    """One that goes on has no end."""
    sink = subject.sink_of(f"cluster-{uuid4()}")
    finding, work = opening(), order()
    await sink.record(finding, work)
    scribble("governance_remediation_dispatch", "created_at", work.id, time)
    (record,) = await sink.dispatches(finding.policy_uid)
    assert (record.dispatch.created_at, record.dispatch.finished_at) == (read, None)

    await subject.move(work.id, "dispatched", "succeeded")
    scribble("governance_remediation_dispatch", "finished_at", work.id, time)
    (record,) = await sink.dispatches(finding.policy_uid)
    assert (record.dispatch.created_at, record.dispatch.finished_at) == (read, read)
    await sink.close()
