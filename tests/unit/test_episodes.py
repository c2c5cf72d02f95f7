"""The life of findings, as a policy's history of decisions tells it."""

from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, UID, VALUES, History, blast, policy, slo
from tests.support.time_zones import machine_in

from governor.api.log import Target, Transition
from governor.api.status import CheckStatus
from governor.domain.identity import derives, finding_id, transition_id
from governor.values.outcomes import Measurement

SLO = "slo_autonomy_rate_violation"
outcomes = st.sampled_from(sorted(VALUES))


def test_a_violation_opens_a_finding_and_recovery_resolves_it() -> None:
    """One episode: opened once, resolved once, each with what it was judged by."""
    life = History()
    life.slots("ok", "violated", "violated", "ok", "ok")

    assert life.story() == [("open", "autonomy-rate", SLO), ("resolve", "autonomy-rate", SLO)]
    opening, closing = life.told
    assert (opening.value, opening.gap, opening.reason) == (0.5, 0.2, "PastRedLine")
    assert opening.message == "0.5 is below the red line 0.7"
    assert opening.objective.red_line == 0.7
    assert opening.targets == (Target.SINK, Target.EVENT)
    assert opening.impact == (
        '{"direction":"Above","gap":0.2,"name":"autonomy_rate","target":0.8,"threshold":0.7,'
        '"value":0.5}'
    )
    assert opening.resolved_reason is None
    assert closing.resolved_reason == "Recovered"
    assert closing.finding == opening.finding
    assert closing.decided_at - opening.decided_at == timedelta(minutes=2)
    last = life.check().last_finding
    assert (last.id, last.reason) == (opening.finding, "Recovered")
    assert last.resolved_at == closing.decided_at
    assert life.check().finding is None


def test_a_warning_recovers_too() -> None:
    """Warning is not past the red line: it counts as a success."""
    life = History()
    life.slots("violated", "warning")

    assert [t for t, _, _ in life.story()] == ["open", "resolve"]


def test_thresholds_delay_the_finding_and_not_the_verdict() -> None:
    """Two violated runs in a row open, three good ones resolve; verdicts follow each run."""
    life = History(policy(slo(failureThreshold=2, successThreshold=3)))
    life.slots("violated")
    assert life.status.verdict == "Violated"
    assert life.check().finding is None

    life.slots("ok", "violated")
    assert life.story() == []

    life.slots("violated")
    assert [t for t, _, _ in life.story()] == ["open"]

    life.slots("ok", "ok", "violated", "ok", "ok")
    assert life.check().finding is not None
    assert life.check().successes == 2

    life.slots("ok")
    assert [t for t, _, _ in life.story()] == ["open", "resolve"]


@pytest.mark.parametrize("unmeasured", ["nodata", "error"])
def test_what_is_not_measured_changes_no_count(unmeasured: str) -> None:
    """Neither opens nor closes, and the runs before it still count."""
    life = History(policy(slo(failureThreshold=2, successThreshold=2)))
    life.slots("violated", unmeasured, "violated")
    assert life.check().finding is not None

    life.slots("ok", unmeasured)
    assert life.check().successes == 1
    life.slots("ok")
    assert life.check().finding is None


def test_a_slot_counts_once_whatever_reruns_it() -> None:
    """Extra runs update the verdict; they count nothing in a slot that is counted."""
    life = History(policy(slo(failureThreshold=2)))
    life.slots("violated")
    life.tick(1)
    life.decide(autonomy_rate="violated")
    assert life.check().violations == 1

    life.tick(1)
    life.decide(autonomy_rate="ok")
    assert life.status.verdict == "Ok"
    assert (life.check().violations, life.check().successes) == (1, 0)

    life.slots("violated")
    assert life.check().finding is not None


def test_the_retry_that_measures_counts() -> None:
    """An Error leaves the slot uncounted, so that the retry within it can count."""
    life = History()
    life.slots("error")
    life.tick(1)
    life.decide(autonomy_rate="violated")

    assert life.check().violations == 1
    assert life.check().finding is not None


def test_blind_runs_count_once_a_slot() -> None:
    """Retries within a slot make a check no blinder."""
    life = History()
    life.slots("error")
    life.tick(1)
    life.decide(autonomy_rate="error")
    assert life.check().blind_runs == 1

    life.slots("nodata")
    assert life.check().blind_runs == 2
    life.slots("ok")
    assert life.check().blind_runs == 0


def test_counts_stop_at_their_thresholds() -> None:
    """A long outage, a long violation: the counts stand still, and cause no writes."""
    life = History(policy(slo(failureThreshold=2, successThreshold=3)))
    life.slots(*["violated"] * 5)
    assert life.check().violations == 2
    life.slots(*["ok"] * 7)
    assert life.check().successes == 3
    life.slots(*["error"] * 7)
    assert life.check().blind_runs == 3


def test_a_changed_spec_zeroes_the_counts_and_keeps_the_finding() -> None:
    """The open finding stays until it is judged again."""
    life = History(policy(slo(successThreshold=2)))
    life.slots("violated", "ok")
    life.turn(policy(slo(successThreshold=1)))
    life.decide()

    check = life.check()
    assert check.finding is not None
    assert (check.violations, check.successes, check.counted_slot) == (0, 0, None)
    assert (check.verdict, check.reason) == ("NoData", "NotYetEvaluated")
    assert (check.value, check.last_evaluated) == (None, None)

    life.decide(autonomy_rate="ok")
    assert life.check().finding is None


BAD = Measurement(value=0.5, samples=7)


@pytest.mark.parametrize("story", [("error", BAD), (BAD, "error")], ids=["value", "blind"])
def test_a_changed_spec_keeps_nothing_of_what_was_measured(
    story: tuple[str | Measurement, ...],
) -> None:
    """But the findings, and since when it is so."""
    life = History(policy(slo(failureThreshold=3)))
    life.slots(*story)
    before = life.check()
    turned = policy(slo(failureThreshold=2))
    life.turn(turned)
    life.decide()

    assert life.check() == CheckStatus(
        name="autonomy-rate",
        digest=turned.checks[0].digest,
        message="not yet evaluated under its present spec",
        since=before.since,
        blind_since=before.blind_since,
    )


def test_three_applies_within_one_slot_make_two_episodes() -> None:
    """Each new spec counts anew, so open, resolve and reopen are told one by one."""
    life = History(policy(slo(objective={"direction": "Above", "redLine": 0.7})))
    life.decide(autonomy_rate=Measurement(value=0.5))
    life.tick(1)
    life.turn(policy(slo(objective={"direction": "Above", "redLine": 0.4})))
    life.decide(autonomy_rate=Measurement(value=0.5))
    life.tick(1)
    life.turn(policy(slo(objective={"direction": "Above", "redLine": 0.6})))
    life.decide(autonomy_rate=Measurement(value=0.5))

    assert [t for t, _, _ in life.story()] == ["open", "resolve", "open"]
    assert len({entry.finding for entry in life.told}) == 2
    assert [entry.generation for entry in life.told] == [1, 2, 3]


def test_a_removed_check_ends_its_findings() -> None:
    """Both the finding and the blind one, with the reason CheckRemoved; its status goes."""
    life = History(policy(slo("a"), slo("b"), selfFailure={"blindAfter": 1}))
    life.decide(a="violated", b="ok")
    life.tick()
    life.decide(a="error", b="ok")
    life.turn(policy(slo("b")))
    life.decide()

    removed = [e for e in life.told if e.resolved_reason == "CheckRemoved"]
    assert [e.event_type for e in removed] == ["slo_a_violation", "governance_check_blind"]
    for entry in removed:
        assert (entry.check, entry.severity, entry.reason) == ("a", "warning", "Unreachable")
        assert entry.message == "the check is no longer in the policy"
    assert [c.name for c in life.status.checks] == ["b"]


def test_a_name_given_to_another_kind_is_another_check() -> None:
    """The old kind's finding ends; the new kind's finding has its own event type."""
    life = History(policy(slo("x")))
    life.decide(x="violated")
    life.turn(policy(blast("x", severity="critical")))
    life.tick()
    facts = {"failed_count": 9, "total_executions": 10}
    life.decide(x=Measurement(value=0.9, samples=10, facts=facts))

    assert life.story() == [
        ("open", "x", "slo_x_violation"),
        ("resolve", "x", "slo_x_violation"),
        ("open", "x", "execution_blast_radius"),
    ]
    end = life.told[1]
    assert (end.severity, end.reason, end.resolved_reason) == (
        "critical", "NotYetEvaluated", "CheckRemoved",
    )  # fmt: skip
    assert (end.message, end.generation) == ("the check became another kind", 2)
    last = life.check("x").last_finding
    assert (last.id, last.reason) == (end.finding, "CheckRemoved")


def test_turning_blind_and_measurable_again_is_told_once_each() -> None:
    """An Event only, and never between Error and NoData."""
    life = History(policy(slo(), slo("other")))
    for outcome in ("error", "nodata", "error", "ok"):
        life.tick()
        life.decide(autonomy_rate=outcome, other="ok")

    assert life.story() == [
        ("blind", "autonomy-rate", ""),
        ("open", "autonomy-rate", "governance_check_blind"),
        ("measurable", "autonomy-rate", ""),
        ("resolve", "autonomy-rate", "governance_check_blind"),
    ]
    blind = life.told[0]
    assert (blind.finding, blind.targets) == (None, (Target.EVENT,))
    assert life.check().blind_since is None


def test_blindness_is_told_with_its_cause() -> None:
    """And since when, as long as it lasts."""
    life = History(policy(slo(severity="critical")))
    life.slots("error")
    (blind,) = life.told
    assert (blind.severity, blind.reason, blind.message) == (
        "critical", "Unreachable", "connection refused",
    )  # fmt: skip
    assert (blind.decided_at, blind.generation) == (life.now, 1)
    assert life.check().blind_since == life.now

    life.slots("nodata")
    assert life.check().blind_since == blind.decided_at

    life.slots("ok")
    first, again = (e for e in life.told if not e.event_type)
    assert (first, again.message) == (blind, "0.9 meets the target 0.8")


def test_a_run_is_recorded_whole_and_told_whole() -> None:
    """What was judged stands in the status; what opened the finding, in its entry."""
    life = History(policy(slo(severity="critical")))
    life.slots(Measurement(value=0.65, samples=7))

    check, (entry,) = life.check(), life.told
    for said in (check, entry):
        assert (said.reason, said.message) == ("PastRedLine", "0.65 is below the red line 0.7")
        assert (said.value, said.gap, said.samples) == (0.65, 0.05, 7)
    assert (check.verdict, check.last_evaluated, check.since) == ("Violated", life.now, life.now)
    assert (entry.severity, entry.generation, entry.decided_at) == ("critical", 1, life.now)


def test_the_first_run_under_a_new_spec_starts_its_verdict_anew() -> None:
    """NoData for want of a run is another NoData."""
    life = History()
    life.slots("nodata")
    life.turn(policy(slo(failureThreshold=2)))
    life.slots("nodata")

    assert life.check().since == life.now


def test_since_moves_with_the_verdict_only() -> None:
    """It is when the verdict became what it is."""
    life = History()
    life.slots("ok")
    first = life.check().since
    life.slots("ok", "ok")
    assert life.check().since == first
    life.slots("violated")
    assert life.check().since == life.check().last_evaluated


def test_values_are_judged_unrounded_and_stored_to_four_decimals() -> None:
    """0.69999 is past a red line of 0.7, and is stored as 0.7."""
    life = History()
    life.slots(Measurement(value=0.69999))

    assert life.status.verdict == "Violated"
    assert life.check().value == 0.7
    assert life.told[0].value == 0.7


@given(st.lists(st.tuples(outcomes, st.integers(0, 90)), max_size=25))
def test_every_history_is_well_formed(story: list[tuple[str, int]]) -> None:
    """Whatever is measured whenever: openings and resolutions of a line alternate."""
    life = History(
        policy(slo(failureThreshold=2, successThreshold=2), selfFailure={"erroredChecks": 1})
    )
    for outcome, seconds in story:
        life.tick(seconds)
        life.decide(autonomy_rate=outcome)
        check = life.check()
        assert 0 <= check.violations <= 2
        assert 0 <= check.successes <= 2
        assert 0 <= check.blind_runs <= 3
        assert check.verdict == life.status.verdict

    lines: dict[tuple[str, str], list[str]] = {}
    for entry in life.told:
        assert derives(life.uid, entry)
        lines.setdefault((entry.check, entry.event_type), []).append(entry.transition.value)
    for (_, event_type), told in lines.items():
        first, second = ("open", "resolve") if event_type else ("blind", "measurable")
        assert told == [first, second] * (len(told) // 2) + [first] * (len(told) % 2)
    assert len({entry.id for entry in life.told}) == len(life.told)


@given(st.lists(st.tuples(outcomes, st.integers(1, 200)), max_size=25))
def test_counts_follow_a_plain_model(story: list[tuple[str, int]]) -> None:
    """Rule 12 said once more, plainly: the first measured run of a slot counts for it."""
    life = History(policy(slo(failureThreshold=3, successThreshold=3)))
    counted: set[object] = set()
    violations = successes = 0
    for outcome, seconds in story:
        life.tick(seconds)
        life.decide(autonomy_rate=outcome)
        slot = life.check().counted_slot
        if outcome in ("ok", "warning", "violated") and slot not in counted:
            counted.add(slot)
            bad = outcome == "violated"
            violations = min(violations + 1, 3) if bad else 0
            successes = 0 if bad else min(successes + 1, 3)
        assert (life.check().violations, life.check().successes) == (violations, successes)


@given(st.lists(outcomes, min_size=1, max_size=12))
def test_deciding_twice_on_the_same_runs_changes_nothing_more(story: list[str]) -> None:
    """A decision taken again on its own result counts and tells nothing again."""
    life = History(policy(slo(failureThreshold=2)))
    for outcome in story:
        life.slots(outcome)
        before = life.status
        life.decide(autonomy_rate=outcome)
        assert life.status == before


def test_ids_follow_from_what_they_name() -> None:
    """These very ids, in every process and version: rows and Events are found by them."""
    life = History()
    life.slots("violated")
    (entry,) = life.told

    assert entry.finding == finding_id(life.uid, SLO, "autonomy-rate", entry.opened_at)
    assert entry.id == transition_id(entry.finding, Transition.OPEN, entry.decided_at)
    assert str(entry.finding) == "8156d545-811b-5b4d-87ec-17aa39d843fa"
    assert str(entry.id) == "8a8c6b71-c222-51e5-a8bc-9e4621f6d55f"

    blind = History()
    blind.slots("error")
    assert str(blind.told[0].id) == "dd6cd317-84f7-5267-9e6e-806ebd340da2"


def test_ids_do_not_depend_on_the_time_zone() -> None:
    """Neither on that of a time nor on that of the machine."""
    at = NOON.astimezone(timezone(timedelta(hours=8)))
    here = finding_id(UID, SLO, "autonomy-rate", NOON)
    with machine_in("Asia/Taipei"):
        assert finding_id(UID, SLO, "autonomy-rate", at) == here


@pytest.mark.parametrize(
    "forged",
    [
        {"check": "another"},
        {"event_type": "another"},
        {"finding": None},
        {"opened_at": None},
        {"transition": Transition.RESOLVE},
        {"transition": Transition.BLIND},
    ],
)
def test_a_forged_entry_is_dropped(forged: dict[str, object]) -> None:
    """An entry whose ids don't derive from its words is not told."""
    life = History()
    life.slots("violated")
    entry = life.told[0].model_copy(update=forged)
    life.status = life.status.model_copy(update={"pending": (entry,)})
    life.decide()

    assert life.status.pending == ()


def test_a_blind_entry_must_derive_too() -> None:
    """Also an Event without a finding can't be forged."""
    life = History()
    life.slots("error")
    (entry,) = life.told
    assert derives(life.uid, entry)
    assert not derives("another-policy", entry)
    assert not derives(life.uid, entry.model_copy(update={"finding": entry.id}))
