"""Answers of a gigabyte and of a million rows: the operator takes no more than it can use."""

import tracemalloc
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.governed import AT, Governed

from governor.adapters.postgres import PostgresInstrument
from governor.adapters.postgres.bounds import LONGEST_ANSWER
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Fault, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

SOURCE = {"sourceRef": {"name": "platform"}}
FLOOD = 64 << 20
"""Bytes: more than any bound, and little enough for the server to make in no time."""

MEMORY = 8 << 20
"""Bytes that the driver's buffers and ours may take at most; the flood is eight times that."""

LONG = f"repeat('x', {FLOOD})"
LENGTH = f"is longer than {LONGEST_ANSWER} bytes: "


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    made = Governed.create(governed_server)
    made.sql('CREATE SCHEMA odd; CREATE TYPE odd."numeric" AS (said text)')
    made.sql("GRANT USAGE ON SCHEMA odd TO PUBLIC")
    return made


@pytest.fixture
async def one(governed: Governed) -> AsyncIterator[PostgresInstrument]:
    """An instrument of one connection."""
    async with governed.measuring(maxConnections=1, statementTimeout="30s") as made:
        yield made


@pytest.fixture
def bounded() -> Iterator[None]:
    """Whatever is sent, little of it is held in memory at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


async def ask(instrument: PostgresInstrument, query: str) -> Outcome:
    return await instrument.measure(Sql.model_validate({**SOURCE, "query": query}), AT)


FLOODS = {
    "the text of an error": f"SELECT {LONG}::int",
    "a setting that is reported": f"SELECT length(set_config('search_path', {LONG}, true))",
}


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("query", FLOODS.values(), ids=FLOODS)
async def test_a_flood_ends_the_connection_and_says_so(one: PostgresInstrument, query: str) -> None:
    """It is not read to its end; the next check gets another connection."""
    outcome = await ask(one, query)

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.MALFORMED_ANSWER
    assert LENGTH + "correct the query" in outcome.message
    assert await ask(one, "SELECT 1") == Measurement(value=1)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (f"SELECT {LONG}", Reason.NOT_A_NUMBER),
        (f'SELECT ROW({LONG})::odd."numeric"', Reason.NOT_A_NUMBER),
        ("SELECT n FROM generate_series(1, 1000000) AS n", Reason.SEVERAL_ROWS),
        (f"SELECT {LONG}, {LONG}, {LONG}", Reason.SEVERAL_COLUMNS),
    ],
    ids=["a text", "a text that is called numeric", "a million rows", "columns"],
)
async def test_what_no_check_can_use_is_not_even_sent(
    one: PostgresInstrument, query: str, reason: Reason
) -> None:
    """Each has its own reason."""
    outcome = await ask(one, query)

    assert isinstance(outcome, Fault)
    assert outcome.reason is reason


@pytest.mark.usefixtures("bounded")
async def test_a_long_id_is_cut_where_it_is(one: PostgresInstrument, governed: Governed) -> None:
    """The server sends the beginning of a playbook's id, and measures it as any other."""
    governed.sql(f"INSERT INTO playbooks SELECT {LONG}, 'approved', 0, NULL, '2020-01-01'")

    outcome = await one.measure(TrustDrift.model_validate(SOURCE), AT)

    assert isinstance(outcome, Measurement)
    assert (outcome.value, outcome.samples) == (1, 1)


@pytest.mark.usefixtures("bounded")
async def test_a_flood_at_a_built_in_check(governed: Governed) -> None:
    """The bound holds for every statement; the remedy is the administrator's."""
    governed.sql(
        f"CREATE VIEW odd.loud AS SELECT NULL::text AS playbook_id, ''::text AS status,"
        f" {LONG}::numeric AS trust_score, now() AS last_used_at, now() AS created_at"
    )
    governed.sql("GRANT SELECT ON odd.loud TO PUBLIC")
    async with governed.measuring(relations={"playbooks": "odd.loud"}) as source:
        outcome = await source.measure(TrustDrift.model_validate(SOURCE), AT)

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.MALFORMED_ANSWER
    assert LENGTH + "map another in spec.postgres.relations" in outcome.message


async def test_what_came_before_does_not_count(one: PostgresInstrument) -> None:
    """Each transaction has the whole bound."""
    nearly = f"SELECT repeat('x', {LONGEST_ANSWER // 3 * 2})::int"
    outcomes = [await ask(one, nearly) for _ in range(3)]

    assert {o.reason for o in outcomes if isinstance(o, Fault)} == {Reason.QUERY_INVALID}
