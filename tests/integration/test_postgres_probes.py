"""Each built-in SQL probe on a real PostgreSQL against a plain model in Python."""

import math
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.governed import AT, Governed

from governor.adapters.postgres import PostgresInstrument
from governor.probes.base import Probe
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.probes.llm_hallucination import LlmHallucination
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import Absence, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

SOURCE = {"sourceRef": {"name": "platform"}}
BEGINNING = datetime.min.replace(tzinfo=UTC)
MONTH, WEEK = AT - timedelta(days=30), AT - timedelta(days=7)

# Quoted: only the stubs know that it is generic.
Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

EXAMPLES = settings(max_examples=40, deadline=None)


def around(cutoff: datetime) -> st.SearchStrategy[datetime | None]:
    """Times that decide: at the cutoff, a microsecond beside it, far off, absent, equal."""
    near = [cutoff + timedelta(microseconds=step) for step in (-1, 0, 1)]
    return st.sampled_from([*near, cutoff - timedelta(days=400), AT, AT + timedelta(days=1), None])


scores = st.sampled_from(
    [None, *(Decimal(text) for text in ("NaN", "0", "0.1", "0.1999999999999999999999", "0.2"))]
) | st.decimals(-1, 2, places=3)
playbooks = st.lists(
    st.tuples(
        st.sampled_from(["a", "B", "b", "é", "pb-10", "pb-2"]) | st.none(),
        st.sampled_from(["approved", "deprecated", "archived", "Archived", "", None]),
        scores,
        around(MONTH),
        around(MONTH),
    ),
    max_size=40,
)
entries = st.lists(
    st.tuples(st.sampled_from(["active", "archived", "ARCHIVED", None]), around(WEEK)), max_size=30
)
evidence = st.lists(
    st.tuples(
        st.sampled_from(["success", "degraded", "failed", "timeout", "FAILED", "", None]),
        around(WEEK),
    ),
    max_size=30,
)
executions = st.lists(st.tuples(st.sampled_from([True, False, None]), around(WEEK)), max_size=30)
windows = st.sampled_from([1, 2, 5, 100])


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    return Governed.create(governed_server)


@pytest.fixture(scope="module")
async def admin(governed: Governed) -> AsyncIterator[Admin]:
    connection = await governed.connect()
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def instrument(governed: Governed) -> AsyncIterator[PostgresInstrument]:
    async with governed.measuring() as made:
        yield made


async def measured(
    admin: Admin,
    instrument: PostgresInstrument,
    probe: Probe,
    table: str,
    rows: Sequence[tuple[Any, ...]],
) -> Outcome:
    """What the probe says of exactly these rows."""
    await admin.execute(f"TRUNCATE {table}")
    await admin.copy_records_to_table(table, records=rows)
    return await instrument.measure(probe, AT)


def number_of(outcome: Outcome) -> Measurement:
    assert isinstance(outcome, Measurement)
    return outcome


def assert_empty(outcome: Outcome) -> None:
    assert isinstance(outcome, Absence)
    assert outcome.reason is Reason.EMPTY_POPULATION


@EXAMPLES
@given(rows=playbooks, minimum=st.sampled_from([None, 0.0, 0.1, 1.0]))
async def test_trust_drift_agrees_with_the_model(
    admin: Admin,
    instrument: PostgresInstrument,
    rows: list[tuple[Any, ...]],
    minimum: float | None,
) -> None:
    """Counts and lists, with NULL and NaN drifted but never to be deprecated, each id once."""
    probe = TrustDrift.model_validate({**SOURCE, "minimumTrust": minimum})
    line = Decimal(str(0.2 if minimum is None else minimum))
    population = [row for row in rows if row[1] not in ("deprecated", "archived")]
    unjudged = [row for row in population if row[2] is None or row[2].is_nan()]
    low = [row for row in population if row not in unjudged and row[2] < line]
    unused = [row for row in low if (row[3] or row[4] or AT) < MONTH]
    kept = [row for row in [*low, *unjudged] if row not in unused]

    outcome = await measured(admin, instrument, probe, "playbooks", rows)

    if not population:
        assert_empty(outcome)
        return
    got = number_of(outcome)
    assert got.value == (len(low) + len(unjudged)) / len(population)
    assert got.samples == len(population)
    assert got.facts == {
        "drifted_count": len(low) + len(unjudged),
        "total_playbooks": len(population),
        "would_deprecate_count": len(unused),
        "unjudged": len(unjudged),
    }
    assert got.lists["would_deprecate_ids"] == tuple(dict.fromkeys(lowest_first(unused)))[:20]
    assert got.lists["sample_playbook_ids"] == lowest_first(kept)[:10]


def lowest_first(rows: list[tuple[Any, ...]]) -> tuple[str, ...]:
    """Ids by trust; NaN after all numbers, NULL after NaN; ties by id, byte by byte."""

    def key(row: tuple[Any, ...]) -> tuple[float, Decimal, bytes]:
        score = row[2]
        if score is None or score.is_nan():
            return (2 if score is None else 1, Decimal(0), row[0].encode())
        return (0, score, row[0].encode())

    return tuple(row[0] for row in sorted((r for r in rows if r[0] is not None), key=key))


@EXAMPLES
@given(rows=entries)
async def test_knowledge_degradation_agrees_with_the_model(
    admin: Admin, instrument: PostgresInstrument, rows: list[tuple[Any, ...]]
) -> None:
    """NULL status in the population, NULL time stale; exactly at the age is not older."""
    population = [row for row in rows if row[0] != "archived"]
    unjudged = sum(row[1] is None for row in population)
    stale = sum((row[1] or BEGINNING) < WEEK for row in population)

    outcome = await measured(
        admin, instrument, KnowledgeDegradation.model_validate(SOURCE), "knowledge_entries", rows
    )

    if not population:
        assert_empty(outcome)
        return
    assert outcome == Measurement(
        value=stale / len(population),
        samples=len(population),
        facts={"stale_count": stale, "total_count": len(population), "unjudged": unjudged},
    )


@EXAMPLES
@given(rows=evidence, window=windows)
async def test_llm_hallucination_agrees_with_the_model(
    admin: Admin, instrument: PostgresInstrument, rows: list[tuple[Any, ...]], window: int
) -> None:
    """The latest rows with a result; those without a time are the oldest; ties count against."""
    verified = [row for row in rows if row[0] is not None]
    verified.sort(key=lambda row: row[0] != "failed")
    verified.sort(key=lambda row: row[1] or BEGINNING, reverse=True)
    latest = verified[:window]
    failed = sum(row[0] == "failed" for row in latest)
    probe = LlmHallucination.model_validate({**SOURCE, "window": window})

    outcome = await measured(admin, instrument, probe, "incident_evidence", rows)

    if not latest:
        assert_empty(outcome)
        return
    assert outcome == Measurement(
        value=failed / len(latest),
        samples=len(latest),
        facts={"failed_count": failed, "total_checked": len(latest)},
    )


@EXAMPLES
@given(rows=executions, window=windows)
async def test_execution_blast_radius_agrees_with_the_model(
    admin: Admin, instrument: PostgresInstrument, rows: list[tuple[Any, ...]], window: int
) -> None:
    """NULL success has failed; ties count against."""
    ordered = sorted(rows, key=lambda row: {None: 0, False: 1, True: 2}[row[0]])
    ordered.sort(key=lambda row: row[1] or BEGINNING, reverse=True)
    latest = ordered[:window]
    failed = sum(row[0] is not True for row in latest)
    probe = ExecutionBlastRadius.model_validate({**SOURCE, "window": window})

    outcome = await measured(admin, instrument, probe, "auto_repair_executions", rows)

    if not latest:
        assert_empty(outcome)
        return
    assert outcome == Measurement(
        value=failed / len(latest),
        samples=len(latest),
        facts={
            "failed_count": failed,
            "total_executions": len(latest),
            "unjudged": sum(row[0] is None for row in latest),
        },
    )


async def test_lists_are_bounded_and_counts_are_not(
    admin: Admin, instrument: PostgresInstrument
) -> None:
    """Of 30 to deprecate 20 are named, of 30 kept 10; ids are cut at 200 characters."""
    old = AT - timedelta(days=31)
    rows = [(f"old-{i:02}", "approved", Decimal("0.1"), old, old) for i in range(30)]
    rows += [("x" * 500 + str(i), "approved", Decimal("0.1"), AT, AT) for i in range(30)]

    got = number_of(
        await measured(admin, instrument, TrustDrift.model_validate(SOURCE), "playbooks", rows)
    )

    assert got.facts["would_deprecate_count"] == 30
    assert got.lists["would_deprecate_ids"] == tuple(f"old-{i:02}" for i in range(20))
    assert got.lists["sample_playbook_ids"] == ("x" * 200,) * 10


async def test_infinities_are_judged_like_numbers_and_times(
    admin: Admin, instrument: PostgresInstrument
) -> None:
    """PostgreSQL has them for numeric and for timestamptz."""
    await admin.execute(
        "TRUNCATE playbooks; INSERT INTO playbooks VALUES"
        " ('low', 'approved', '-infinity', '-infinity', NULL),"
        " ('high', 'approved', 'infinity', '-infinity', NULL)"
    )

    got = number_of(await instrument.measure(TrustDrift.model_validate(SOURCE), AT))

    assert math.isclose(got.value, 0.5)
    assert got.lists["would_deprecate_ids"] == ("low",)


@pytest.mark.parametrize("kind", ["double precision", "real", "numeric(5,2)"])
async def test_trust_may_be_any_number_that_knows_nan(
    governed: Governed, instrument: PostgresInstrument, kind: str
) -> None:
    """The line of 0.2 is not past itself, however the column stores it."""
    governed.sql(
        f"TRUNCATE playbooks; ALTER TABLE playbooks ALTER trust_score TYPE {kind};"  # noqa: S608 - the test's own words
        " INSERT INTO playbooks VALUES ('a', 'x', 0.2), ('b', 'x', 0.19), ('c', 'x', 'NaN')"
    )
    try:
        got = number_of(await instrument.measure(TrustDrift.model_validate(SOURCE), AT))
    finally:
        governed.sql("ALTER TABLE playbooks ALTER trust_score TYPE numeric")

    assert got.lists["sample_playbook_ids"] == ("b", "c")


async def test_a_view_can_stand_for_a_governed_table(governed: Governed) -> None:
    """`relations` maps to it; names are taken as the catalog spells them."""
    governed.sql(
        'CREATE SCHEMA "Agents"; CREATE VIEW "Agents"."Repairs" AS'
        " SELECT true AS success, now() AS created_at;"
        ' GRANT USAGE ON SCHEMA "Agents" TO measuring;'
        ' GRANT SELECT ON "Agents"."Repairs" TO measuring'
    )
    relations = {"auto_repair_executions": "Agents.Repairs"}

    async with governed.measuring(relations=relations) as instrument:
        outcome = await instrument.measure(ExecutionBlastRadius.model_validate(SOURCE), AT)

    assert number_of(outcome).value == 0
    assert number_of(outcome).samples == 1
