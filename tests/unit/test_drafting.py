"""The log as a decision is writing it."""

from uuid import UUID

import pytest
from tests.support.builders import History, policy, slo

from governor.api.log import Entry, Target, Transition, channel_of, channel_target
from governor.domain.drafting import Draft


def two() -> tuple[Entry, Entry]:
    """Openings of two checks."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a="violated", b="violated")
    first, second = life.status.pending
    return first, second


def test_what_was_left_stands_before_what_is_new() -> None:
    """And only what is new is fresh."""
    first, second = two()
    draft = Draft((first,), (second,))

    assert draft.entries == (first, second)
    assert draft.fresh == {second.id}
    assert list(draft.added(Transition.OPEN)) == [second]
    assert list(draft.added(Transition.RESOLVE)) == []
    assert first.id in draft
    assert UUID(int=1) not in draft


def test_an_entry_that_is_added_again_gets_its_targets() -> None:
    """Each once, in the order in which they came; the rest of the entry stays."""
    first, _ = two()
    draft = Draft((first,), ())
    again = first.model_copy(update={"message": "x", "targets": ("event", "channel/chat")})
    draft.add(again)

    (merged,) = draft.entries
    assert merged == first.model_copy(update={"targets": ("sink", "event", "channel/chat")})
    assert draft.fresh == {first.id}


def test_an_entry_is_aimed_at_more() -> None:
    """At what it was aimed at before, too."""
    first, second = two()
    draft = Draft((first, second), ())
    draft.aim(first.id, ["channel/chat", "sink"])

    assert [entry.targets for entry in draft.entries] == [
        ("sink", "event", "channel/chat"),
        ("sink", "event"),
    ]
    assert draft.fresh == {first.id}
    with pytest.raises(KeyError):
        draft.aim(UUID(int=1), ["sink"])


def test_what_is_owed() -> None:
    """Of a check to a target; of a finding to any."""
    first, second = two()
    draft = Draft((first,), ())
    draft.aim(first.id, [Target.DISPATCH])

    assert draft.owes("a", Target.DISPATCH)
    assert not draft.owes("a", Target.REMEDIATION)
    assert not draft.owes("b", Target.DISPATCH)
    assert first.finding is not None
    assert second.finding is not None
    assert draft.waiting_for(first.finding) == {"sink", "event", "dispatch"}
    assert draft.waiting_for(second.finding) == frozenset()


def test_a_channel_is_a_target_by_its_name() -> None:
    """Which no other target can have."""
    assert channel_of(channel_target("sink")) == "sink"
    assert [channel_of(target) for target in Target] == [None] * len(Target)
