"""The port Sink, held by every implementation: what remediations of a finding came to."""

import asyncio
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.sinks import T0, Closing, Row, Subject, as_open, ended, opening, order, reopened

from governor.app.ports import Episode, RemediationRecord

AUDITED = {
    "impact": {"drifted_count": 3},
    "remediation": {
        "items": ["Review"],
        "auto_deprecated_count": 0,
        "auto_deprecated_ids": [],
        "would_deprecate_ids": ["x"],
    },
}


def remediation(minute: int = 5, **changes: Any) -> RemediationRecord:
    """What was done at that minute."""
    usual: Row = {"id": uuid4(), "at": T0 + timedelta(minutes=minute)}
    return RemediationRecord(**{**usual, **changes})


async def told(subject: Subject, finding: Episode) -> Any:
    row = await subject.row(finding.id)
    assert row is not None
    return row["details"]["remediation"]


async def test_runs_are_added_to_what_the_finding_says(subject: Subject, sink: Closing) -> None:
    """Each id under its word, the runs in order of time, and what all of them changed."""
    finding = opening(details=AUDITED)
    await sink.record(finding)
    first = remediation(5, changed=("b", "a"), not_changed=("c",), unconfirmed=("d",))
    second = remediation(65, changed=("e", "a\x00"), cancelled=None)
    third = remediation(125, cancelled="the policy no longer says Enforce")

    for each in (third, second, first):
        assert await sink.record_remediation(finding, each) is None

    row = await subject.row(finding.id)
    assert row is not None
    assert row["details"]["impact"] == AUDITED["impact"]
    assert row["details"]["remediation"] == {
        "items": ["Review"],
        "would_deprecate_ids": ["x"],
        "auto_deprecated_count": 4,
        "auto_deprecated_ids": ["a", "a\ufffd", "b", "e"],
        "runs": [
            {
                "id": str(first.id),
                "at": "2026-11-22T10:05:00.000000+00:00",
                "changed": ["b", "a"],
                "not_changed": ["c"],
                "unconfirmed": ["d"],
                "cancelled": None,
            },
            {
                "id": str(second.id),
                "at": "2026-11-22T11:05:00.000000+00:00",
                "changed": ["e", "a\ufffd"],
                "not_changed": [],
                "unconfirmed": [],
                "cancelled": None,
            },
            {
                "id": str(third.id),
                "at": "2026-11-22T12:05:00.000000+00:00",
                "changed": [],
                "not_changed": [],
                "unconfirmed": [],
                "cancelled": "the policy no longer says Enforce",
            },
        ],
    }


async def test_repeating_a_run_changes_nothing(subject: Subject, sink: Closing) -> None:
    """A run counts once by its id, in whatever time zone it is told."""
    finding, run = opening(), remediation(changed=("a",))
    await sink.record_remediation(finding, run)
    before = await subject.row(finding.id)

    await sink.record_remediation(
        finding, replace(run, at=run.at.astimezone(timezone(timedelta(hours=2))))
    )

    assert await subject.row(finding.id) == before


async def test_run_alone_makes_the_whole_row(subject: Subject, sink: Closing) -> None:
    """What was done is stored even if its finding's opening never came."""
    finding = opening()

    await sink.record_remediation(finding, remediation(changed=("a",)))

    assert [f.id for f in await sink.open_findings(finding.policy_uid)] == [finding.id]
    assert (await told(subject, finding))["auto_deprecated_ids"] == ["a"]


@pytest.mark.parametrize("details", [{}, {"remediation": "none"}, {"remediation": None}, AUDITED])
async def test_earlier_details_keep_the_runs(
    subject: Subject, sink: Closing, details: dict[str, Any]
) -> None:
    """An opening that comes last brings its own words, and loses no run."""
    finding = opening(details=details)
    later = replace(finding, details={"later": True}, last_seen_at=T0 + timedelta(minutes=5))
    await sink.record_remediation(later, remediation(changed=("a",)))

    await sink.record(finding)

    row = await subject.row(finding.id)
    assert row is not None
    assert row["details"].keys() == details.keys() | {"remediation"}
    assert row["details"]["remediation"]["auto_deprecated_ids"] == ["a"]
    assert len(row["details"]["remediation"]["runs"]) == 1


async def test_run_under_a_rival_is_not_stored(subject: Subject, sink: Closing) -> None:
    """As with any delivery: whoever is open is told of, and nothing is stored."""
    first = opening()
    rival = reopened(first)
    await sink.record(first)

    assert await sink.record_remediation(rival, remediation()) == as_open(first)

    assert await subject.row(rival.id) is None


async def test_resolution_with_a_run_cancels_what_waits(subject: Subject, sink: Closing) -> None:
    """A delivery is a delivery: what `record` does, it does."""
    finding, work = opening(), order()
    await sink.record(finding, work)

    await sink.record_remediation(ended(finding), remediation())

    (record,) = await sink.dispatches(finding.policy_uid)
    assert record.dispatch.status == "cancelled"


async def test_runs_at_once_are_all_kept(subject: Subject, sink: Closing) -> None:
    """None overwrites another."""
    finding = opening()
    runs = [remediation(minute, changed=(f"p{minute}",)) for minute in range(8)]

    await asyncio.gather(
        *(sink.record_remediation(finding, run) for run in runs), sink.record(ended(finding))
    )

    found = await told(subject, finding)
    assert [run["id"] for run in found["runs"]] == [str(run.id) for run in runs]
    assert found["auto_deprecated_count"] == 8


Delivery = tuple[Episode, RemediationRecord | None]


def _delivery(minute: int, folded: int, run: int | None) -> Delivery:
    """What was decided at that minute; a run follows from its number alone."""
    at = T0 + timedelta(minutes=minute)
    ends = bool(minute % 2 or folded)
    episode = replace(
        opening(id=UUID(int=0), policy_uid=""),
        details={"at": minute, "folded": folded, "remediation": {"items": [minute]}},
        last_seen_at=at,
        resolved_at=at if ends else None,
        resolved_reason=f"at {minute}" if ends else None,
        folded=folded,
    )
    if run is None:
        return episode, None
    ids = [("a", "b"), (), ("b", "ü"), ("Z", "a"), ("c",)][run]
    return episode, remediation(run // 2, id=UUID(int=run), changed=ids, not_changed=(f"{run}",))


_deliveries = st.lists(
    st.builds(
        _delivery,
        st.integers(0, 5),
        st.sampled_from([0, 0, 0, 1]),
        st.one_of(st.none(), st.integers(0, 4)),
    ),
    min_size=1,
    max_size=6,
)


@given(deliveries=_deliveries, data=st.data())
@settings(max_examples=40)
async def test_any_order_of_episodes_and_runs_gives_the_same_row(
    subject: Subject, deliveries: list[Delivery], data: st.DataObject
) -> None:
    """Openings, ends and remediations, repeated at will, in any order: the same row."""
    sink = subject.sink_of("remediating")
    orders = [
        deliveries,
        data.draw(st.permutations([*deliveries, *data.draw(st.permutations(deliveries))])),
    ]
    rows = []
    for order_ in orders:
        finding, uid = uuid4(), str(uuid4())
        for delivery, run in order_:
            episode = replace(delivery, id=finding, policy_uid=uid)
            if run is None:
                assert await sink.record(episode) is None
            else:
                assert await sink.record_remediation(episode, run) is None
        row = await subject.row(finding)
        assert row is not None
        rows.append({**row, "id": None, "policy_uid": None})

    assert rows[0] == rows[1]
