"""The port Measurements, held by every implementation: each slot once, a day at a time."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from tests.support.measurements import Closing, Kept, at, blind, in_memory, in_postgres, record

from governor.adapters.sink.migrating import migrate
from governor.values.objectives import Direction, Objective
from governor.values.reasons import Verdict
from governor_local.postgresql import PostgresServer


@pytest.fixture(params=["memory", "postgres"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    if request.param == "memory":
        yield in_memory()
        return
    server: PostgresServer = request.getfixturevalue("sink_server")
    name = f"measurements_{uuid4().hex}"
    server.execute(f"CREATE DATABASE {name}")
    url = server.dsn(database=name)
    await migrate(url, "governance", tls_mode="Disable")
    kept = in_postgres(url)
    yield kept
    await kept.of("any").close()


@pytest.fixture
async def store(kept: Kept) -> Closing:
    """A store of the cluster `here`, with room for a week."""
    store = kept.of("here")
    await store.make_room(7)
    return store


async def test_every_field_is_stored(kept: Kept, store: Closing) -> None:
    """As it was measured; names that PostgreSQL can't take are cleaned."""
    slot = at(minutes=1)
    late = slot + timedelta(seconds=2.5)
    objective = Objective(direction=Direction.ABOVE, red_line=0.7)
    value = 0.1 + 0.2
    told = record(slot=slot, measured_at=late, value=value, policy="fly\x00wheel", samples=2**70)

    added = await store.add([replace(told, objective=objective)])

    assert (added.stored, added.homeless, added.homeless_day) == (1, 0, None)
    assert await kept.rows("here") == [
        {
            "cluster": "here",
            "namespace": "aiops",
            "policy": "fly\N{REPLACEMENT CHARACTER}wheel",
            "policy_uid": told.policy_uid,
            "generation": 3,
            "check_name": "open-review-ratio",
            "slot": slot,
            "measured_at": late,
            "duration_seconds": 0.25,
            "verdict": "Warning",
            "reason": "PastTarget",
            "value": value,
            "samples": 2**63 - 1,
            "direction": "Above",
            "red_line": 0.7,
            "target": None,
        }
    ]


async def test_a_slot_is_stored_once_whoever_adds_it_how_often(kept: Kept, store: Closing) -> None:
    """A leader that was restarted, or a second one, measures it again: the first stays."""
    first = record()
    again = replace(first, value=0.9, verdict=Verdict.VIOLATED)
    other_check = replace(first, check_name="another")
    next_slot = replace(first, slot=first.slot - timedelta(minutes=1))

    assert (await store.add([first, again])).stored == 1
    assert (await store.add([first])).stored == 0
    assert (await kept.of("here").add([again, other_check, next_slot])).stored == 2

    rows = [(r["check_name"], r["slot"], r["value"]) for r in await kept.rows("here")]
    assert rows == [
        ("another", first.slot, 0.3),
        ("open-review-ratio", next_slot.slot, 0.3),
        ("open-review-ratio", first.slot, 0.3),
    ]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.NO_DATA])
async def test_a_number_takes_the_place_of_none(
    kept: Kept, store: Closing, verdict: Verdict, together: bool
) -> None:
    """The retry that measures stands for the slot; an Error after it does not."""
    none = blind(verdict)
    measured = replace(
        record(slot=none.slot, policy_uid=none.policy_uid),
        measured_at=none.slot + timedelta(seconds=30),
    )
    for each in [[none, measured, none]] if together else [[none], [measured], [none]]:
        await store.add(each)

    [row] = await kept.rows("here")
    assert (row["verdict"], row["value"], row["samples"]) == ("Warning", 0.3, 40)
    assert row["measured_at"] == measured.measured_at


async def test_clusters_are_apart(kept: Kept, store: Closing) -> None:
    """A restored copy of a cluster has the same uids, and values of its own."""
    mine = record()
    await store.add([mine])
    assert (await kept.of("there").add([replace(mine, value=0.4)])).stored == 1

    assert [row["value"] for row in await kept.rows("here")] == [0.3]
    assert [row["value"] for row in await kept.rows("there")] == [0.4]


async def test_what_has_no_day_is_dropped_and_counted_and_keeps_nothing_else_out(
    kept: Kept, store: Closing
) -> None:
    """Slots before the retention, and of a clock that is far ahead."""
    old, ahead, fresh = record(slot=at(days=9)), record(slot=at(days=-5)), record()

    added = await store.add([old, ahead, fresh])

    assert (added.stored, added.homeless) == (1, 2)
    assert added.homeless_day == old.slot.date()
    assert [row["policy_uid"] for row in await kept.rows("here")] == [fresh.policy_uid]


async def test_there_is_room_for_as_many_days_as_are_kept(kept: Kept) -> None:
    """From the oldest that is kept to the day after tomorrow; making it again makes nothing."""
    store = kept.of("here")
    assert (await store.add([record()])).homeless == 1

    assert await store.make_room(3) == 6
    assert await store.make_room(3) == 0
    assert await store.make_room(1) == 0

    today = datetime.now(UTC).date()
    assert await kept.days() == {today + timedelta(days=offset) for offset in range(-3, 3)}
    assert (await store.add([record(slot=at(days=3)), record(slot=at(days=-2))])).stored == 2


async def test_days_that_are_over_go_with_all_that_is_in_them(kept: Kept) -> None:
    """And no other; dropping again drops nothing."""
    store = kept.of("here")
    await store.make_room(7)
    values = {days: record(slot=at(days=days)) for days in (0, 1, 2, 3, 6)}
    await store.add([*values.values()])

    assert await store.drop_old(2) == 5
    assert await store.drop_old(2) == 0

    assert {row["slot"] for row in await kept.rows("here")} == {
        values[days].slot for days in (0, 1, 2)
    }
    assert (await store.add([record(slot=at(days=3))])).homeless == 1


async def test_nothing_is_added_of_nothing(kept: Kept, store: Closing) -> None:
    """An empty batch is none."""
    assert (await store.add([])).stored == 0
    assert await kept.rows("here") == []
