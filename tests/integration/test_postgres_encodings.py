"""Governed databases that are not UTF8: what is there is measured, or said to be unmeasurable."""

import pytest
from tests.support.governed import AT, Governed

from governor.adapters.postgres import PostgresInstrument
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Fault, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

SOURCE = {"sourceRef": {"name": "platform"}}
DRIFT = TrustDrift.model_validate(SOURCE)
REPAIRS = ExecutionBlastRadius.model_validate(SOURCE)

BYTES, NAME = r"E'pr\xfcf'", "prüf"
"""The id of the one playbook, as the server writes it down in LATIN1; that is no UTF-8."""

ROWS = f"""
INSERT INTO playbooks VALUES
  ({BYTES}, 'approved', 0.1, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');
INSERT INTO auto_repair_executions
  SELECT n > 1, '{AT.isoformat()}'::timestamptz - interval '1 hour' FROM generate_series(1, 4) n;
"""  # noqa: S608 - our own words


def database(server: PostgresServer, encoding: str) -> Governed:
    """One with a playbook that nobody trusts, and one of four repairs that failed."""
    made = Governed.create(server, f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    made.sql(ROWS)
    return made


@pytest.fixture(scope="module")
def latin1(governed_server: PostgresServer) -> Governed:
    return database(governed_server, "LATIN1")


@pytest.fixture(scope="module")
def sql_ascii(governed_server: PostgresServer) -> Governed:
    return database(governed_server, "SQL_ASCII")


async def ask(instrument: PostgresInstrument, query: str) -> Outcome:
    """What a statement of a policy's own gives."""
    return await instrument.measure(Sql.model_validate({**SOURCE, "query": query}), AT)


async def assert_goes_on(instrument: PostgresInstrument) -> None:
    """The same connection measures what can be measured."""
    repairs = await instrument.measure(REPAIRS, AT)
    assert isinstance(repairs, Measurement)
    assert repairs.value == 0.25


async def test_latin1_is_measured_in_its_own_words(latin1: Governed) -> None:
    """Ids and literals are the same text on both sides, whatever the bytes are."""
    async with latin1.measuring(maxConnections=1) as instrument:
        drift = await instrument.measure(DRIFT, AT)
        named = await ask(
            instrument, "SELECT count(*) AS value FROM playbooks WHERE playbook_id = 'prüf'"
        )
        await assert_goes_on(instrument)

    assert isinstance(drift, Measurement)
    assert drift.value == 1
    assert drift.lists["would_deprecate_ids"] == (NAME,)
    assert named == Measurement(value=1)


async def test_in_latin1_what_was_chosen_is_deprecated(governed_server: PostgresServer) -> None:
    """By its id."""
    own = database(governed_server, "LATIN1")
    async with own.remediating() as instrument:
        outcome = await instrument.deprecate(DRIFT, [NAME], AT)

    assert outcome.changed == (NAME,)
    assert own.sql("SELECT status FROM playbooks") == "deprecated"


async def test_a_character_that_latin1_lacks_is_the_query_s_fault(latin1: Governed) -> None:
    """No row can have it, but that is for the author to see."""
    async with latin1.measuring(maxConnections=1) as instrument:
        outcome = await ask(
            instrument, "SELECT count(*) AS value FROM playbooks WHERE status = '€'"
        )
        await assert_goes_on(instrument)

    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.QUERY_INVALID
    assert "correct the query" in outcome.message


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        (None, "map another in spec.postgres.relations"),
        ("SELECT playbook_id::int AS value FROM playbooks", "correct the query"),
    ],
    ids=["in an answer", "in an error's words"],
)
async def test_bytes_that_are_no_text_are_never_a_pass(
    sql_ascii: Governed, query: str | None, remedy: str
) -> None:
    """Whoever needs them is in Error; nobody else is."""
    async with sql_ascii.measuring(maxConnections=1) as instrument:
        outcome = await (instrument.measure(DRIFT, AT) if query is None else ask(instrument, query))
        await assert_goes_on(instrument)

    assert outcome == Fault(
        reason=Reason.QUERY_INVALID,
        message=f'invalid byte sequence for encoding "UTF8": 0xfc: {remedy}',
    )
