"""The port Sink, held by every implementation: findings, their ends and their rivals."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.sinks import T0, Closing, Row, Subject, as_open, ended, opening

from governor.errors import RejectedError


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
