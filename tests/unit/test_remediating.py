"""Which playbooks an enforced policy chooses, and how what came of it is told."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from tests.support.builders import UID, drift, drifted, policy, slo
from tests.support.deciding import Told, mute

from governor.api.log import Entry, Target, Transition
from governor.domain.entries import Decision
from governor.domain.identity import derives
from governor.domain.log import Delivered
from governor.domain.plans import NOTHING_LEARNED, Feedback, decide_not_understood
from governor.domain.remediating import ID_BYTES, done, outcome_of
from governor.domain.remediations import RemediationOutcome, chosen
from governor.values.outcomes import Measurement

ALLOWED = {"platform": None}


def life(*checks: dict[str, Any], **overrides: Any) -> Told:
    """A policy that has drifted, unused playbooks deprecated."""
    told = Told(policy(*(checks or (drift(),)), **({"enforcement": "Enforce"} | overrides)))
    told.surround(remediation=ALLOWED)
    return told


def choices(told: Told) -> list[Entry]:
    """What was ever chosen."""
    return [entry for entry in told.told if entry.transition is Transition.REMEDIATE]


def chosen_ids(told: Told) -> list[list[str]]:
    """The playbooks of each choice."""
    return [json.loads(entry.lists)["ids"] for entry in choices(told)]


def came(told: Told, **outcome: Any) -> Feedback:
    """What has come of the latest choice: the lane is done with it."""
    choice = choices(told)[-1].id
    return Feedback(
        delivered=frozenset({Delivered(entry=choice, target=Target.REMEDIATION)}),
        remediated={choice: RemediationOutcome(**outcome, at=told.now)},
    )


def test_a_violated_run_has_its_unused_playbooks_deprecated() -> None:
    """In the order in which they were measured; the finding's row and Event go by themselves."""
    told = life()
    told.slots(drifted("worst", "bad"), check="drift")

    opening, choice = told.told
    assert (opening.transition, choice.transition) == ("open", "remediate")
    assert choice.targets == ("remediation",)
    assert chosen(choice.lists) == ("worst", "bad")
    assert (choice.finding, choice.impact) == (opening.finding, "{}")


@pytest.mark.parametrize(
    "outcome",
    [drifted(), Measurement(value=0.0, samples=100), "nodata", "error", None],
    ids=["none unused", "none drifted", "nodata", "error", "no run"],
)
def test_nothing_is_chosen_where_there_is_nothing_to_choose(
    outcome: str | Measurement | None,
) -> None:
    """Nor by a run that is not violated, though the finding is open."""
    told = life(drift(successThreshold=5))
    told.slots(drifted(), check="drift")
    told.tick()
    told.decide(**({} if outcome is None else {"drift": outcome}))

    assert told.check("drift").finding is not None
    assert choices(told) == []


def test_nothing_is_chosen_before_the_finding_opens() -> None:
    """The failure threshold is the policy's word on when it is serious."""
    told = life(drift(failureThreshold=2))
    told.slots(drifted("a"), check="drift")
    assert choices(told) == []
    told.slots(drifted("a"), check="drift")
    assert chosen_ids(told) == [["a"]]


def test_a_check_of_another_kind_has_nothing_to_remediate() -> None:
    """Whatever its lists are called."""
    told = life(slo())
    lists = {"would_deprecate_ids": ("a",)}
    told.slots(Measurement(value=0.5, lists=lists))

    assert choices(told) == []


@pytest.mark.parametrize(
    ("remediation", "says"),
    [
        ({"platform": "GovernanceSource platform does not allow it"}, True),
        ({"platform": ""}, False),
        ({}, False),
        ({"another": None}, False),
    ],
    ids=["forbidden", "without a word", "not known", "another allowed"],
)
def test_nothing_is_chosen_unless_the_source_allows_it(
    remediation: dict[str, str | None], says: bool
) -> None:
    """And `Ready` says so, once every check was evaluated."""
    told = life()
    told.surround(remediation=remediation)
    told.slots(drifted("a"), check="drift")

    assert choices(told) == []
    ready = told.condition("Ready")
    if says:
        assert (ready.status, ready.reason) == ("False", "RemediationForbidden")
        assert ready.message == "GovernanceSource platform does not allow it"


def test_what_audit_would_do_is_not_refused() -> None:
    """`Ready` is about what the policy asks for."""
    told = life(enforcement="Audit")
    told.surround(remediation={"platform": "no"})
    told.slots(drifted("a"), check="drift")

    assert told.condition("Ready").status == "True"
    assert choices(told) == []


def test_an_error_stands_before_a_refusal() -> None:
    """First it must be measured."""
    told = life()
    told.surround(remediation={"platform": "no"})
    told.decide()
    assert told.condition("Ready").reason == "Pending"
    told.slots("error", check="drift")
    assert told.condition("Ready").reason == "Unreachable"


def test_no_run_chooses_while_an_earlier_choice_is_in_the_log() -> None:
    """Nor the run that was measured before its outcome was known, nor before that is told."""
    told = life()
    told.slots(drifted("a", "b"), drifted("a", "b"), check="drift")
    assert chosen_ids(told) == [["a", "b"]]

    told.down |= {Target.SINK}
    told.tick()
    told.decide(came(told, changed=("a", "b")), drift=drifted("a", "b"))
    told.slots(drifted("c"), check="drift")
    assert chosen_ids(told) == [["a", "b"]]

    told.down -= {Target.SINK}
    told.slots(drifted("c"), drifted("c"), check="drift")
    assert chosen_ids(told) == [["a", "b"], ["c"]]


def test_what_does_not_fit_waits_for_the_next_run() -> None:
    """A choice has its room; the policy's checks share it."""
    long = [f"{n:02}" + "x" * 196 for n in range(40)]
    told = life(drift("one"), drift("two"))
    told.decide(one=drifted(*long), two=drifted(*long))

    (first,) = choices(told)
    assert first.check == "one"
    assert 0 < len(chosen(first.lists)) < 20
    assert chosen(first.lists) == tuple(long[: len(chosen(first.lists))])
    assert len(first.lists.encode()) <= ID_BYTES + 20

    told.tick()
    told.decide(came(told, changed=chosen(first.lists)), two=drifted("a"))
    told.tick()
    told.decide(two=drifted("a"))
    assert chosen_ids(told)[1:] == [["a"]]


@pytest.mark.parametrize(
    ("outcome", "targets", "reason", "message"),
    [
        (
            {"changed": ("a", "b"), "not_changed": ("c",)},
            ("sink", "event"),
            "Remediated",
            "playbooks: 2 deprecated, 1 left as they were",
        ),
        ({"not_changed": ("a",)}, ("sink",), "Remediated", "playbooks: 1 left as they were"),
        (
            {"unconfirmed": ("a",)},
            ("sink", "event"),
            "Remediated",
            "playbooks: 1 perhaps deprecated before a crash",
        ),
        (
            {"not_changed": ("a",), "cancelled": "enforcement is Audit"},
            ("sink",),
            "Cancelled",
            "cancelled, as enforcement is Audit; playbooks: 1 left as they were",
        ),
        (
            {"cancelled": "the log had no room for the playbooks' ids"},
            ("sink",),
            "Cancelled",
            "cancelled, as the log had no room for the playbooks' ids; playbooks: none",
        ),
    ],
    ids=["changed", "not changed", "unconfirmed", "cancelled", "without ids"],
)
def test_what_came_of_it_is_told(
    outcome: dict[str, Any], targets: Sequence[str], reason: str, message: str
) -> None:
    """Every id to the sink, and an Event only if something changed, or may have."""
    told = life()
    told.slots(drifted("a", "b", "c"), check="drift")
    told.tick()
    told.decide(came(told, **outcome))

    entry = told.told[-1]
    assert (entry.transition, entry.targets) == ("remediated", targets)
    assert (entry.reason, entry.message) == (reason, message)
    assert (entry.finding, entry.decided_at) == (told.check("drift").finding.id, told.now)
    assert outcome_of(entry) == RemediationOutcome(**outcome, at=told.now)
    assert derives(told.uid, entry)


def test_outcomes_are_told_whatever_the_policy_says_by_then() -> None:
    """Suspended, not understood, muted, resolved: what was done is said."""
    told = life()
    told.slots(drifted("a"), check="drift")
    feedback = came(told, changed=("a",))
    misread = decide_not_understood(UID, told.status, 2, "no", feedback, told.now)
    told.surround(mutes=(mute(),))
    told.turn(policy(drift(), enforcement="Enforce", suspend=True))
    told.decide(feedback)

    for pending in (misread.pending, told.status.pending):
        (entry,) = [e for e in pending if e.transition is Transition.REMEDIATED]
        assert chosen(entry.lists) == ()
        assert outcome_of(entry).changed == ("a",)


def test_an_outcome_of_nothing_that_was_chosen_is_no_news() -> None:
    """The entry was edited away, or told before."""
    told = life()
    told.slots(drifted("a"), check="drift")
    before = len(told.told)
    told.decide(Feedback(remediated={UUID(int=1): RemediationOutcome(at=told.now)}))

    assert len(told.told) == before


def test_what_belongs_to_no_finding_was_never_chosen() -> None:
    """Nothing could tell of it."""
    told = life()
    told.slots(drifted("a"), check="drift")
    stray = choices(told)[0].model_copy(update={"finding": None})
    decision = Decision(policy_uid=UID, generation=1, at=told.now)

    with pytest.raises(ValueError, match="belongs to no finding"):
        done(decision, stray, RemediationOutcome(at=told.now))


def test_audit_says_once_an_opening_what_would_be_done() -> None:
    """As an Event; not on later runs, nor where nothing would be done."""
    told = life(enforcement=None)
    healthy = Measurement(value=0.0, samples=100)
    told.slots(drifted("a", "b"), drifted("a"), healthy, drifted(), healthy, check="drift")
    told.slots(drifted("c"), check="drift")

    said = [e for e in told.told if e.transition is Transition.WOULD_REMEDIATE]
    assert [e.message for e in said] == [
        "enforcement is Audit: 2 unused playbooks would be deprecated now",
        "enforcement is Audit: 1 unused playbook would be deprecated now",
    ]
    assert {e.targets for e in said} == {("event",)}
    assert {e.finding for e in said} < {e.finding for e in told.told}
    assert choices(told) == []


def test_from_audit_to_enforce_the_next_run_chooses() -> None:
    """The finding that opened under Audit is remediated."""
    told = life(enforcement="Audit")
    told.slots(drifted("a"), check="drift")
    told.turn(policy(drift(), enforcement="Enforce"))
    told.decide(NOTHING_LEARNED)
    assert choices(told) == []
    told.slots(drifted("a"), check="drift")

    assert chosen_ids(told) == [["a"]]
