"""Why playbooks could not be deprecated, and whether something may have been changed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeAlias

import asyncpg
import pytest
from tests.support.governed import AT, PASSWORD, REMEDIATOR, Governed, instrument

from governor.adapters.postgres import PostgresInstrument
from governor.app.ports import Deprecation
from governor.probes.base import Access
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import FaultError, Measurement, UnconfirmedError
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

# Quoted: only the stubs know that it is generic.
Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

DRIFT = TrustDrift.model_validate({"sourceRef": {"name": "platform"}})
IDS = ("a", "b")
BOTH = Deprecation(changed=IDS, already=(), kept=())
VIEW_OF_NOTHING_TO_UPDATE = """
ALTER TABLE playbooks RENAME TO kept;
CREATE VIEW playbooks AS SELECT DISTINCT * FROM kept;
GRANT SELECT, UPDATE ON playbooks TO remediating
"""
SESSION = "SELECT pid FROM pg_stat_activity WHERE usename = 'remediating' AND datname = $1"


@pytest.fixture
def governed(governed_server: PostgresServer) -> Governed:
    """A database that a test may spoil, with two playbooks to deprecate."""
    made = Governed.create(governed_server)
    made.sql(
        "INSERT INTO playbooks SELECT id, 'approved', 0.1, NULL, '2026-01-01Z'"
        " FROM unnest(ARRAY['a', 'b']) AS id"
    )
    return made


@pytest.fixture
async def made(governed: Governed) -> AsyncIterator[PostgresInstrument]:
    async with governed.remediating(statementTimeout="2s") as it:
        yield it


@pytest.fixture
async def admin(governed: Governed) -> AsyncIterator[Admin]:
    connection = await governed.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def watcher(governed: Governed) -> AsyncIterator[Admin]:
    """A second connection, for while the first is in a transaction."""
    connection = await governed.connect()
    yield connection
    await connection.close()


async def refusal(made: PostgresInstrument) -> FaultError:
    """Why nothing was changed, once it is fit to be told."""
    with pytest.raises(FaultError) as caught:
        await made.deprecate(DRIFT, IDS, AT)
    message = caught.value.fault.message
    assert 0 < len(message) <= 200
    assert message.isprintable()
    assert PASSWORD not in message
    return caught.value


def statuses(governed: Governed) -> list[str]:
    return governed.sql("SELECT status FROM playbooks ORDER BY playbook_id").splitlines()


async def session(admin: Admin, governed: Governed, waits_for: str) -> int:
    """The session that deprecates, once it waits for that."""
    async with asyncio.timeout(20):
        while True:
            pid = await admin.fetchval(f"{SESSION} AND wait_event = $2", governed.name, waits_for)
            if pid is not None:
                return int(pid)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("revoked", "granted"),
    [
        ("UPDATE (status) ON playbooks", "SELECT, UPDATE (status) ON public.playbooks"),
        ("SELECT ON playbooks", "SELECT, UPDATE (status) ON public.playbooks"),
        ("USAGE ON SCHEMA public", "USAGE ON SCHEMA public"),
    ],
)
async def test_the_missing_grant_is_named(
    governed: Governed, made: PostgresInstrument, revoked: str, granted: str
) -> None:
    """With the Secret whose role needs it."""
    governed.sql(f"REVOKE {revoked} FROM PUBLIC, remediating")

    error = await refusal(made)

    assert error.fault.reason is Reason.PERMISSION_DENIED
    assert granted in error.fault.message
    assert "Secret platform, key remediation" in error.fault.message
    assert not isinstance(error, UnconfirmedError)
    assert statuses(governed) == ["approved", "approved"]


@pytest.mark.parametrize(
    ("spoiling", "reason", "words"),
    [
        ("DROP TABLE playbooks", Reason.RELATION_NOT_FOUND, "spec.postgres.relations"),
        (
            "ALTER TABLE playbooks RENAME trust_score TO trust",
            Reason.COLUMN_NOT_FOUND,
            "column playbooks.trust_score does not exist",
        ),
        (
            "ALTER TABLE playbooks ALTER last_used_at TYPE timestamp",
            Reason.COLUMN_TYPE,
            "public.playbooks.last_used_at is timestamp, not timestamptz",
        ),
        (
            "ALTER TABLE playbooks ADD CHECK (status IN ('approved', 'retired'))",
            Reason.QUERY_INVALID,
            "let public.playbooks take the status 'deprecated'",
        ),
        (
            VIEW_OF_NOTHING_TO_UPDATE,
            Reason.QUERY_INVALID,
            "a view that can be updated",
        ),
    ],
)
async def test_a_table_that_can_not_be_updated_says_why(
    governed: Governed, made: PostgresInstrument, spoiling: str, reason: Reason, words: str
) -> None:
    """With the remedy, and nothing changed."""
    governed.sql(spoiling)

    error = await refusal(made)

    assert error.fault.reason is reason
    assert words in error.fault.message
    assert not isinstance(error, UnconfirmedError)


async def test_without_access_nothing_is_tried(governed: Governed) -> None:
    """Even if whoever asks did not check."""
    made = instrument(
        governed.dsn(), remediation=governed.dsn(REMEDIATOR), access=[Access.BUILTIN_CHECKS]
    )
    try:
        error = await refusal(made)
        version = await made.version()
    finally:
        await made.close()

    assert error.fault.reason is Reason.SOURCE_FORBIDDEN
    assert "add Remediation to its access, and postgres.remediationSecretRef" in (
        error.fault.message
    )
    assert statuses(governed) == ["approved", "approved"]
    assert version.startswith("PostgreSQL 18.")


@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        ("mysql://u:hunter2@h/d", Reason.SECRET_INVALID),
        ("postgresql://remediating:wrong@{address}", Reason.AUTHENTICATION_FAILED),
    ],
)
async def test_a_bad_login_of_remediation_does_not_stop_the_checks(
    governed: Governed, dsn: str, reason: Reason
) -> None:
    """What needs it names its Secret, and so does the source's readiness; checks go on."""
    address = governed.dsn().rpartition("@")[2]
    made = instrument(governed.dsn(), remediation=dsn.format(address=address))
    try:
        error = await refusal(made)
        measured = await made.measure(DRIFT, AT)
        with pytest.raises(FaultError) as caught:
            await made.version()
    finally:
        await made.close()

    assert error.fault.reason is reason
    assert "Secret platform" in error.fault.message
    assert "key remediation" in error.fault.message
    assert caught.value.fault == error.fault
    assert isinstance(measured, Measurement)


async def test_a_lock_is_waited_for_only_so_long(
    governed: Governed, made: PostgresInstrument, admin: Admin
) -> None:
    """It says that it was a lock; nothing was changed, and the next try goes through."""
    async with admin.transaction():
        await admin.execute("SELECT FROM playbooks WHERE playbook_id = 'b' FOR UPDATE")
        error = await refusal(made)

    assert error.fault.reason is Reason.TIMEOUT
    assert "something holds a lock on public.playbooks" in error.fault.message
    assert not isinstance(error, UnconfirmedError)
    assert statuses(governed) == ["approved", "approved"]
    assert await made.deprecate(DRIFT, IDS, AT) == BOTH


@pytest.mark.parametrize(
    ("change", "came"),
    [
        ("trust_score = 0.9", Deprecation(changed=("a",), already=(), kept=("b",))),
        ("last_used_at = '2026-11-22Z'", Deprecation(changed=("a",), already=(), kept=("b",))),
        ("status = 'deprecated'", Deprecation(changed=("a",), already=("b",), kept=())),
        ("status = 'other'", BOTH),
    ],
)
async def test_a_change_under_way_is_judged_as_it_ends(
    governed: Governed,
    made: PostgresInstrument,
    admin: Admin,
    watcher: Admin,
    change: str,
    came: Deprecation,
) -> None:
    """The UPDATE waits for the row, and looks at it anew."""
    async with admin.transaction():
        await admin.execute(f"UPDATE playbooks SET {change} WHERE playbook_id = 'b'")  # noqa: S608 - the test's own words
        task = asyncio.create_task(made.deprecate(DRIFT, IDS, AT))
        await session(watcher, governed, "transactionid")

    assert await task == came


async def test_a_connection_lost_before_the_commit_has_changed_nothing(
    governed: Governed, made: PostgresInstrument, admin: Admin, watcher: Admin
) -> None:
    """The server takes back what was not committed: that is known."""
    async with admin.transaction():
        await admin.execute("SELECT FROM playbooks WHERE playbook_id = 'b' FOR UPDATE")
        task = asyncio.create_task(refusal(made))
        pid = await session(watcher, governed, "transactionid")
        await watcher.execute("SELECT pg_terminate_backend($1)", pid)
        error = await task

    assert error.fault.reason is Reason.UNREACHABLE
    assert not isinstance(error, UnconfirmedError)
    assert statuses(governed) == ["approved", "approved"]
    assert await made.deprecate(DRIFT, IDS, AT) == BOTH


@pytest.mark.parametrize(
    ("ending", "reason"),
    [("SELECT pg_terminate_backend($1)", Reason.UNREACHABLE), ("SELECT $1::int", Reason.TIMEOUT)],
    ids=["lost", "too slow"],
)
async def test_of_a_commit_that_does_not_answer_the_outcome_is_unknown(
    governed: Governed, made: PostgresInstrument, admin: Admin, ending: str, reason: Reason
) -> None:
    """A deferred trigger stands for whatever a commit may wait for."""
    governed.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON playbooks DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    task = asyncio.create_task(refusal(made))
    pid = await session(admin, governed, "PgSleep")
    await admin.execute(ending, pid)

    error = await task

    assert isinstance(error, UnconfirmedError)
    assert error.fault.reason is reason


async def test_nothing_is_left_on_the_connection(
    governed: Governed, made: PostgresInstrument, admin: Admin
) -> None:
    """No transaction stays open, and the next try uses the connection again."""
    await made.deprecate(DRIFT, IDS, AT)
    first = await admin.fetchrow(f"{SESSION} AND state = 'idle'", governed.name)

    again = await made.deprecate(DRIFT, IDS, AT + timedelta(days=1))

    assert again == Deprecation(changed=(), already=IDS, kept=())
    assert first is not None
    assert await admin.fetchrow(SESSION, governed.name) == first
