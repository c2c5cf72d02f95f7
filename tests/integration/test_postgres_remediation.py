"""Deprecating on a real PostgreSQL: only what was chosen, and only what still deserves it."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.governed import AT, REMEDIATOR, Governed

from governor.adapters.postgres import PostgresInstrument
from governor.app.ports import Deprecation
from governor.probes.trust_drift import TrustDrift
from governor.values.outcomes import FaultError, Measurement, UnconfirmedError
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer

# Quoted: only the stubs know that it is generic.
Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MONTH = AT - timedelta(days=30)
OLD = AT - timedelta(days=31)
INSTANT = timedelta(microseconds=1)
LOW = Decimal("0.1")

ODD = (
    "",
    " ",
    "pb-1",
    "PB-1",
    "é",
    "'; DROP TABLE playbooks; --",
    '"quoted"',
    "{a,b}",
    "%s $1 {playbooks}",
    "back\\slash",
    "two\nlines\t",
    "NULL",
    "☂" * 200,
)


def drift(**fields: Any) -> TrustDrift:
    return TrustDrift.model_validate({"sourceRef": {"name": "platform"}, **fields})


@pytest.fixture(scope="module")
def governed(governed_server: PostgresServer) -> Governed:
    return Governed.create(governed_server)


@pytest.fixture(scope="module")
async def connected(governed: Governed) -> AsyncIterator[Admin]:
    connection = await governed.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def admin(connected: Admin) -> Admin:
    await connected.execute("TRUNCATE playbooks")
    return connected


@pytest.fixture(scope="module")
async def instrument(governed: Governed) -> AsyncIterator[PostgresInstrument]:
    async with governed.remediating() as made:
        yield made


async def write(admin: Admin, *rows: tuple[Any, ...]) -> None:
    await admin.copy_records_to_table("playbooks", records=rows)


def unused(*ids: str) -> list[tuple[Any, ...]]:
    """Rows that are to be deprecated, the lowest trust first."""
    step = Decimal("0.0001")
    return [(each, "approved", LOW + step * n, OLD, OLD) for n, each in enumerate(ids)]


async def chosen(instrument: PostgresInstrument, probe: TrustDrift) -> tuple[str, ...]:
    outcome = await instrument.measure(probe, AT)
    assert isinstance(outcome, Measurement)
    return outcome.lists["would_deprecate_ids"]


async def deprecated(admin: Admin) -> list[str]:
    rows = await admin.fetch("SELECT playbook_id FROM playbooks WHERE status = 'deprecated'")
    return sorted(str(row["playbook_id"]) for row in rows)


times = st.sampled_from([MONTH - INSTANT, MONTH, MONTH + INSTANT, OLD, AT, None])
playbooks = st.lists(
    st.tuples(
        st.sampled_from(["a", "A", "b", "é", "pb-10", "x" * 201]) | st.none(),
        st.sampled_from(["approved", "deprecated", "archived", "", None]),
        st.sampled_from([Decimal(text) for text in ("NaN", "0", "0.1999999", "0.2", "-1")])
        | st.none(),
        times,
        times,
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(rows=playbooks)
async def test_whatever_is_named_only_what_deserves_it_is_deprecated(
    connected: Admin, instrument: PostgresInstrument, rows: list[tuple[Any, ...]]
) -> None:
    """Row by row: low, a number, in use, unused for longer. What is listed is what changes."""
    await connected.execute("TRUNCATE playbooks")
    await write(connected, *rows)

    def deserves(row: tuple[Any, ...]) -> bool:
        _, status, trust, used, created = row
        return (
            status not in {"deprecated", "archived"}
            and trust is not None
            and not trust.is_nan()
            and trust < Decimal("0.2")
            and (used or created or AT) < MONTH
        )

    names = sorted({row[0] for row in rows if row[0] is not None})
    worthy = {row[0] for row in rows if row[0] is not None and deserves(row)}
    listed = await chosen(instrument, drift(maxPerRun=100)) if rows_in_use(rows) else ()
    assert set(listed) == {each for each in worthy if len(each) <= 200}
    assert len(listed) == len(set(listed))

    came = await instrument.deprecate(drift(), names, AT)

    were = {row[0] for row in rows if row[1] == "deprecated"} - worthy
    assert came == Deprecation(
        changed=tuple(each for each in names if each in worthy),
        already=tuple(each for each in names if each in were),
        kept=tuple(each for each in names if each not in worthy | were),
    )
    after = [tuple(row) for row in await connected.fetch("SELECT * FROM playbooks")]
    expected = [
        (row[0], "deprecated", *row[2:]) if row[0] is not None and deserves(row) else row
        for row in rows
    ]
    assert sorted(map(repr, after)) == sorted(map(repr, expected))


def rows_in_use(rows: Sequence[tuple[Any, ...]]) -> bool:
    return any(row[1] not in {"deprecated", "archived"} for row in rows)


async def test_who_leads_no_more_when_the_connection_is_there_changes_nothing(
    admin: Admin, governed: Governed
) -> None:
    """A process that was stopped while it connected, and goes on while another leads."""
    await write(admin, *unused("a"))

    def refuse() -> None:
        raise FaultError(Reason.UNREACHABLE, "this replica does not lead")

    async with governed.remediating(before_writing=refuse) as instrument:
        with pytest.raises(FaultError, match="does not lead") as caught:
            await instrument.deprecate(drift(), ["a"], AT)

    assert not isinstance(caught.value, UnconfirmedError)
    assert await deprecated(admin) == []


async def test_only_what_is_named_is_deprecated(
    admin: Admin, instrument: PostgresInstrument
) -> None:
    """The rest deserves it as much, and waits for its turn."""
    await write(admin, *unused("a", "b", "c"))

    came = await instrument.deprecate(drift(), ["c", "nobody", "a"], AT)

    assert came == Deprecation(changed=("c", "a"), already=(), kept=("nobody",))
    assert await deprecated(admin) == ["a", "c"]


async def test_ids_are_data_whatever_they_look_like(
    admin: Admin, instrument: PostgresInstrument
) -> None:
    """Each is listed, named and found as it is; the longest that is told included."""
    await write(admin, *unused(*ODD))

    ids = await chosen(instrument, drift())
    came = await instrument.deprecate(drift(), ids, AT)

    assert ids == ODD
    assert came == Deprecation(changed=ODD, already=(), kept=())


async def test_an_id_too_long_to_tell_is_never_chosen(
    admin: Admin, instrument: PostgresInstrument
) -> None:
    """Nor is the playbook whose id is what a cut would leave of it."""
    await write(admin, *unused("x" * 201), ("x" * 200, "approved", Decimal(1), AT, AT))

    outcome = await instrument.measure(drift(), AT)

    assert isinstance(outcome, Measurement)
    assert outcome.facts["would_deprecate_count"] == 1
    assert outcome.lists["would_deprecate_ids"] == ()


async def test_a_minimum_of_one_deprecates_no_more_than_a_run_may(
    admin: Admin, instrument: PostgresInstrument
) -> None:
    """The catalogue is safe from a slip of the pen; next time it is the next ones."""
    ids = tuple(f"pb-{n:03}" for n in range(150))
    await write(admin, *unused(*ids))

    twenty = await chosen(instrument, drift(minimumTrust=1))
    hundred = await chosen(instrument, drift(minimumTrust=1, maxPerRun=100))
    came = await instrument.deprecate(drift(minimumTrust=1, maxPerRun=100), hundred, AT)

    assert (twenty, hundred) == (ids[:20], ids[:100])
    assert came.changed == hundred
    assert await chosen(instrument, drift(minimumTrust=1, maxPerRun=100)) == ids[100:]


async def test_an_id_that_several_bear_is_chosen_once_and_judged_row_by_row(
    admin: Admin, instrument: PostgresInstrument
) -> None:
    """The one that is in use stays."""
    used = ("a", "approved", LOW, AT, AT)
    await write(admin, *unused("a"), *unused("a"), used)

    ids = await chosen(instrument, drift())
    came = await instrument.deprecate(drift(), ids, AT)

    assert ids == ("a",)
    assert came.changed == ("a",)
    rows = await admin.fetch("SELECT status, last_used_at FROM playbooks")
    assert [row["last_used_at"] for row in rows if row["status"] == "approved"] == [AT]


@pytest.mark.parametrize(
    ("meanwhile", "found"),
    [
        ("UPDATE playbooks SET last_used_at = '2026-11-22Z' WHERE playbook_id = 'b'", "kept"),
        ("UPDATE playbooks SET trust_score = 0.2 WHERE playbook_id = 'b'", "kept"),
        ("UPDATE playbooks SET trust_score = NULL WHERE playbook_id = 'b'", "kept"),
        ("UPDATE playbooks SET trust_score = 'NaN' WHERE playbook_id = 'b'", "kept"),
        ("UPDATE playbooks SET status = 'archived' WHERE playbook_id = 'b'", "kept"),
        ("UPDATE playbooks SET playbook_id = 'z' WHERE playbook_id = 'b'", "kept"),
        ("DELETE FROM playbooks WHERE playbook_id = 'b'", "kept"),
        ("UPDATE playbooks SET status = 'deprecated' WHERE playbook_id = 'b'", "already"),
    ],
)
async def test_what_changed_between_choice_and_update_is_left_alone(
    admin: Admin, instrument: PostgresInstrument, meanwhile: str, found: str
) -> None:
    """It is looked at again; the others are deprecated all the same."""
    await write(admin, *unused("a", "b"))
    ids = await chosen(instrument, drift())
    await admin.execute(meanwhile)

    came = await instrument.deprecate(drift(), ids, AT)

    assert ids == ("a", "b")
    assert came.changed == ("a",)
    assert getattr(came, found) == ("b",)


async def test_no_id_at_all_changes_nothing(admin: Admin, instrument: PostgresInstrument) -> None:
    """An empty list is not everything."""
    await write(admin, *unused("a"))

    assert await instrument.deprecate(drift(), [], AT) == Deprecation(
        changed=(), already=(), kept=()
    )
    assert await deprecated(admin) == []


async def test_a_role_that_reads_by_default_may_write_here(
    governed: Governed, admin: Admin
) -> None:
    """The transaction says that it writes; the grants are what counts."""
    await write(admin, *unused("a"))
    role = f"{REMEDIATOR} IN DATABASE {governed.name}"
    governed.sql(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    try:
        async with governed.remediating() as made:
            came = await made.deprecate(drift(), ["a"], AT)
    finally:
        governed.sql(f"ALTER ROLE {role} RESET ALL")

    assert came.changed == ("a",)
