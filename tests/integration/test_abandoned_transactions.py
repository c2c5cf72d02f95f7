"""A process that is stopped inside a transaction keeps its locks from nobody for long."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.builders import NOON
from tests.support.governed import Governed

from governor.adapters.postgres import pools
from governor.adapters.sink import sessions
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.adapters.sink.upserts import INSERT_REVISIONS, given, revision_row
from governor.app.ports import Revision
from governor.values.outcomes import FaultError
from governor_local.postgresql import PostgresServer

REVISION = Revision(
    policy_uid=str(uuid4()),
    generation=1,
    namespace="aiops",
    policy="flywheel",
    spec={},
    seen_at=NOON,
    field_manager="kubectl",
)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second, here."""
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 1)
    monkeypatch.setattr(pools, "_ABANDONED_SECONDS", 1)


@pytest.fixture
async def engines(sink_server: PostgresServer) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """Those of two replicas at one migrated database."""
    name = f"abandoned_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    url = sink_server.dsn(database=name)
    await migrate(url, "governance", tls_mode="Disable")
    engines = make_engine(url, tls_mode="Disable"), make_engine(url, tls_mode="Disable")
    yield engines
    for engine in engines:
        await engine.dispose()


async def test_the_next_leader_stores_the_row_that_the_last_one_was_storing(
    engines: tuple[AsyncEngine, AsyncEngine],
) -> None:
    """At once, within the time of one statement."""
    asleep, awake = engines
    next_leader = PostgresSink(awake, "governance", "cluster")

    async def half() -> None:
        theirs = asleep.execution_options(schema_translate_map={None: "governance"})
        async with theirs.begin() as connection:
            rows = [revision_row(REVISION, "cluster")]
            await connection.execute(INSERT_REVISIONS, given(rows))
            await next_leader.record_revision(replace(REVISION, spec={"the next": "leader's"}))

    with pytest.raises(DBAPIError):  # whoever wakes finds its transaction gone
        await half()

    assert await next_leader.revision(REVISION.policy_uid, 1) == {"the next": "leader's"}


async def test_a_remediation_that_was_left_open_keeps_nobody_from_a_playbook(
    governed_server: PostgresServer,
) -> None:
    """Nor is any of it done."""
    governed = Governed.create(governed_server)
    governed.sql("INSERT INTO playbooks VALUES ('a', 'approved', 0.1, NULL, '2026-01-01Z')")
    updated = asyncio.Event()

    async def half(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await connection.execute("UPDATE public.playbooks SET status = 'deprecated'")
        update = "UPDATE playbooks SET trust_score = 0.9"
        async with asyncio.timeout(8):
            await asyncio.to_thread(governed.sql, update)
        updated.set()
        await connection.execute("COMMIT")

    async with governed.remediating(statementTimeout="10s") as made:
        remediation = made._remediation
        assert not isinstance(remediation, Exception)
        with pytest.raises(FaultError):
            await remediation.run(half)

    assert updated.is_set()
    assert governed.sql("SELECT status, trust_score FROM playbooks").split() == ["approved", "0.9"]
