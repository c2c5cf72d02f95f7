"""The port Sink, held by every implementation: the double and the real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from governor.adapters.memory.sink import InMemorySink
from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.adapters.sink.tables import events
from governor.app.ports import Episode, OpenFinding, Revision, Sink
from governor.errors import DeliveryError, RejectedError
from governor_local.postgresql import PostgresServer

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

Row = dict[str, Any]


class Closing(Sink, Protocol):
    """What a sink offers beside the port."""

    async def ping(self) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True)
class Subject:
    """An implementation under test, and how to look behind it."""

    sink_of: Callable[[str], Closing]
    """A sink for the cluster of that name; all of them share one database."""
    row: Callable[[UUID], Awaitable[Row | None]]


def in_memory() -> Subject:
    shared = InMemorySink()

    async def row(finding: UUID) -> Row | None:
        return shared.events.get(finding)

    return Subject(
        lambda cluster: InMemorySink(cluster, events=shared.events, revisions=shared.revisions),
        row,
    )


def in_postgres(url: str) -> Subject:
    engine = make_engine(url, tls_mode="Disable")

    async def row(finding: UUID) -> Row | None:
        translated = engine.execution_options(schema_translate_map={None: "governance"})
        async with translated.connect() as connection:
            found = (await connection.execute(select(events).where(events.c.id == finding))).first()
        return None if found is None else dict(found._mapping)

    return Subject(lambda cluster: PostgresSink(engine, "governance", cluster), row)


@pytest.fixture(scope="session")
def database_url(sink_server: PostgresServer) -> str:
    """A fresh database on the real server."""
    name = f"contract_{uuid4().hex}"
    sink_server.execute(f"CREATE DATABASE {name}")
    return sink_server.dsn(database=name)


@pytest.fixture(params=["memory", "postgres"], scope="session")
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield in_memory()
        return
    url = request.getfixturevalue("database_url")
    await migrate(url, "governance", tls_mode="Disable")
    subject = in_postgres(url)
    yield subject
    await subject.sink_of("any").close()


@pytest.fixture
def cluster() -> str:
    return f"cluster-{uuid4()}"


@pytest.fixture
def sink(subject: Subject, cluster: str) -> Closing:
    return subject.sink_of(cluster)


def opening(**changes: Any) -> Episode:
    """A finding at its opening, with an id and a policy of its own."""
    usual: Row = {
        "id": uuid4(),
        "event_type": "knowledge_degradation",
        "details": {"status": "warning", "impact": {"stale_ratio": 0.31}},
        "namespace": "aiops",
        "policy": "flywheel",
        "policy_uid": str(uuid4()),
        "generation": 3,
        "check_name": "knowledge",
        "severity": "warning",
        "opened_at": T0,
        "last_seen_at": T0,
    }
    return Episode(**{**usual, **changes})


def ended(episode: Episode, after_minutes: int = 30, reason: str = "Recovered") -> Episode:
    """The same finding at its resolution: what was measured then is another thing."""
    at = episode.opened_at + timedelta(minutes=after_minutes)
    return replace(
        episode,
        details={"status": "warning", "impact": {"stale_ratio": 0.1}, "after": after_minutes},
        generation=episode.generation + 1,
        last_seen_at=at,
        resolved_at=at,
        resolved_reason=reason,
    )


def as_open(episode: Episode) -> OpenFinding:
    return OpenFinding(
        id=episode.id,
        event_type=episode.event_type,
        check_name=episode.check_name,
        policy_uid=episode.policy_uid,
        namespace=episode.namespace,
        policy=episode.policy,
        opened_at=episode.opened_at,
    )


async def test_opening_is_stored_word_for_word(
    subject: Subject, sink: Closing, cluster: str
) -> None:
    """A row says what the episode says, and for which cluster."""
    episode = opening(severity="critical", details={"impact": {"a": 1, "b": [None, "ü", 0.25]}})

    adopted = await sink.record(episode)

    assert adopted is None
    assert await subject.row(episode.id) == {
        "id": episode.id,
        "event_type": "knowledge_degradation",
        "details": {"impact": {"a": 1, "b": [None, "ü", 0.25]}},
        "details_at": T0,
        "resolved": False,
        "resolved_at": None,
        "resolved_reason": None,
        "cluster": cluster,
        "namespace": "aiops",
        "policy": "flywheel",
        "policy_uid": episode.policy_uid,
        "generation": 3,
        "check_name": "knowledge",
        "severity": "critical",
        "opened_at": T0,
        "last_seen_at": T0,
        "folded": 0,
    }


@pytest.mark.parametrize(
    "order",
    ["o", "oo", "or", "ro", "oro", "roo", "rro", "orr", "rorro"],
    ids=lambda order: f"order-{order}",
)
async def test_any_order_and_repetition_gives_the_same_row(
    subject: Subject, sink: Closing, order: str
) -> None:
    """Openings (o) and resolutions (r) of one finding commute, and repeating is nothing."""
    first = opening()
    last = ended(first)

    for step in order:
        assert await sink.record(first if step == "o" else last) is None

    row = await subject.row(first.id)
    assert row is not None
    assert row["details"] == first.details
    assert row["generation"] == first.generation
    if "r" in order:
        assert (row["resolved"], row["resolved_at"]) == (True, last.resolved_at)
        assert row["resolved_reason"] == "Recovered"
        assert row["last_seen_at"] == last.last_seen_at
    else:
        assert (row["resolved"], row["resolved_at"], row["resolved_reason"]) == (False, None, None)


async def test_resolution_alone_makes_a_whole_row(subject: Subject, sink: Closing) -> None:
    """An end that comes before its opening is stored, not lost."""
    last = ended(opening())

    await sink.record(last)

    row = await subject.row(last.id)
    assert row is not None
    assert row["resolved"]
    assert row["details"] == last.details
    assert row["opened_at"] == T0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_first_end_counts(subject: Subject, sink: Closing, order: tuple[int, int]) -> None:
    """Of two ends of a finding, the earlier one and its reason stay."""
    first = opening()
    ends = (ended(first, 30, "Recovered"), ended(first, 60, "PolicyDeleted"))

    for index in order:
        await sink.record(ends[index])

    row = await subject.row(first.id)
    assert row is not None
    assert row["resolved_at"] == ends[0].resolved_at
    assert row["resolved_reason"] == "Recovered"
    assert row["last_seen_at"] == ends[1].last_seen_at


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 1), (0, 1, 0)])
async def test_folded_delivery_is_the_truth_about_its_row(
    subject: Subject, sink: Closing, order: tuple[int, ...]
) -> None:
    """A row that stands for more findings has their last end and their worst details."""
    alone = ended(opening(), 30)
    folded = replace(ended(alone, 90), folded=2, details={"impact": {"stale_ratio": 0.9}})

    for index in order:
        await sink.record((alone, folded)[index])

    row = await subject.row(alone.id)
    assert row is not None
    assert row["folded"] == 2
    assert row["resolved_at"] == folded.resolved_at
    assert row["details"] == folded.details


async def test_second_opening_is_answered_with_the_first(subject: Subject, sink: Closing) -> None:
    """One open finding of a kind per check: a rival is not stored, but told of the first."""
    first = opening()
    rival = replace(first, id=uuid4(), opened_at=T0 + timedelta(hours=1))
    await sink.record(first)

    adopted = await sink.record(rival)

    assert adopted == as_open(first)
    assert await subject.row(rival.id) is None


async def test_reopening_after_the_end_is_a_row_of_its_own(subject: Subject, sink: Closing) -> None:
    """Open, resolved, open again: two rows, the first untouched."""
    first = opening()
    again = replace(first, id=uuid4(), opened_at=T0 + timedelta(hours=1))
    await sink.record(first)
    await sink.record(ended(first))

    assert await sink.record(again) is None

    assert await sink.record(first) is None, "a late repetition does not reopen"
    assert [f.id for f in await sink.open_findings(first.policy_uid)] == [again.id]


async def test_resolved_rival_is_stored(subject: Subject, sink: Closing) -> None:
    """A finding that has ended is in nobody's way."""
    first = opening()
    await sink.record(first)
    other = ended(replace(first, id=uuid4()))

    assert await sink.record(other) is None
    assert await subject.row(other.id) is not None


@pytest.mark.parametrize(
    "other",
    [{"check_name": "other"}, {"event_type": "trust_drift"}, {"policy_uid": "another"}],
    ids=lambda change: next(iter(change)),
)
async def test_other_keys_are_no_rivals(sink: Closing, other: Row) -> None:
    """Policy, check and event type tell findings apart."""
    first = opening()
    await sink.record(first)

    assert await sink.record(replace(first, id=uuid4(), **other)) is None


async def test_clusters_do_not_see_each_other(subject: Subject, sink: Closing) -> None:
    """The same policy uid in another cluster is another policy."""
    mine = opening()
    other = subject.sink_of(f"other-{uuid4()}")
    await sink.record(mine)
    theirs = replace(mine, id=uuid4())

    assert await other.record(theirs) is None
    assert await sink.open_findings() == [as_open(mine)]
    assert await other.open_findings(mine.policy_uid) == [as_open(theirs)]


async def test_open_findings_of_a_policy_and_of_all(sink: Closing) -> None:
    """Unresolved rows only, oldest first, of one policy or of the cluster."""
    young, old = opening(opened_at=T0 + timedelta(hours=2)), opening(check_name="")
    gone = opening(policy_uid=old.policy_uid)
    for episode in (young, old, gone, ended(gone)):
        await sink.record(episode)

    assert await sink.open_findings() == [as_open(old), as_open(young)]
    assert await sink.open_findings(old.policy_uid) == [as_open(old)]
    assert await sink.open_findings("unknown") == []


async def test_unstorable_text_does_not_poison_a_row(subject: Subject, sink: Closing) -> None:
    """NUL and lone surrogates become U+FFFD, a number that is none becomes null."""
    episode = opening(
        namespace="a\x00b",
        details={"k\x00": ["\ud800", {"x": float("nan")}, float("inf"), ("t", 1)]},
    )
    await sink.record(episode)
    await sink.record(ended(episode, reason="\udfff\x00"))

    row = await subject.row(episode.id)
    assert row is not None
    assert row["namespace"] == "a\ufffdb"
    assert row["details"] == {"k\ufffd": ["\ufffd", {"x": None}, None, ["t", 1]]}
    assert row["resolved_reason"] == "\ufffd\ufffd"


@pytest.mark.parametrize(
    "broken",
    [{"severity": "loud"}, {"folded": 1}, {"folded": -1}, {"resolved_reason": "Recovered"}],
    ids=["severity", "folded while open", "folded below zero", "a reason without an end"],
)
async def test_row_that_breaks_a_constraint_is_rejected(
    subject: Subject, sink: Closing, broken: Row
) -> None:
    """What can never be stored is said to be final, and leaves nothing behind."""
    episode = replace(opening(), **broken)

    with pytest.raises(RejectedError):
        await sink.record(episode)

    assert await subject.row(episode.id) is None


async def test_concurrent_deliveries_of_one_finding_give_one_row(
    subject: Subject, sink: Closing
) -> None:
    """Many at once end as one after the other would."""
    first = opening()

    answers = await asyncio.gather(*(sink.record(episode) for episode in [first, ended(first)] * 8))

    assert set(answers) == {None}
    row = await subject.row(first.id)
    assert row is not None
    assert (row["resolved"], row["details"]) == (True, first.details)


async def test_concurrent_rivals_agree_on_one(sink: Closing) -> None:
    """Whoever wins is the one that all others are told."""
    first = opening()
    rivals = [replace(first, id=uuid4()) for _ in range(8)]

    answers = await asyncio.gather(*(sink.record(rival) for rival in rivals))

    (winner,) = await sink.open_findings(first.policy_uid)
    assert [rival.id for rival, answer in zip(rivals, answers, strict=True) if answer is None] == [
        winner.id
    ]
    assert {answer.id for answer in answers if answer} == {winner.id}


async def test_concurrent_rivals_that_come_and_go_end_well(subject: Subject, sink: Closing) -> None:
    """Openings and ends of rivals at once: each is stored, is told of another, or comes back."""
    first = opening()
    rivals = [replace(first, id=uuid4()) for _ in range(6)]

    async def life(rival: Episode) -> None:
        stored = False
        while not stored:
            with suppress(DeliveryError):
                stored = await sink.record(rival) is None
        await sink.record(ended(rival))

    await asyncio.gather(*(life(rival) for rival in rivals))

    rows = [await subject.row(rival.id) for rival in rivals]
    assert all(row is not None and row["resolved"] for row in rows)


async def test_revision_is_stored_once(sink: Closing) -> None:
    """The first revision of a generation stays; what was not stored is None."""
    uid = str(uuid4())
    revision = Revision(
        policy_uid=uid,
        generation=4,
        namespace="aiops",
        policy="flywheel",
        spec={"checks": [{"name": "a", "objective": {"redLine": 0.1}}]},
        seen_at=T0,
        field_manager="kubectl\x00",
    )
    await sink.record_revision(revision)
    await sink.record_revision(replace(revision, spec={"checks": []}))

    assert await sink.revision(uid, 4) == revision.spec
    assert await sink.revision(uid, 5) is None
    assert await sink.revision("unknown", 4) is None


async def test_revisions_of_clusters_are_apart(subject: Subject, sink: Closing) -> None:
    """A restored copy of a cluster has the same uids, and specs of its own."""
    uid = str(uuid4())
    other = subject.sink_of(f"other-{uuid4()}")
    revision = Revision(
        policy_uid=uid,
        generation=1,
        namespace="aiops",
        policy="flywheel",
        spec={"mine": True},
        seen_at=T0,
        field_manager="argocd",
    )
    await sink.record_revision(revision)
    assert await other.revision(uid, 1) is None
    await other.record_revision(replace(revision, spec={"mine": False}))

    assert await sink.revision(uid, 1) == {"mine": True}
    assert await other.revision(uid, 1) == {"mine": False}


async def test_ping_answers(sink: Closing) -> None:
    """A sink that works says so by not raising."""
    await sink.ping()


def _delivery(minute: int, resolved: bool, folded: int) -> Episode:
    """What was decided at that minute: a delivery follows from its transition alone."""
    at = T0 + timedelta(minutes=minute)
    return replace(
        opening(id=UUID(int=0), policy_uid=""),
        details={"at": minute, "folded": folded},
        generation=minute,
        severity=("info", "warning", "critical")[minute % 3],
        last_seen_at=at,
        resolved_at=at if resolved or folded else None,
        resolved_reason=f"at {minute}" if resolved or folded else None,
        folded=folded,
    )


_deliveries = st.lists(
    # The even minutes are openings and sightings, the odd ones are ends.
    st.builds(
        lambda minute, folded: _delivery(minute, bool(minute % 2), folded),
        st.integers(0, 9),
        st.sampled_from([0, 0, 0, 1, 2]),
    ),
    min_size=1,
    max_size=5,
)


@given(deliveries=_deliveries, data=st.data())
@settings(max_examples=30)
async def test_any_permutation_with_repetition_converges(
    subject: Subject, deliveries: list[Episode], data: st.DataObject
) -> None:
    """Whatever is delivered, in whatever order and however often: the same table."""
    sink = subject.sink_of("converging")
    orders = [
        deliveries,
        data.draw(st.permutations([*deliveries, *data.draw(st.permutations(deliveries))])),
    ]
    rows = []
    for order in orders:
        finding, uid = uuid4(), str(uuid4())
        for delivery in order:
            assert await sink.record(replace(delivery, id=finding, policy_uid=uid)) is None
        row = await subject.row(finding)
        assert row is not None
        rows.append({**row, "id": None, "policy_uid": None})

    assert rows[0] == rows[1]
