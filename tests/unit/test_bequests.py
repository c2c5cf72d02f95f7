"""What a deleted policy leaves: its log without what was told, and every end, once."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import UID, History, drift, drifted, policy, slo
from tests.support.deciding import ALERTS, CHAT, EVENTS, FORBIDDEN, MISSING, mute

from governor.api.log import Entry, Transition
from governor.domain.bequests import (
    COPIED_AFTER,
    MANY,
    POLICY_DELETED,
    bequest,
    end_of,
    implausible,
    retold,
    stuck,
)
from governor.domain.entries import Decision
from governor.domain.log import Delivered
from governor.domain.policies import NONE_KNOWN
from governor.domain.remediations import RemediationOutcome
from governor.domain.surroundings import ChannelKind, ChannelView

NOTIFY = {"channels": [{"name": "chat"}, {"name": "bus"}]}
CHANNELS = {"chat": ChannelView(kind=ChannelKind.CHAT), "bus": ChannelView(kind=ChannelKind.EVENTS)}


def left_by(history: History, **changes: Any) -> tuple[Entry, ...]:
    """The bequest of a policy that is deleted now."""
    arguments = {"delivered": frozenset(), "remediated": {}, "channels": CHANNELS} | changes
    decision = Decision(policy_uid=UID, generation=history.generation, at=history.now)
    return bequest(decision, history.policy, history.status, **arguments)


def told(entries: tuple[Entry, ...]) -> list[tuple[str, str]]:
    return [(entry.transition.value, entry.check) for entry in entries]


def everything(history: History) -> frozenset[Delivered]:
    """All of the log was told."""
    return frozenset(
        Delivered(entry=entry.id, target=target)
        for entry in history.status.pending
        for target in entry.targets
    )


def test_what_was_not_told_comes_before_the_end_of_what_is_open() -> None:
    history = History()
    history.slots("violated")

    left = left_by(history)

    assert told(left) == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]
    assert left[-1].resolved_reason == POLICY_DELETED
    assert set(left[-1].targets) == {"sink", "event"}


def test_of_what_was_told_only_the_end_is_left() -> None:
    history = History()
    history.slots("violated")

    assert told(left_by(history, delivered=everything(history))) == [("resolve", "autonomy-rate")]


def test_a_policy_with_nothing_open_leaves_nothing() -> None:
    history = History()
    history.slots("ok")

    assert left_by(history) == ()


def test_every_kind_of_finding_ends() -> None:
    """Of checks, blind checks, the whole policy, and mutes."""
    history = History(policy(slo("a"), slo("b"), slo("c"), slo("d"), slo("e"), mutes="Allowed"))
    history.surround(mutes=(mute("quiet", "a"),))
    for _ in range(4):
        history.tick()
        history.decide(a="violated", b="error", c="error", d="error", e="nodata")
    open_ones = {
        ref.id
        for check in history.status.checks
        for ref in (check.finding, check.blind)
        if ref is not None
    } | {place.finding.id for place in history.status.findings if place.finding}
    mutes = {ref.finding.id for ref in history.status.mutes}
    assert len(open_ones) >= 3
    assert mutes

    left = left_by(history, delivered=everything(history))

    assert {entry.finding for entry in left} == open_ones | mutes
    assert {entry.transition for entry in left} == {Transition.RESOLVE}
    assert {entry.resolved_reason for entry in left} == {POLICY_DELETED}


def test_deciding_it_again_later_gives_the_same_ids() -> None:
    """After a crash, or by another leader."""
    history = History(policy(slo(), mutes="Allowed"))
    history.slots("violated")
    first = left_by(history)
    history.tick(3600)

    assert [entry.id for entry in left_by(history)] == [entry.id for entry in first]


def test_only_channels_that_heard_the_opening_hear_the_end() -> None:
    history = History(policy(slo(), notify=NOTIFY))
    history.surround(channels={"chat": CHANNELS["chat"]})
    history.slots("violated")

    left = left_by(history, delivered=everything(history))

    assert set(left[-1].targets) == {"sink", "event", "channel/chat"}


def test_a_channel_that_is_away_just_then_is_owed_the_end() -> None:
    """If it heard the opening, and is not told by level now."""
    history = History(policy(slo(), notify=NOTIFY))
    history.surround(channels=CHANNELS)
    history.slots("violated")

    left = left_by(
        history, delivered=everything(history), channels={"chat": MISSING, "bus": ALERTS}
    )

    assert set(left[-1].targets) == {"sink", "event", "channel/chat"}


@pytest.mark.parametrize(
    ("view", "again"),
    [(MISSING, False), (FORBIDDEN, False), (CHAT, False), (EVENTS, True)],
    ids=["missing", "forbidden", "chat", "events"],
)
def test_what_another_may_have_told_is_told_again_where_that_does_no_harm(
    view: ChannelView, again: bool
) -> None:
    """One that is away may be a chat; what the other kept, it has not told."""
    history = History(policy(slo(), notify=NOTIFY))
    history.surround(channels=CHANNELS)
    history.slots("violated")
    left = left_by(history, delivered=everything(history))
    [end] = [entry for entry in left if "channel/chat" in entry.targets]

    found = retold((), left, {"chat": view})
    assert any("channel/chat" in entry.targets for entry in found) == again
    kept = retold((end,), left, {"chat": view})
    assert [entry.id for entry in kept if "channel/chat" in entry.targets] == [end.id]


def test_a_policy_that_tells_no_ends_tells_none() -> None:
    history = History(policy(slo(), notify=NOTIFY | {"resolved": False}))
    history.surround(channels=CHANNELS)
    history.slots("violated")

    left = left_by(history, delivered=everything(history))

    assert set(left[-1].targets) == {"sink", "event"}


def test_a_policy_that_is_not_understood_leaves_its_findings_ends() -> None:
    history = History()
    history.slots("violated")
    history.policy = NONE_KNOWN

    assert told(left_by(history, delivered=everything(history))) == [("resolve", "autonomy-rate")]


@pytest.fixture
def chosen() -> History:
    """A policy that has chosen playbooks, and not yet heard what came of it."""
    history = History(policy(drift(), enforcement="Enforce"))
    history.surround(remediation={"platform": None})
    history.tick()
    history.decide(drift=drifted("pb-1", "pb-2"))
    return history


def test_what_was_chosen_is_not_done_any_more(chosen: History) -> None:
    """Whether it was begun, nobody can tell: the row says so."""
    left = left_by(chosen)

    assert told(left) == [("open", "drift"), ("remediated", "drift"), ("resolve", "drift")]
    assert '"unconfirmed":["pb-1","pb-2"]' in left[1].lists
    assert '"cancelled":"the policy was deleted"' in left[1].lists
    assert all("remediation" not in entry.targets for entry in left)


def test_what_became_of_a_choice_has_one_id_whoever_decides(chosen: History) -> None:
    first = left_by(chosen)
    chosen.tick(3600)

    assert [entry.id for entry in left_by(chosen)] == [entry.id for entry in first]


def test_what_came_of_a_choice_is_told_as_it_came(chosen: History) -> None:
    """It was known, and not yet written."""
    [entry] = [e for e in chosen.status.pending if e.transition is Transition.REMEDIATE]
    outcome = RemediationOutcome(changed=("pb-1", "pb-2"), at=chosen.now)

    left = left_by(chosen, remediated={entry.id: outcome})

    assert '"changed":["pb-1","pb-2"]' in left[1].lists
    assert '"cancelled":null' in left[1].lists


def test_what_somebody_forged_is_left_by_nobody() -> None:
    history = History()
    history.slots("violated")
    forged = history.status.pending[0].model_copy(update={"check": "another"})
    history.status = history.status.model_copy(
        update={"pending": (*history.status.pending, forged)}
    )

    assert told(left_by(history)) == [("open", "autonomy-rate"), ("resolve", "autonomy-rate")]


def test_what_waits_for_a_minute_is_to_be_copied_but_for_choices(chosen: History) -> None:
    pending, decided = chosen.status.pending, chosen.status.pending[0].decided_at
    almost = COPIED_AFTER - timedelta(microseconds=1)

    assert stuck(UID, pending, decided + almost) == ()
    assert told(stuck(UID, pending, decided + COPIED_AFTER)) == [("open", "drift")]
    assert stuck("another", pending, decided + COPIED_AFTER) == ()


def test_the_end_of_a_row_that_only_the_sink_knows() -> None:
    history = History()
    history.slots("violated")
    finding = history.check().finding
    decision = Decision(policy_uid=UID, generation=0, at=history.now)

    end = end_of(decision, finding, "autonomy-rate")

    assert (end.finding, end.resolved_reason) == (finding.id, POLICY_DELETED)
    assert end.id == left_by(history)[-1].id


@pytest.mark.parametrize(
    ("gone", "known", "doubted"),
    [
        (MANY, MANY, False),
        (MANY + 1, MANY + 1, True),
        (MANY + 1, 2 * MANY + 2, False),
        (MANY + 1, 2 * MANY + 1, True),
        (0, 0, False),
    ],
)
def test_many_and_more_than_half_are_not_believed_at_once(
    gone: int, known: int, doubted: bool
) -> None:
    assert implausible(gone, known) is doubted


def test_nothing_of_a_living_policys_decision_is_lost_by_a_copy() -> None:
    """A copy is a part of the log as it is: entry by entry the same."""
    history = History()
    history.slots("violated")
    copy = stuck(UID, history.status.pending, history.now + COPIED_AFTER)

    assert copy == history.status.pending
