"""Ids follow from what they name: the same for everybody, and no other entry can bear one."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, UID, drift, drifted, knowledge, policy, slo
from tests.support.deciding import CHAT, Told, found, mute, notify

from governor.api.log import Entry, Target, Transition
from governor.domain.identity import derives, transition_id, visibility_id
from governor.domain.log import Delivered
from governor.domain.plans import Feedback
from governor.domain.remediations import RemediationOutcome

FINDING = UUID(int=5)


def entries() -> dict[Transition, Entry]:
    """One entry of each transition, as decisions make them."""
    told = Told(
        policy(
            knowledge(),
            drift(),
            slo(),
            enforcement="Enforce",
            notify=notify(reminderInterval="1m"),
        ),
        chat=CHAT,
    )
    told.surround(remediation={"platform": None})
    told.decide(knowledge="violated", drift=drifted("a"), autonomy_rate="error")
    told.tick()
    told.decide(found(), knowledge="violated", drift="error", autonomy_rate="ok")
    choice = next(e for e in told.told if e.transition is Transition.REMEDIATE)
    outcome = RemediationOutcome(changed=("a",), at=told.now)
    delivered = frozenset({Delivered(entry=choice.id, target=Target.REMEDIATION)})
    told.tick()
    told.decide(
        Feedback(delivered=delivered, remediated={choice.id: outcome}), drift=drifted(total=10**9)
    )
    audit = Told(policy(drift()))
    audit.surround(mutes=(mute(ends=timedelta(seconds=1)),))
    audit.decide(drift=drifted("a"))
    audit.tick()
    audit.decide()
    return {entry.transition: entry for entry in (*told.told, *audit.told)}


@pytest.mark.parametrize("transition", list(Transition))
def test_the_ids_of_every_transition_derive(transition: Transition) -> None:
    """As a decision makes them: none of ours is ever taken for forged."""
    entry = entries()[transition]

    assert derives(UID, entry)
    assert not derives("another policy", entry)


def _forgeries(entry: Entry) -> list[dict[str, Any]]:
    later = entry.decided_at + timedelta(seconds=1)
    others = [{"transition": other} for other in Transition if other is not entry.transition]
    changes: list[dict[str, Any]] = [{"id": UUID(int=1)}, {"check": "another"}, *others]
    if entry.transition not in {Transition.OPEN, Transition.RESOLVE}:
        changes.append({"decided_at": later})
    if entry.finding is None:
        return [*changes, {"finding": FINDING}]
    opened = entry.opened_at and entry.opened_at + timedelta(seconds=1)
    return [
        *changes,
        {"finding": None},
        {"finding": FINDING},
        {"opened_at": None},
        {"opened_at": opened},
        {"event_type": "another"},
    ]


@pytest.mark.parametrize("transition", list(Transition))
def test_no_word_of_an_identity_can_be_changed(transition: Transition) -> None:
    """An entry that was made another's is dropped before anything is told, or done."""
    entry = entries()[transition]
    forged = [entry.model_copy(update=change) for change in _forgeries(entry)]

    assert [each for each in forged if derives(UID, each)] == []


def test_a_forged_choice_is_not_carried_out() -> None:
    """Not even one with an id that its own finding would give at another time."""
    told = Told(policy(drift(), enforcement="Enforce"))
    told.surround(remediation={"platform": None})
    told.decide(drift=drifted("a"))
    choice = next(e for e in told.status.pending if e.transition is Transition.REMEDIATE)
    forged = choice.model_copy(update={"decided_at": NOON + timedelta(seconds=9)})
    told.status = told.status.model_copy(update={"pending": (forged,)})
    told.decide()

    assert told.status.pending == ()


def test_an_opening_and_an_end_have_one_id_whenever_they_are_told() -> None:
    """The others have one a decision."""
    at, later = NOON, NOON + timedelta(microseconds=1)
    for transition in Transition:
        once = transition in {Transition.OPEN, Transition.RESOLVE}
        same = transition_id(FINDING, transition, at) == transition_id(FINDING, transition, later)
        assert same is once


def test_ids_are_spelled_as_the_protocol_says() -> None:
    """`uuid5(finding id, transition)`, with the time to the microsecond where there are many."""
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)

    assert transition_id(FINDING, Transition.OPEN, at) == uuid5(FINDING, "open")
    assert transition_id(FINDING, Transition.REMINDER, at) == uuid5(
        FINDING, "reminder:2026-01-02T03:04:05.000006"
    )


@given(
    st.sampled_from([t for t in Transition if t not in {Transition.OPEN, Transition.RESOLVE}]),
    st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_transitions_of_one_moment_have_ids_of_their_own(
    transition: Transition, at: datetime
) -> None:
    """Of a finding and of a check alike."""
    others = [t for t in Transition if t is not transition]

    assert transition_id(FINDING, transition, at) not in {
        transition_id(FINDING, other, at) for other in others
    }
    assert visibility_id(UID, "a", Transition.BLIND, at) != visibility_id(
        UID, "a", Transition.MEASURABLE, at
    )
