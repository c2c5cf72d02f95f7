"""From the first schema, with what it holds, to the one that keeps work items."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import Connection
from tests.support.executors import ROLES
from tests.support.sinks import ended, opening, order, reopened

from governor.adapters.sink import migrating
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.postgres import PostgresSink
from governor.app.ports import RemediationRecord
from governor.errors import DeliveryError
from governor_local.postgresql import PostgresServer

EVENTS = "SELECT to_jsonb(e) FROM {place}.ai_governance_events e ORDER BY id"


@pytest.fixture
def database(sink_server: PostgresServer) -> str:
    name = f"upgrading_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def url(sink_server: PostgresServer, database: str) -> str:
    return sink_server.dsn(database=database)


@pytest.fixture
def sql(sink_server: PostgresServer, database: str) -> Callable[[str], str]:
    return lambda text: sink_server.execute(text, database=database)


async def migrate_to_first(url: str, schema: str) -> None:
    """As the version of governor did that knew the first migration alone."""

    def upgrade(connection: Connection) -> None:
        migrating._enter(connection, schema)
        config = migrating._config()
        config.attributes.update(connection=connection, schema=schema)
        command.upgrade(config, "0001")

    engine = make_engine(url, tls_mode="Disable", pool_size=1)
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


def insert_event(place: str, resolved: str) -> str:
    return (
        f"INSERT INTO {place}.ai_governance_events (id, event_type, details, details_at, "  # noqa: S608
        "resolved, resolved_at, cluster, namespace, policy, policy_uid, generation, check_name, "
        "severity, opened_at, last_seen_at) VALUES (gen_random_uuid(), 'trust_drift', "
        f"""'{{"remediation": {{"items": ["a"]}}}}', now(), {resolved}, """
        f"CASE WHEN {resolved} THEN now() END, 'cluster', 'aiops', 'flywheel', "
        f"'{uuid4()}', 1, 'trust', 'warning', now(), now())"
    )


@pytest.mark.parametrize("schema", ["governance", "Odd name", "user"])
async def test_rows_stay_and_work_can_begin(
    url: str, sql: Callable[[str], str], schema: str
) -> None:
    """Not a row is changed; then findings of before and after get work and remediations."""
    await migrate_to_first(url, schema)
    place = f'"{schema}"'
    for resolved in ("false", "true"):
        sql(insert_event(place, resolved))
    before = sql(EVENTS.format(place=place))

    assert await migrating.migrate(url, schema, tls_mode="Disable") == ("0001", migrating.head())

    assert len(before.splitlines()) == 2
    assert sql(EVENTS.format(place=place)) == before
    sink = PostgresSink(make_engine(url, tls_mode="Disable"), schema, "cluster")
    await sink.ping()
    (known,) = await sink.open_findings()
    old = opening(
        **{
            name: getattr(known, name)
            for name in ("id", "event_type", "check_name", "policy_uid", "opened_at")
        },
        last_seen_at=known.opened_at,
    )
    run = RemediationRecord(id=uuid4(), at=known.opened_at, changed=("p",))
    await sink.record(old, order(executor="old"))
    await sink.record_remediation(old, run)
    assert [r.dispatch.status for r in await sink.dispatches(known.policy_uid)] == ["pending"]
    claim = f"SELECT check_name FROM {place}.claim_dispatch('old', 'w', '1 min')"  # noqa: S608
    assert sql(claim) == "trust"
    await sink.record(ended(old))
    assert await sink.release_expired() == 0
    await sink.record(reopened(old), order(executor="new"))
    assert sql(f"SELECT check_name FROM {place}.claim_dispatch('new', 'w', '1 min')") == "trust"  # noqa: S608
    await sink.close()


async def test_operator_before_its_migration_waits(url: str) -> None:
    """The newer operator on the older schema: not lost, and told what to run."""
    await migrate_to_first(url, "governance")
    sink = PostgresSink(make_engine(url, tls_mode="Disable"), "governance", "cluster")
    finding = opening()
    await sink.record(finding)

    for attempt in (
        sink.record(ended(finding)),
        sink.record(opening(), order()),
        sink.dispatches("any"),
        sink.release_expired(),
        sink.ping(),
    ):
        with pytest.raises(DeliveryError, match="governor migrate"):
            await attempt

    await migrating.migrate(url, "governance", tls_mode="Disable")
    assert await sink.record(ended(finding)) is None
    await sink.close()


async def test_roles_of_before_and_after(
    sink_server: PostgresServer, url: str, database: str, sql: Callable[[str], str]
) -> None:
    """roles.sql, the first schema, the migration, roles.sql again: everybody can work."""
    sql(ROLES)
    await migrate_to_first(url, "governance")
    sql(ROLES)
    await migrating.migrate(url, "governance", tls_mode="Disable")
    sql(ROLES)
    role = f"login_{uuid4().hex}"
    sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' IN ROLE governor_executor")
    mine = sink_server.dsn(user=role, password="secret", database=database)

    assert (
        sink_server.execute("SELECT * FROM governance.claim_dispatch('e', 'w', '1 min')", dsn=mine)
        == ""
    )
