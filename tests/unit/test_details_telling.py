"""Entries of the log as rows and as Kubernetes Events."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, UID, History, blast, policy, spec
from tests.support.time_zones import machine_in

from governor.api.log import Entry, Transition
from governor.api.policy import PolicySpec
from governor.app.ports import ObjectKey
from governor.app.telling import episode, event
from governor.domain.details import details
from governor.domain.identity import transition_id
from governor.domain.telling import NOTE_BYTES, cut, event_note

KEY = ObjectKey(uid=UID, namespace="aiops", name="flywheel")
SPEC = PolicySpec.model_validate(spec())


def story() -> list[Entry]:
    """Opened, resolved, blind, with a finding for it, measurable, and resolved again."""
    life = History()
    life.slots("violated", "ok", "error", "error", "error", "ok")
    return life.told


def told(transition: str, event_type: str = "") -> Entry:
    return next(
        e for e in story() if e.transition == transition and e.event_type in (event_type, "")
    )


SLO = "slo_autonomy_rate_violation"


def test_opening_as_a_row() -> None:
    """An open episode, seen last when it was decided."""
    entry = told("open", SLO)

    row = episode(entry, KEY, SPEC)

    assert row.id == entry.finding
    assert (row.namespace, row.policy, row.policy_uid) == ("aiops", "flywheel", UID)
    assert (row.event_type, row.check_name, row.severity) == (SLO, "autonomy-rate", "warning")
    assert row.opened_at == row.last_seen_at == NOON + timedelta(seconds=60)
    assert (row.resolved_at, row.resolved_reason, row.folded) == (None, None, 0)
    assert row.details == details(entry, SPEC)
    assert row.generation == 1


def test_resolution_as_a_row() -> None:
    """The whole episode again, with its end."""
    row = episode(told("resolve", SLO), KEY, SPEC)

    assert row.id == told("open", SLO).finding
    assert row.opened_at == NOON + timedelta(seconds=60)
    assert row.resolved_at == row.last_seen_at == NOON + timedelta(seconds=120)
    assert row.resolved_reason == "Recovered"


def test_folded_entry_as_a_row() -> None:
    """How many episodes a row stands for is kept."""
    entry = told("resolve", SLO).model_copy(update={"folded": 4})

    assert episode(entry, KEY, None).folded == 4


@pytest.mark.parametrize("transition", ["blind", "measurable"])
def test_what_belongs_to_no_finding_is_no_row(transition: str) -> None:
    """Turning blind is an Event only."""
    with pytest.raises(ValueError, match="belongs to no finding"):
        episode(told(transition), KEY, SPEC)


@pytest.mark.parametrize(
    ("transition", "event_type", "type_", "reason", "note"),
    [
        (
            "open",
            SLO,
            "Warning",
            "FindingOpened",
            (
                "autonomy-rate: 0.5 is below the red line 0.7 "
                "(slo_autonomy_rate_violation, since 2026-11-22T12:01:00Z)"
            ),
        ),
        (
            "resolve",
            SLO,
            "Normal",
            "FindingResolved",
            (
                "autonomy-rate: resolved (Recovered): 0.9 meets the target 0.8 "
                "(slo_autonomy_rate_violation, was open since 2026-11-22T12:01:00Z)"
            ),
        ),
        (
            "blind",
            "",
            "Warning",
            "CheckBlind",
            (
                "autonomy-rate: can't be measured: Unreachable: connection refused "
                "(since 2026-11-22T12:03:00Z)"
            ),
        ),
        (
            "open",
            "governance_check_blind",
            "Warning",
            "FindingOpened",
            (
                "autonomy-rate: can't be measured: Unreachable: connection refused "
                "(governance_check_blind, since 2026-11-22T12:05:00Z)"
            ),
        ),
        (
            "measurable",
            "",
            "Normal",
            "CheckMeasurable",
            "autonomy-rate: measured again: 0.9 meets the target 0.8 (since 2026-11-22T12:06:00Z)",
        ),
    ],
)
def test_transitions_as_events(
    transition: str, event_type: str, *, type_: str, reason: str, note: str
) -> None:
    """What happened, how bad against which line, since when; on the policy."""
    entry = told(transition, event_type)

    record = event(entry, KEY)

    assert (record.type, record.reason, record.action) == (type_, reason, "Evaluate")
    assert record.note == note
    assert (record.regarding, record.kind) == (KEY, "GovernancePolicy")
    assert record.at == entry.decided_at


def test_finding_of_the_whole_policy_names_itself() -> None:
    """Where there is no check, the event type says what it is about."""
    life = History(policy(blast("a"), blast("b"), blast("c")))
    life.tick()
    life.decide(a="error", b="error", c="error")
    entry = next(e for e in life.told if e.event_type == "governance_self_failure")

    assert event_note(entry) == (
        "governance_self_failure: 3 of 3 checks are in Error (since 2026-11-22T12:01:00Z)"
    )


def test_every_transition_has_its_words() -> None:
    """No entry can come up that has no Event; the others are told to other targets only."""
    entry = told("open", SLO)
    elsewhere = {Transition.REMINDER, Transition.DISPATCH, Transition.REMEDIATE}
    for transition in set(Transition) - elsewhere:
        assert event(entry.model_copy(update={"transition": transition}), KEY).reason


def test_name_is_the_policys_and_the_transitions() -> None:
    """A repeat has the same name, another transition has not."""
    entry = told("open", SLO)
    assert entry.finding
    expected = transition_id(entry.finding, Transition.OPEN, entry.decided_at).hex[:16]

    assert event(entry, KEY).name == f"flywheel.{expected}"
    assert event(entry, KEY).name == event(entry.model_copy(), KEY).name
    assert event(told("resolve", SLO), KEY).name != event(entry, KEY).name


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a" * 253, "a" * 200),
        ("a" * 199 + "-" + "b" * 50, "a" * 199),
        ("a" * 199 + "." + "b" * 50, "a" * 199),
        ("a" * 197 + "---b", "a" * 197),
    ],
    ids=["long", "cut after a dash", "cut after a dot", "cut after dashes"],
)
def test_name_of_a_long_policy_is_valid(name: str, start: str) -> None:
    """However a policy is called, the Event's name is one that the API server takes."""
    key = ObjectKey(uid=UID, namespace="aiops", name=name)

    given_name = event(told("open", SLO), key).name

    assert re.fullmatch(rf"{re.escape(start)}\.[0-9a-f]{{16}}", given_name)
    label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    assert re.fullmatch(rf"{label}(\.{label})*", given_name)


OPENED = told("open", SLO)


@given(message=st.text(max_size=3000))
def test_note_fits_and_keeps_its_ends(message: str) -> None:
    """Only the message is cut: what it is about, and since when, can always be read."""
    note = event_note(OPENED.model_copy(update={"message": message}))

    assert len(note.encode()) <= NOTE_BYTES
    assert note.startswith("autonomy-rate: ")
    assert note.endswith("since 2026-11-22T12:01:00Z)")


def test_a_long_message_is_cut_to_the_very_byte() -> None:
    """What can be told of it is told."""
    note = event_note(OPENED.model_copy(update={"message": "x" * 3000}))

    assert len(note.encode()) == NOTE_BYTES
    assert "x… (slo_" in note


def test_times_are_told_in_utc() -> None:
    """Wherever the operator runs."""
    with machine_in("Asia/Taipei"):
        assert "since 2026-11-22T12:01:00Z" in event_note(OPENED)


@pytest.mark.parametrize(
    ("text", "size", "result"),
    [("abcd", 4, "abcd"), ("abcde", 4, "a…"), ("abcd", 3, "…"), ("\ud800abcde", 5, "?a…")],
    ids=["fits", "too long", "no room", "half a character from elsewhere"],
)
def test_what_is_cut_shows_it(text: str, size: int, result: str) -> None:
    """The ellipsis takes three bytes of the room."""
    assert cut(text, size) == result


@given(text=st.text(), size=st.integers(0, 40))
def test_cut_keeps_whole_characters(text: str, size: int) -> None:
    """A text that fits is untouched; another one ends with an ellipsis, within the size."""
    result = cut(text, max(size, 3))

    assert len(result.encode()) <= max(size, 3)
    assert result == text or (result.endswith("…") and text.startswith(result[:-1]))
