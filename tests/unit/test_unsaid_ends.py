"""Of a policy that is gone only a copy may be left: what it tells of ends, and what it keeps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import UID, History, policy, slo
from tests.support.deciding import ALERTS, CHAT, EVENTS, MISSING, mute, notify

from governor.api.log import Entry, Transition
from governor.domain.bequests import POLICY_DELETED, SPECS_BYTES, bequest, legible, stuck, unsaid
from governor.domain.entries import Decision
from governor.domain.identity import derives
from governor.domain.log import Delivered, clear
from governor.domain.plans import NOTHING_LEARNED
from governor.domain.policies import NONE_KNOWN, Policy
from governor.domain.surroundings import ChannelView

CHANNELS = {"chat": CHAT, "bus": EVENTS}

OUTCOMES = st.lists(
    st.tuples(*[st.sampled_from(["ok", "violated", "error", "nodata"])] * 2), max_size=8
)


def lately(history: History) -> Decision:
    """The policy is found to be gone an hour later."""
    at = history.now + timedelta(hours=1)
    return Decision(policy_uid=UID, generation=history.generation, at=at)


def missing(
    history: History,
    copied: Sequence[Entry],
    *,
    of: Policy | None = None,
    channels: dict[str, ChannelView] = CHANNELS,
) -> tuple[Entry, ...]:
    """The ends that the copy does not tell of."""
    return unsaid(lately(history), of or history.policy, copied, channels=channels)


def violated(**overrides: object) -> History:
    """A policy with a finding of which nobody was told yet."""
    history = History(policy(slo(), **overrides))
    history.surround(channels=CHANNELS)
    history.slots("violated")
    return history


def test_what_began_in_a_copy_ends() -> None:
    history = violated()

    [end] = missing(history, history.status.pending)

    assert (end.finding, end.check) == (history.check().finding.id, "autonomy-rate")
    assert (end.transition, end.resolved_reason) == (Transition.RESOLVE, POLICY_DELETED)
    assert end.targets == ("sink", "event")
    assert derives(UID, end)


def test_what_has_ended_in_it_does_not_end_again() -> None:
    history = violated()
    history.slots("ok")

    assert missing(history, history.status.pending) == ()


def test_an_end_goes_to_the_channels_that_are_owed_the_beginning() -> None:
    history = violated(notify=notify("chat", "bus"))
    opening = history.status.pending[0]
    copied = clear(history.status.pending, [Delivered(entry=opening.id, target="channel/bus")])

    [end] = missing(history, copied)

    assert end.targets == ("sink", "event", "channel/chat")


def test_a_reminder_alone_says_that_a_finding_had_begun() -> None:
    history = violated(notify=notify("chat", "bus", reminderInterval="1h"))
    told = [
        Delivered(entry=entry.id, target=target)
        for entry in history.status.pending
        for target in entry.targets
    ]
    history.tick(2 * 3600)
    history.decide(replace(NOTHING_LEARNED, delivered=frozenset(told)), autonomy_rate="violated")
    copied = history.status.pending
    assert [entry.transition for entry in copied] == [Transition.REMINDER]

    [end] = missing(history, copied)

    assert end.targets == ("sink", "event", "channel/chat", "channel/bus")


def test_no_channel_hears_an_end_that_its_policy_or_kind_does_not_let_it_hear() -> None:
    quiet = violated(notify=notify("chat", resolved=False))
    history = violated(notify=notify("chat"))
    pending = history.status.pending

    ends = [
        *missing(quiet, quiet.status.pending),
        *missing(history, pending, channels={"chat": ALERTS}),
        *missing(history, pending, of=NONE_KNOWN),
    ]

    assert [end.targets for end in ends] == [("sink", "event")] * 3


def test_a_channel_that_is_away_and_owed_the_beginning_is_owed_the_end() -> None:
    """Back within a day, it hears of both."""
    history = violated(notify=notify("chat"))

    [end] = missing(history, history.status.pending, channels={"chat": MISSING})

    assert end.targets == ("sink", "event", "channel/chat")


def test_what_is_forged_and_what_belongs_to_no_finding_ends_nothing() -> None:
    history = violated()
    forged = history.status.pending[0].model_copy(update={"check": "another"})
    blind = History()
    blind.slots("error")
    assert [entry.transition for entry in blind.status.pending] == [Transition.BLIND]

    assert missing(history, (forged, *blind.status.pending)) == ()


def test_specs_are_kept_that_entries_need_the_newest_first_while_there_is_room() -> None:
    history = violated()
    entry = history.status.pending[0]
    entries = [entry.model_copy(update={"generation": n}) for n in (1, 2, 4)]
    small, half = {"checks": []}, {"checks": ["x" * (SPECS_BYTES // 2)]}

    assert legible({1: small, 2: small, 3: small, 4: small}, entries) == dict.fromkeys(
        (4, 2, 1), small
    )
    assert legible({1: small, 2: half, 4: half}, entries) == {4: half}
    assert legible({4: {"checks": ["x" * SPECS_BYTES]}}, entries) == {}
    exact = {"checks": ["x" * (SPECS_BYTES - len('{"checks": [""]}'))]}
    assert legible({4: exact}, entries) == {4: exact}


@given(OUTCOMES, st.booleans())
def test_whatever_happened_every_open_finding_ends_once(
    runs: list[tuple[str, str]], muted: bool
) -> None:
    """And a copy of all of it has no end to add."""
    history = History(policy(slo("a"), slo("b"), mutes="Allowed", notify=notify("chat", "bus")))
    history.surround(channels=CHANNELS, mutes=(mute("quiet", "a"),) if muted else ())
    for a, b in runs:
        history.tick()
        history.decide(a=a, b=b)
    refs = [ref for c in history.status.checks for ref in (c.finding, c.blind) if ref]
    refs += [place.finding for place in history.status.findings if place.finding]
    refs += [each.finding for each in history.status.mutes]

    left, later = (
        bequest(
            decision,
            history.policy,
            history.status,
            delivered=frozenset(),
            remediated={},
            channels=CHANNELS,
        )
        for decision in (Decision(policy_uid=UID, generation=1, at=history.now), lately(history))
    )

    ends = [e.finding for e in left if e.resolved_reason == POLICY_DELETED]
    assert sorted(ends, key=str) == sorted((ref.id for ref in refs), key=str)
    assert [entry.id for entry in left] == [entry.id for entry in later]
    assert len({entry.id for entry in left}) == len(left)
    assert all(derives(UID, entry) for entry in left)
    assert missing(history, left) == ()


@given(OUTCOMES)
def test_the_ends_of_a_copy_are_those_that_the_whole_would_tell(
    runs: list[tuple[str, str]],
) -> None:
    """The same ids, and no other: whoever is told of both is told once."""
    history = History(policy(slo("a"), slo("b")))
    for a, b in runs:
        history.tick()
        history.decide(a=a, b=b)
    whole = bequest(
        Decision(policy_uid=UID, generation=1, at=history.now),
        history.policy,
        history.status,
        delivered=frozenset(),
        remediated={},
        channels={},
    )
    copied = stuck(UID, history.status.pending, history.now + timedelta(minutes=1))

    told = {entry.id for entry in (*copied, *missing(history, copied))}

    assert told == {entry.id for entry in whole}
