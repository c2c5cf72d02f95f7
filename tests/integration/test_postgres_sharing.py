"""What several policies ask a database in the same tenth of a second is asked once (rule 29)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from tests.support.governed import AT, Governed

from governor.adapters.postgres import PostgresInstrument
from governor.probes.base import SourceRef
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.probes.sql import Sql
from governor.values.outcomes import Fault, Measurement
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

SOURCE = SourceRef(name="platform")
TENTH = timedelta(milliseconds=100)
GATE = 29
"""The advisory lock for which statements wait."""
UNDER_WAY = "SELECT query FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%xact_lock%'"


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    return Governed.create(governed_server)


@pytest.fixture
async def instrument(governed: Governed) -> AsyncIterator[PostgresInstrument]:
    async with governed.measuring() as made:
        yield made


@pytest.fixture
async def admin(governed: Governed) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Holds the gate at first."""
    connection = await governed.connect()
    await connection.execute(f"SELECT pg_advisory_lock({GATE})")
    yield connection
    await connection.close()


def slow(number: int = 1) -> Sql:
    """Takes until the gate is open, and says the number."""
    wait = f"pg_advisory_xact_lock_shared({GATE})"
    return Sql(source_ref=SOURCE, query=f"SELECT {number} + 0 * length({wait}::text) AS value")


async def open_gate(admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Lets the statements end."""
    await admin.execute(f"SELECT pg_advisory_unlock({GATE})")


async def under_way(admin: "asyncpg.Connection[asyncpg.Record]", count: int) -> list[str]:
    """The statements that the server works on, once there are so many."""
    found: list[str] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            rows = await admin.fetch(f"{UNDER_WAY} AND pid <> pg_backend_pid()")
            found = [row["query"] for row in rows]
    return found


async def test_the_same_of_one_moment_is_asked_once(
    instrument: PostgresInstrument, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Each policy gets the value; the server worked once."""
    starts = [AT + number * timedelta(milliseconds=9) + TENTH / 100 for number in range(10)]
    asking = [asyncio.create_task(instrument.measure(slow(), at)) for at in starts]

    assert len(await under_way(admin, 1)) == 1
    await open_gate(admin)

    assert await asyncio.gather(*asking) == [Measurement(value=1.0)] * 10


async def test_another_moment_or_another_text_is_another_question(
    instrument: PostgresInstrument, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A value is never older than the tenth of a second that its run began in."""
    asking = [
        asyncio.create_task(instrument.measure(probe, at))
        for probe, at in ((slow(), AT), (slow(), AT + TENTH), (slow(2), AT))
    ]

    await under_way(admin, 3)
    await open_gate(admin)

    assert await asyncio.gather(*asking) == [
        Measurement(value=1.0),
        Measurement(value=1.0),
        Measurement(value=2.0),
    ]


async def test_one_who_leaves_takes_no_answer_along(
    instrument: PostgresInstrument, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """As when a policy is deleted; the last one to leave ends the statement."""
    first, second = (asyncio.create_task(instrument.measure(slow(), AT)) for _ in range(2))
    await under_way(admin, 1)
    first.cancel()
    await asyncio.wait({first})
    await open_gate(admin)

    assert await second == Measurement(value=1.0)


async def test_a_fault_is_everybodys(instrument: PostgresInstrument) -> None:
    """With its reason and words."""
    missing = Sql(source_ref=SOURCE, query="SELECT 1 AS value FROM nowhere")

    one, other = await asyncio.gather(*(instrument.measure(missing, AT) for _ in range(2)))

    assert isinstance(one, Fault)
    assert one == other
    assert one.reason is Reason.RELATION_NOT_FOUND


async def test_built_in_checks_share_what_asks_the_same(
    governed: Governed, instrument: PostgresInstrument
) -> None:
    """Policies that tolerate the same of a table; one with another age asks for itself."""
    governed.sql(
        "INSERT INTO knowledge_entries SELECT 'published', "
        "timestamptz '2026-11-22 12:00Z' - i * interval '1 day' FROM generate_series(1, 10) AS i"
    )
    week, month = (
        KnowledgeDegradation(source_ref=SOURCE),
        KnowledgeDegradation.model_validate(
            {"sourceRef": {"name": "platform"}, "staleAfter": "30d"}
        ),
    )

    answers = await asyncio.gather(*(instrument.measure(it, AT) for it in (week, week, month)))

    values = [answer.value for answer in answers if isinstance(answer, Measurement)]
    assert values == [0.3, 0.3, 0.0]
