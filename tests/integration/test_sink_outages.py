"""Whatever happens to the sink's database: findings go on, and its table is right afterwards.

The operator's application on a real PostgreSQL, behind a proxy; its clock is the test's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.builders import slo, spec
from tests.support.proxy import Proxy, proxy
from tests.support.world import World

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.adapters.sink.tables import events
from governor.api.status import PolicyStatus
from governor.app.healing import heal
from governor.app.ports import ObjectKey
from governor_local.postgresql import PostgresServer

CYCLES = 12
CHECKS = ("opens", "closes", "flaps")
SHORT = 0.5
"""Seconds after which an answer is no longer waited for, here."""
TABLE = "governance.ai_governance_events"
FULL = f"""
CREATE FUNCTION governance.disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
  END $$;
CREATE TRIGGER disk_full BEFORE INSERT OR UPDATE ON {TABLE}
  FOR EACH STATEMENT EXECUTE FUNCTION governance.disk_full();
"""

KILLED = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Database:
    """The sink's database, reached through a proxy by what is under test."""

    server: PostgresServer
    name: str
    way: Proxy
    engine: AsyncEngine
    """Through the proxy."""

    async def sql(self, text: str, database: str | None = None) -> None:
        """Runs statements as superuser, past the proxy.

        In a thread: they may wait for what the operator, in this loop, has locked.
        """
        await asyncio.to_thread(self.server.execute, text, database=database or self.name)

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        """Its disk is full."""
        await self.sql(FULL)
        yield
        await self.sql(f"DROP TRIGGER disk_full ON {TABLE}; DROP FUNCTION governance.disk_full")

    @asynccontextmanager
    async def broken(self, breaking: Callable[[Proxy], None]) -> AsyncIterator[None]:
        """The way to it is."""
        breaking(self.way)
        yield
        self.way.well()

    async def backed_up(self) -> str:
        """A copy; nobody may be connected meanwhile."""
        name = f"backup_{uuid4().hex}"
        await self.sql(f"CREATE DATABASE {name} TEMPLATE {self.name}", "postgres")
        return name

    async def restore(self, backup: str) -> None:
        """Puts the copy in its place."""
        await self.engine.dispose()
        await self.sql(f"DROP DATABASE {self.name}", "postgres")
        await self.sql(f"ALTER DATABASE {backup} RENAME TO {self.name}", "postgres")

    async def rows(self, cluster: str) -> list[Row]:
        """A cluster's, oldest first."""
        here = self.engine.execution_options(schema_translate_map={None: "governance"})
        mine = select(events).where(events.c.cluster == cluster)
        async with here.connect() as connection:
            found = await connection.execute(mine.order_by(events.c.opened_at, events.c.check_name))
            return [dict(row._mapping) for row in found]


async def until(holds: Callable[[], Awaitable[Any]]) -> None:
    """Waits for a condition of the database's."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
async def database(sink_server: PostgresServer) -> AsyncIterator[Database]:
    """A migrated one."""
    name = f"outages_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    url = sink_server.dsn(database=name)
    await migrate(url, "governance", tls_mode="Disable")
    with proxy(sink_server.port) as way:
        through = make_url(url).set(port=way.port).render_as_string(hide_password=False)
        engine = make_engine(
            through, tls_mode="Disable", connect_timeout=SHORT, command_timeout=SHORT
        )
        yield Database(sink_server, name, way, engine)
        await engine.dispose()


class Life:
    """One policy whose checks open, close and flap, and the rows that it leaves."""

    def __init__(self, database: Database) -> None:
        self.cluster = uuid4().hex
        self.database = database
        self.sink = PostgresSink(database.engine, "governance", self.cluster, deadline=2 * SHORT)
        self.world = World(real_sink=self.sink)
        self.key: ObjectKey

    async def __aenter__(self) -> Self:
        body = self.world.store.create("aiops", "lives", spec(*map(slo, CHECKS)))
        self.key = ObjectKey.of(body)
        self.world.scheduler.policy_seen(body)
        await self.world.settled(self.key, "Ok")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.world.end()

    @property
    def status(self) -> PolicyStatus:
        return PolicyStatus.model_validate(self.world.store.peek(self.key)["status"])

    async def cycle(self, *violated: str) -> None:
        """The next slot; these checks are violated in it."""
        self.world.say(**{name: "violated" if name in violated else "ok" for name in CHECKS})
        self.world.clock.forward(60)
        self.world.scheduler.policy_tick(self.key.uid, 60)
        await self.world.until(lambda: all(self._judged(name, violated) for name in CHECKS))
        assert {check.name for check in self.status.checks if check.finding} == set(violated)

    def _judged(self, name: str, violated: Sequence[str]) -> bool:
        check = next(check for check in self.status.checks if check.name == name)
        return (check.verdict == "Violated") == (name in violated)

    async def cycles(self) -> None:
        """One opens; another opens and closes; the third flaps all the while."""
        for number in range(CYCLES):
            violated = {"opens"} if number >= 1 else set()
            violated |= {"closes"} if 2 <= number < 6 else set()
            violated |= {"flaps"} if number % 2 else set()
            await self.cycle(*sorted(violated))

    async def told(self) -> None:
        """Time goes on until nothing is left to tell."""
        async with asyncio.timeout(60):
            while self.status.pending:
                self.world.clock.forward(1)
                self.world.scheduler.policy_tick(self.key.uid, 60)
                await asyncio.sleep(0.05)

    async def rows(self) -> list[Row]:
        """What the table says, but for what is a run's own."""
        own = ("id", "cluster", "policy_uid", "details", "details_at", "last_seen_at")
        rows = await self.database.rows(self.cluster)
        return [{name: row[name] for name in row if name not in own} for row in rows]


@pytest.fixture
async def undisturbed(database: Database) -> tuple[list[Row], list[str]]:
    """Rows and Events of a life without an outage."""
    async with Life(database) as life:
        await life.cycles()
        await life.told()
        return await life.rows(), life.world.reasons()


OUTAGES: dict[str, Callable[[Database], AbstractAsyncContextManager[None]]] = {
    "refused": lambda it: it.broken(Proxy.refuse),
    "hangs": lambda it: it.broken(Proxy.hang),
    "slow": lambda it: it.broken(lambda way: way.slow(2 * SHORT)),
    "breaks off": lambda it: it.broken(lambda way: way.break_off(20)),
    "half-open": lambda it: it.broken(Proxy.lose),
    "disk full": Database.full,
}
SAID = {
    "refused": "can't be reached",
    "hangs": "in time",
    "slow": "in time",
    "breaks off": "did not take it now",
    "disk full": "No space left on device",
}
"""What the log says meanwhile. A half-open connection is soon replaced."""


@pytest.mark.parametrize("outage", OUTAGES)
async def test_findings_that_open_close_and_flap_meanwhile_are_all_there_afterwards(
    database: Database,
    undisturbed: tuple[list[Row], list[str]],
    outage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Verdicts, findings and Events go on; rows come when the sink is back, each once."""
    rows, reasons = undisturbed
    assert len(rows) == CYCLES // 2 + 2
    async with Life(database) as life:
        async with OUTAGES[outage](database):
            await life.cycles()
            if outage in SAID:
                await life.world.until(
                    lambda: any(
                        SAID[outage] in str(r.__dict__.get("error")) for r in caplog.records
                    )
                )
                waiting = [entry for entry in life.status.pending if "sink" in entry.targets]
                assert len(waiting) == sum(1 + row["resolved"] for row in rows)
                assert ("sink", "retried") in life.world.telemetry.deliveries
                await life.world.until(lambda: sorted(life.world.reasons()) == sorted(reasons))
        await life.told()

        assert await life.rows() == rows
        assert sorted(life.world.reasons()) == sorted(reasons)


async def test_a_connection_killed_inside_a_transaction_loses_nothing(
    database: Database, sink_server: PostgresServer
) -> None:
    """The row is written when the next connection writes it, and once."""
    holder = await asyncpg.connect(sink_server.dsn(database=database.name), ssl=False)
    async with Life(database) as life:
        async with holder.transaction():
            await holder.execute(f"LOCK TABLE {TABLE}")
            await life.cycle("opens")
            await until(lambda: holder.fetchval(KILLED))
        await life.told()
        [row] = await life.rows()

        assert (row["check_name"], row["resolved"]) == ("opens", False)
        assert ("sink", "retried") in life.world.telemetry.deliveries
    await holder.close()


async def test_a_sink_restored_from_a_backup_lacks_only_closed_episodes_newer_than_it(
    database: Database,
) -> None:
    """Each check's open finding and the last that ended come back; what was open then, ends."""
    flapping = (("opens",), ("opens", "closes", "flaps"), *(("opens",), ("opens", "flaps")) * 2)
    async with Life(database) as life:
        await life.cycle("opens", "flaps")
        await life.told()
        await database.engine.dispose()
        backup = await database.backed_up()
        for violated in flapping:
            await life.cycle(*violated)
        await life.told()
        before, reasons = await life.rows(), life.world.reasons()
        await database.restore(backup)
        await heal(life.world.scheduler, life.sink)

        async def healed() -> bool:
            return len(await life.rows()) == len(before) - 1

        await until(healed)
        after = await life.rows()
        [open_then, lost] = [row for row in before if row not in after]
        assert (lost["check_name"], lost["resolved_reason"]) == ("flaps", "Recovered")
        [ended] = [row for row in after if row not in before]
        assert (ended["check_name"], ended["resolved_reason"]) == ("flaps", "Superseded")
        assert ended["opened_at"] == open_then["opened_at"]
        assert life.world.reasons() == reasons
