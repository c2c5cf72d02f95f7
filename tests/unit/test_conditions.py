"""The table of conditions: each state of a policy, and what readers make of it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, UID, VALUES, History, policy, slo

from governor.domain.conditions import upsert
from governor.domain.plans import NOTHING_LEARNED, decide_not_understood
from governor.values.outcomes import Fault
from governor.values.reasons import Reason


def conditions(life: History) -> dict[str, tuple[str, str]]:
    """Type → (status, reason)."""
    return {c.type: (c.status, c.reason) for c in life.status.conditions}


@pytest.mark.parametrize(
    ("a", "b", "ready", "compliant", "stalled"),
    [
        ("ok", "ok", ("True", "Evaluated"), ("True", "Ok"), None),
        ("ok", "warning", ("True", "Evaluated"), ("True", "Warning"), None),
        ("ok", "violated", ("True", "Evaluated"), ("False", "Violated"), None),
        ("ok", "nodata", ("True", "Evaluated"), ("Unknown", "NoData"), None),
        ("violated", "nodata", ("True", "Evaluated"), ("False", "Violated"), None),
        ("ok", "error", ("False", "Unreachable"), ("Unknown", "Unreachable"), None),
        ("violated", "error", ("False", "Unreachable"), ("False", "Violated"), None),
        ("nodata", "error", ("False", "Unreachable"), ("Unknown", "Unreachable"), None),
        (
            "ok",
            "stuck",
            ("False", "QueryInvalid"),
            ("Unknown", "QueryInvalid"),
            ("True", "QueryInvalid"),
        ),
        (
            "error",
            "stuck",
            ("False", "QueryInvalid"),
            ("Unknown", "QueryInvalid"),
            ("True", "QueryInvalid"),
        ),
        (
            "violated",
            "stuck",
            ("False", "QueryInvalid"),
            ("False", "Violated"),
            ("True", "QueryInvalid"),
        ),
    ],
)
def test_each_row_of_the_table(
    a: str,
    b: str,
    ready: tuple[str, str],
    compliant: tuple[str, str],
    stalled: tuple[str, str] | None,
) -> None:
    """Two checks, their outcomes, and the three conditions."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a=a, b=b)

    found = conditions(life)
    assert found["Ready"] == ready
    assert found["Compliant"] == compliant
    assert found.get("Stalled") == stalled
    assert all(c.observed_generation == 1 for c in life.status.conditions)


@pytest.mark.parametrize(
    ("a", "b", "ready", "compliant", "stalled"),
    [
        ("ok", "ok", "2 checks evaluated", "all 2 checks are Ok", None),
        (
            "ok",
            "warning",
            "2 checks evaluated",
            "b: 0.75 is below the target 0.8, red line 0.7",
            None,
        ),
        (
            "nodata",
            "ok",
            "2 checks evaluated",
            "a: the query gave no series",
            None,
        ),
        (
            "error",
            "stuck",
            "b: parse error; a: connection refused",
            "b: parse error; a: connection refused",
            "b: parse error",
        ),
    ],
)
def test_messages_name_what_a_condition_is_about(
    a: str, b: str, ready: str, compliant: str, stalled: str | None
) -> None:
    """What a person must mend comes before what may pass."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a=a, b=b)

    assert life.condition("Ready").message == ready
    assert life.condition("Compliant").message == compliant
    assert (life.condition("Stalled") and life.condition("Stalled").message) == stalled


def test_a_policy_of_one_check_is_spoken_of_in_the_singular() -> None:
    """Many have only one."""
    life = History(policy(slo("a")))
    life.decide(a="ok")

    assert life.condition("Ready").message == "1 check evaluated"
    assert life.condition("Compliant").message == "the only check is Ok"


def test_a_policy_not_yet_evaluated_is_pending() -> None:
    """Both are Unknown as long as a check has not run."""
    life = History(policy(slo("a"), slo("b")))
    life.decide()
    assert conditions(life) == {
        "Ready": ("Unknown", "Pending"),
        "Compliant": ("Unknown", "Pending"),
    }
    assert life.status.verdict == "NoData"
    assert life.status.last_evaluated is None
    assert life.status.valid_until is None

    life.decide(a="ok")
    assert conditions(life)["Compliant"] == ("Unknown", "Pending")
    assert life.condition("Ready").message == "1 of 2 checks not yet evaluated"
    assert life.condition("Compliant").message == "1 of 2 not yet evaluated"


def test_a_suspended_policy_says_so_and_freezes() -> None:
    """Ready, Compliant Unknown; findings, counts and what is to be told stay."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a="violated", b="stuck")
    before = life.status
    life.turn(policy(slo("b"), suspend=True))
    life.tick()
    life.decide()

    assert conditions(life) == {
        "Ready": ("True", "Suspended"),
        "Compliant": ("Unknown", "Suspended"),
    }
    for condition in life.status.conditions:
        assert condition.message == "suspended: nothing is measured until spec.suspend is false"
        assert condition.observed_generation == 2
    assert life.condition("Compliant").last_transition_time == life.now
    assert life.status.verdict == "Suspended"
    assert life.status.valid_until is None
    assert life.status.checks == before.checks
    assert life.status.pending == before.pending
    assert life.status.observed_generation == 2


def test_resuming_judges_again() -> None:
    """What is gone ends only now; the finding that stayed is judged."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a="violated", b="violated")
    life.turn(policy(slo("b"), suspend=True))
    life.decide()
    life.turn(policy(slo("b")))
    life.tick()
    life.decide(b="ok")

    ends = [(e.check, e.resolved_reason) for e in life.told if e.resolved_reason]
    assert sorted(ends) == [("a", "CheckRemoved"), ("b", "Recovered")]
    assert life.status.valid_until is not None


def test_stalled_goes_when_its_cause_does() -> None:
    """It is present only while true: kstatus reads its presence."""
    life = History()
    life.slots("stuck")
    assert life.condition("Stalled").status == "True"
    life.slots("error")
    assert life.condition("Stalled") is None


def test_messages_name_the_worst_checks_and_count_the_rest() -> None:
    """Five by name; a tired reader sees which, and how bad."""
    names = [f"c{n}" for n in range(7)]
    life = History(policy(*(slo(name) for name in names)))
    life.decide(**dict.fromkeys(names, "violated"))

    message = life.condition("Compliant").message
    assert message.startswith("c0: 0.5 is below the red line 0.7; c1: ")
    assert message.endswith("; and 2 more")
    assert message.count("red line") == 5


@pytest.mark.parametrize(("count", "ending"), [(5, "0.7"), (6, "; and 1 more")])
def test_as_many_checks_as_have_room_are_all_named(count: int, ending: str) -> None:
    """Only a sixth is counted."""
    names = [f"c{n}" for n in range(count)]
    life = History(policy(*(slo(name) for name in names)))
    life.decide(**dict.fromkeys(names, "violated"))

    assert life.condition("Compliant").message.endswith(ending)


def test_a_fault_without_words_is_told_by_its_reason() -> None:
    """A message is never empty."""
    life = History()
    life.slots(Fault(reason=Reason.UNREACHABLE, message=""))

    assert life.condition("Ready").message == "autonomy-rate: Unreachable"


@given(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=15))
def test_a_transition_time_moves_only_with_its_status(story: list[str]) -> None:
    """For every history of outcomes and every condition."""
    life = History()
    known: dict[str, tuple[str, object]] = {}
    for outcome in story:
        life.slots(outcome)
        for c in life.status.conditions:
            before = known.get(c.type)
            if before and before[0] == c.status:
                assert c.last_transition_time == before[1]
            else:
                assert c.last_transition_time == life.now.replace(microsecond=0)
            known[c.type] = (c.status, c.last_transition_time)
        known = {t: v for t, v in known.items() if life.condition(t)}


@given(st.lists(st.sampled_from(sorted(VALUES)), min_size=2, max_size=6))
def test_the_worst_check_wins(outcomes: list[str]) -> None:
    """The policy's verdict is its worst check's, and only all-good is Compliant."""
    names = [f"c{n}" for n in range(len(outcomes))]
    life = History(policy(*(slo(name) for name in names)))
    life.decide(**dict(zip(names, outcomes, strict=True)))

    ranks = [c.verdict.rank for c in life.status.checks]
    worst = next(c for c in life.status.checks if c.verdict.rank == min(ranks))
    assert life.status.verdict == worst.verdict
    compliant = life.condition("Compliant").status == "True"
    assert compliant is all(o in ("ok", "warning") for o in outcomes)
    counts = life.status.summary
    assert counts.ok + counts.warning + counts.violated + counts.no_data + counts.error == len(
        names
    )


def test_a_spec_that_is_not_understood_is_told() -> None:
    """Stalled, with the fault; what is known and to be told stays."""
    life = History()
    life.slots("violated")
    status = decide_not_understood(
        UID, life.status, 2, "spec.checks.0: no\nprobe", NOTHING_LEARNED, NOON
    )

    told = {c.type: (c.status, c.reason, c.message) for c in status.conditions}
    message = "spec.checks.0: no probe"
    assert told == {
        "Ready": ("False", "SpecInvalid", message),
        "Compliant": ("Unknown", "SpecInvalid", message),
        "Stalled": ("True", "SpecInvalid", message),
    }
    assert {c.observed_generation for c in status.conditions} == {2}
    assert (status.verdict, status.observed_generation) == ("Error", 2)
    assert status.checks == life.status.checks
    assert status.pending == life.status.pending
    assert status.valid_until is None


def test_upsert_leaves_the_others_and_their_order() -> None:
    """Only the named type changes."""
    first = upsert((), "Ready", ("True", "A", ""), generation=1, now=NOON)
    both = upsert(first, "Compliant", ("False", "B", ""), generation=1, now=NOON)
    later = NOON + timedelta(minutes=1)
    again = upsert(both, "Ready", ("True", "C", "m"), generation=2, now=later)

    assert [c.type for c in again] == ["Ready", "Compliant"]
    assert again[1] == both[1]
    assert (again[0].reason, again[0].message, again[0].observed_generation) == ("C", "m", 2)
    assert again[0].last_transition_time == NOON


def test_a_transition_time_has_whole_seconds() -> None:
    """The API server keeps no more, and would give back another time than was written."""
    (condition,) = upsert(
        (),
        "Ready",
        ("True", "A", ""),
        generation=1,
        now=NOON + timedelta(microseconds=999_999),
    )

    assert condition.last_transition_time == NOON
