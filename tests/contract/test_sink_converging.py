"""The port Sink, held by every implementation: deliveries at once, and in any order."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.sinks import T0, Closing, Subject, as_open, ended, opening, order

from governor.app.ports import Episode
from governor.errors import DeliveryError, RejectedError


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


async def test_operators_that_race_create_one(
    subject: Subject, sink: Closing, cluster: str
) -> None:
    """Two operators, many deliveries at once, orders of their own: one work item."""
    rival = subject.sink_of(cluster)
    finding = opening()
    orders = [order() for _ in range(12)]

    await asyncio.gather(
        *((sink, rival)[i % 2].record(finding, work) for i, work in enumerate(orders))
    )

    created = [each for work in orders if (each := await subject.work_item(work.id))]
    assert len(created) == 1
    assert [r.dispatch.id for r in await sink.dispatches(finding.policy_uid)] == [created[0]["id"]]


async def test_openings_and_ends_at_once_leave_no_work(subject: Subject, sink: Closing) -> None:
    """However they interleave, a resolved finding has no work item that waits."""
    finding = opening()
    orders = [order() for _ in range(8)]

    await asyncio.gather(
        *(sink.record(finding, work) for work in orders), sink.record(ended(finding))
    )

    rows = [row for work in orders if (row := await subject.work_item(work.id))]
    assert {row["dispatch_status"] for row in rows} <= {"cancelled"}


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
    for deliveries_ in orders:
        finding, uid = uuid4(), str(uuid4())
        for delivery in deliveries_:
            assert await sink.record(replace(delivery, id=finding, policy_uid=uid)) is None
        row = await subject.row(finding)
        assert row is not None
        rows.append({**row, "id": None, "policy_uid": None})

    assert rows[0] == rows[1]


async def test_crowd_is_stored_as_if_each_came_alone(subject: Subject, sink: Closing) -> None:
    """Hundreds at once: the good are stored, bad ones and rivals are told so and harm nobody."""
    crowd = [opening(check_name=f"check-{number}") for number in range(300)]
    open_already = replace(crowd[7], id=uuid4(), opened_at=T0 - timedelta(hours=1))
    await sink.record(open_already)
    episodes = list(crowd)
    episodes[100] = replace(crowd[100], severity="loud")
    episodes[200] = ended(crowd[200])
    episodes.append(ended(crowd[250]))

    answers = await asyncio.gather(
        *(sink.record(episode) for episode in episodes), return_exceptions=True
    )

    assert answers[7] == as_open(open_already)
    assert isinstance(answers[100], RejectedError)
    assert {i for i, answer in enumerate(answers) if answer is not None} == {7, 100}
    found = {each.id: await subject.row(each.id) for each in crowd}
    assert [i for i, each in enumerate(crowd) if found[each.id] is None] == [7, 100]
    resolved = [i for i, each in enumerate(crowd) if (row := found[each.id]) and row["resolved"]]
    assert resolved == [200, 250]


async def test_crowd_that_asks_is_answered_each_its_own(sink: Closing) -> None:
    """What is open of a policy is told to that policy, however many ask at once."""
    crowd = [opening() for _ in range(100)]
    await asyncio.gather(*(sink.record(episode) for episode in crowd))
    uids = [episode.policy_uid for episode in crowd]

    answers = await asyncio.gather(*(sink.open_findings(uid) for uid in [*uids, "unknown", *uids]))

    wanted = [[as_open(episode)] for episode in crowd]
    assert answers == [*wanted, [], *wanted]
