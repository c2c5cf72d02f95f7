"""governance_measurements on a real server: rights, days, rivals, readers in the way, outages."""
# ruff: noqa: S608 - names of ours

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url
from tests.support.builders import slo, spec
from tests.support.executors import ROLES, WorkDatabase, make_work_database
from tests.support.measurements import at, blind, record, rows_of
from tests.support.proxy import Proxy, proxy
from tests.support.world import World

from governor.adapters.clock import SystemClock
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.measurements import PostgresMeasurements
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.app.history import History
from governor.app.ports import ObjectKey
from governor.errors import DeliveryError, RejectedError
from governor.values.reasons import Verdict
from governor_local.postgresql import PostgresServer

TABLE = "governance.governance_measurements"
SHORT = 0.5

ROOM = 5
"""So many values may wait where they can not be stored."""


@pytest.fixture
async def database(sink_server: PostgresServer) -> AsyncIterator[WorkDatabase]:
    """One of the test's own, with a login of each role."""
    made = await make_work_database(sink_server)
    yield made
    await made.sink.close()


@asynccontextmanager
async def store_at(url: str, cluster: str = "here") -> AsyncIterator[PostgresMeasurements]:
    engine = make_engine(url, tls_mode="Disable", pool_size=1, command_timeout=3.0)
    store = PostgresMeasurements(engine, "governance", cluster, deadline=5.0)
    yield store
    await store.close()


@pytest.fixture
async def store(database: WorkDatabase) -> AsyncIterator[PostgresMeasurements]:
    """The operator's, as governor_writer, with room for a week."""
    async with store_at(database.writer_url) as store:
        await store.make_room(7)
        yield store


async def test_the_writer_keeps_values_and_can_do_no_more(
    database: WorkDatabase, store: PostgresMeasurements
) -> None:
    """All that the operator does, and nothing past the functions."""
    mine = record(slot=at(days=5))
    assert (await store.add([mine, record()])).stored == 2
    assert await store.drop_old(3) == 4

    connection = await asyncpg.connect(database.writer_url, ssl=False)
    for statement in (
        f"INSERT INTO {TABLE} SELECT * FROM {TABLE}",
        f"UPDATE {TABLE} SET value = 0",
        f"DELETE FROM {TABLE}",
        f"DROP TABLE {TABLE}_{datetime.now(UTC):%Y%m%d}",
        f"INSERT INTO {TABLE}_{datetime.now(UTC):%Y%m%d} SELECT * FROM {TABLE}",
        "DELETE FROM governance.governance_measurements_incoming",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("days", [-1, 0, 367])
async def test_nobody_drops_everything_by_a_slip(store: PostgresMeasurements, days: int) -> None:
    """The functions refuse what no retention can be."""
    with pytest.raises(RejectedError, match="keep_days must be 1 to 366"):
        await store.drop_old(days)


@pytest.mark.parametrize("role", ["reader", "executor"])
async def test_a_login_without_the_right_is_told_which_role_has_it(
    database: WorkDatabase, role: str
) -> None:
    """And nothing is stored."""
    async with store_at(getattr(database, f"{role}_url")) as store:
        for attempt in (store.add([record()]), store.make_room(7), store.drop_old(7)):
            with pytest.raises(DeliveryError, match="use a login in governor_writer"):
                await attempt


async def test_a_schema_that_was_never_migrated_names_the_remedy(database: WorkDatabase) -> None:
    """An operator may be newer than its tables."""
    database.sql("DROP FUNCTION governance.store_measurements")
    database.sql("DROP TABLE governance.governance_measurements_incoming")
    async with store_at(database.url) as store:
        with pytest.raises(DeliveryError, match="governor migrate"):
            await store.add([record()])


async def test_rivals_store_each_slot_once(
    database: WorkDatabase, store: PostgresMeasurements
) -> None:
    """Two leaders with the same slots, each in its own order, and blind runs before them."""
    slots = [at(minutes=minutes) for minutes in range(200)]
    uid = str(uuid4())
    seen = [record(slot=slot, policy_uid=uid) for slot in slots]
    unseen = [blind(slot=slot, policy_uid=uid) for slot in slots]
    async with store_at(database.writer_url) as rival:

        async def repeatedly(whose: PostgresMeasurements, step: int) -> None:
            for begin in range(0, 200, 50):
                await whose.add(unseen[begin : begin + 50][::step])
                await whose.add(seen[begin : begin + 50][::step])

        await asyncio.gather(repeatedly(store, 1), repeatedly(rival, -1))

    engine = make_engine(database.url, tls_mode="Disable")
    rows = await rows_of(engine, "here")
    await engine.dispose()
    assert [row["slot"] for row in rows] == sorted(slots)
    assert {row["verdict"] for row in rows} == {"Warning"}


async def test_a_leftover_in_the_incoming_table_is_taken_and_nothing_stays_there(
    database: WorkDatabase, store: PostgresMeasurements
) -> None:
    """Whoever left it: it is stored with the next batch, or dropped as homeless."""
    await store.add([record()])
    incoming = "governance.governance_measurements_incoming"
    database.sql(f"INSERT INTO {incoming} SELECT * FROM {TABLE}")
    database.sql(f"UPDATE {incoming} SET slot = '1999-01-01'")

    added = await store.add([record()])

    assert (added.stored, added.homeless, str(added.homeless_day)) == (1, 1, "1999-01-01")
    assert database.sql(f"SELECT count(*) FROM {incoming}") == "0"


async def test_a_day_that_was_detached_by_hand_is_left_alone(
    database: WorkDatabase, store: PostgresMeasurements
) -> None:
    """Somebody keeps it for good: its rows are dropped, and no batch fails of it."""
    today = f"{TABLE}_{datetime.now(UTC):%Y%m%d}"
    await store.add([record()])
    database.sql(f"ALTER TABLE {TABLE} DETACH PARTITION {today}")

    assert await store.make_room(7) == 0
    assert (await store.add([record(), record(slot=at(days=1))])).homeless == 1
    assert await store.drop_old(1) == 6
    assert database.sql(f"SELECT count(*) FROM {today}") == "1"


async def test_the_table_itself_refuses_what_is_no_number(
    database: WorkDatabase, store: PostgresMeasurements
) -> None:
    """Whoever writes: no NaN, no infinity, no value of an Error."""
    nan = record(value=float("nan"))
    for wrong in (nan, replace(nan, value=float("inf")), replace(nan, verdict=Verdict.ERROR)):
        with pytest.raises(RejectedError, match="governance_measurements_"):
            await store.add([record(), wrong])
    assert database.sql(f"SELECT count(*) FROM {TABLE}") == "0"


async def test_who_reads_keeps_nobody_from_writing_and_dropping_waits_a_second(
    database: WorkDatabase, store: PostgresMeasurements
) -> None:
    """A dashboard's long query: new days and values go in; old days go when it is over."""
    database.sql(f"DROP TABLE {TABLE}_{datetime.now(UTC) + timedelta(days=2):%Y%m%d}")
    reader = await asyncpg.connect(database.reader_url, ssl=False)
    reading = reader.transaction()
    await reading.start()
    await reader.fetch(f"SELECT * FROM {TABLE}")

    assert await store.make_room(7) == 1
    assert (await store.add([record()])).stored == 1
    with pytest.raises(DeliveryError, match="lock timeout"):
        await store.drop_old(3)
    assert (await store.add([record()])).stored == 1

    await reading.rollback()
    await reader.close()
    assert await store.drop_old(3) == 4


async def test_roles_may_come_after_days_were_made(
    sink_server: PostgresServer,
) -> None:
    """roles.sql gives the days that are there to the owner of the schema, too."""
    name = f"measurements_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    admin = sink_server.dsn(database=name)
    await migrate(admin, "governance", tls_mode="Disable")
    async with store_at(admin) as store:
        await store.make_room(7)
    sink_server.execute(ROLES, database=name)
    login = f"login_{uuid4().hex}"
    sink_server.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'secret' IN ROLE governor_writer")

    async with store_at(sink_server.dsn(user=login, password="secret", database=name)) as store:
        assert (await store.add([record()])).stored == 1
        assert await store.drop_old(2) == 5
        assert await store.make_room(4) == 2


class Lives:
    """A policy with its findings and values; values go another way than findings."""

    def __init__(self, database: WorkDatabase, way: Proxy) -> None:
        through = make_url(database.writer_url).set(port=way.port)
        url = through.render_as_string(hide_password=False)
        apart = make_engine(url, tls_mode="Disable", pool_size=1, command_timeout=SHORT)
        self.cluster = uuid4().hex
        self.store = PostgresMeasurements(apart, "governance", self.cluster, deadline=2 * SHORT)
        self.telemetry = InMemoryTelemetry()
        self.history = History(
            self.store, SystemClock(), self.telemetry, days=7, capacity=ROOM, flush_seconds=0.05
        )
        engine = make_engine(database.writer_url, tls_mode="Disable")
        self.sink = PostgresSink(engine, "governance", self.cluster)
        self.world = World(real_sink=self.sink, history=self.history)
        self.world.clock.time = datetime.now(UTC)
        self.reading = make_engine(database.url, tls_mode="Disable")
        self.key: ObjectKey

    async def cycle(self, outcome: str, verdict: str) -> None:
        """The next slot, judged, and told."""
        self.world.say(autonomy_rate=outcome)
        self.world.clock.forward(60)
        self.world.scheduler.policy_tick(self.key.uid, 60)
        await self.world.settled(self.key, verdict, seconds=10)

    async def values(self) -> list[float | None]:
        return [row["value"] for row in await rows_of(self.reading, self.cluster)]


@pytest.fixture
async def lives(
    database: WorkDatabase, sink_server: PostgresServer
) -> AsyncIterator[tuple[Lives, Proxy]]:
    with proxy(sink_server.port) as way:
        lives = Lives(database, way)
        keeping = asyncio.create_task(lives.history.run())
        body = lives.world.store.create("aiops", "lives", spec(slo()))
        lives.key = ObjectKey.of(body)
        lives.world.scheduler.policy_seen(body)
        await lives.world.settled(lives.key, "Ok")
        await lives.world.until(lambda: lives.telemetry.stored == 1)
        yield lives, way
        keeping.cancel()
        await lives.world.end()
        for each in (lives.store, lives.sink, lives.reading):
            await (each.dispose() if hasattr(each, "dispose") else each.close())


BREAKING: dict[str, Callable[[Proxy], None]] = {
    "refused": Proxy.refuse,
    "hangs": Proxy.hang,
    "breaks off": lambda way: way.break_off(20),
    "slow": lambda way: way.slow(2 * SHORT),
}


@pytest.mark.parametrize("breaking", BREAKING)
async def test_findings_go_on_while_values_can_not_be_stored(
    lives: tuple[Lives, Proxy], breaking: str
) -> None:
    """Open and end on time, in rows too; values wait, the oldest are shed and counted."""
    it, way = lives
    BREAKING[breaking](way)
    for outcome, verdict in (("violated", "Violated"), ("ok", "Ok")) * 4:
        await it.cycle(outcome, verdict)
        assert len(await it.sink.open_findings()) == (verdict == "Violated")
    await it.world.until(lambda: it.telemetry.shed["queue_full"] >= 1)
    assert it.telemetry.stored == 1

    way.cut()
    way.well()
    await it.world.until(lambda: it.telemetry.stored == 9 - it.telemetry.shed["queue_full"])

    kept = await it.values()
    assert kept[0] == 0.9
    assert len(kept) == it.telemetry.stored
    # The oldest of those that wait are shed; a batch that is on its way may outlive some of them.
    assert kept[-ROOM:] == ([0.5, 0.9] * 4)[-ROOM:]


async def test_a_connection_killed_in_a_batch_stores_it_once(
    lives: tuple[Lives, Proxy], database: WorkDatabase
) -> None:
    """What became of it is not known, so it is added again."""
    it, _ = lives
    holder = await asyncpg.connect(database.url, ssl=False)
    async with holder.transaction():
        await holder.execute(f"LOCK TABLE {TABLE} IN SHARE MODE")
        await it.cycle("violated", "Violated")

        async def killed() -> int:
            return int(
                await holder.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )

        async with asyncio.timeout(20):
            while not await killed():  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
    await holder.close()
    await it.world.until(lambda: it.telemetry.stored == 2)

    assert await it.values() == [0.9, 0.5]
    assert +it.telemetry.shed == {}
