"""The whole status, and when it is worth a write."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, UID, VALUES, History, blast, policy, slo, spec

from governor.api.log import Target
from governor.api.policy import ObjectiveSpec, PolicySpec
from governor.api.status import FindingRef, PolicyStatus
from governor.domain.entries import LIST_BYTES
from governor.domain.identity import finding_id
from governor.domain.log import Delivered, size
from governor.domain.plans import Feedback, decide_not_understood
from governor.domain.policies import resolve
from governor.domain.schedules import slot_at
from governor.domain.staleness import AHEAD, believable, expire, expired, validity
from governor.domain.writes import (
    PATIENCE,
    RIDER_PERIOD,
    Riders,
    Runs,
    causes_write,
    rider_due,
    rider_slot,
)
from governor.errors import SpecError
from governor.values.objectives import Direction
from governor.values.outcomes import Measurement
from governor.values.reasons import Reason, Verdict


def test_a_status_tells_when_it_was_evaluated_and_how_long_it_holds() -> None:
    """Three times the shortest interval, at least 15 minutes, from the last evaluation."""
    life = History(policy(slo("a", interval="10m"), slo("b", interval="1h")))
    life.decide(a="ok", b="ok")
    assert life.status.last_evaluated == life.now
    assert life.status.valid_until == life.now + timedelta(minutes=30)
    assert validity(policy(slo(interval="5s")).shortest_interval) == timedelta(minutes=15)

    first = life.status.valid_until
    life.tick(1)
    life.turn(life.policy)
    life.decide()
    assert life.status.valid_until == first
    assert life.status.observed_generation == 2


def test_run_now_is_echoed_once_answered() -> None:
    """And then stays."""
    life = History()
    life.decide(Feedback(run_now="now-1"), autonomy_rate="ok")
    assert life.status.last_handled_run_now == "now-1"
    life.slots("ok")
    assert life.status.last_handled_run_now == "now-1"


def test_what_the_sink_says_is_heard_whatever_the_policy_says() -> None:
    """Suspended or not understood: what was delivered leaves the log, what was adopted is renamed.

    What was decided before is still told, by the id that the sink knows.
    """
    life = History()
    life.slots("violated", "ok", "violated")
    first, end, second = life.status.pending
    earlier = life.now - timedelta(days=1)
    theirs = FindingRef(
        id=finding_id(UID, second.event_type, second.check, earlier),
        event_type=second.event_type,
        opened_at=earlier,
    )
    delivered = frozenset(Delivered(entry=e.id, target=t) for e in (first, end) for t in e.targets)
    feedback = Feedback(delivered=delivered, adopted={second.finding: theirs})
    misread = decide_not_understood(UID, life.status, 2, "no", feedback, life.now)
    life.turn(policy(suspend=True))
    suspended = life.decide(feedback)

    for status in (misread, suspended):
        (left,) = status.pending
        assert (left.finding, left.targets) == (theirs.id, (Target.EVENT,))
        assert status.checks[0].finding == theirs


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        ("ok", Measurement(value=0.91), False),
        ("ok", "warning", True),
        ("ok", "violated", True),
        ("ok", "nodata", True),
        ("error", "stuck", True),
    ],
)
def test_a_value_alone_causes_no_write(before: str, after: str, writes: bool) -> None:
    """A verdict, a reason, a finding does; values, messages and times ride along."""
    life = History(policy(slo(), slo("other")))
    life.tick()
    life.decide(autonomy_rate=before, other="ok")
    written = life.status
    life.tick()
    life.decide(autonomy_rate=after, other="ok")

    assert life.status != written
    assert causes_write(written, life.status) is writes


def test_counts_cause_writes_until_they_stand_still() -> None:
    """Each step to a threshold must survive a crash."""
    life = History(policy(slo(failureThreshold=3)))
    writes = []
    for _ in range(5):
        before = life.status
        life.slots("violated")
        writes.append(causes_write(before, life.status))

    assert writes == [True, True, True, False, False]


def test_generation_run_now_and_log_cause_writes() -> None:
    """Each of them alone."""
    life = History()
    life.slots("violated")
    written = life.status
    for change in ({"observed_generation": 9}, {"last_handled_run_now": "x"}, {"pending": ()}):
        assert causes_write(written, written.model_copy(update=change))
    assert not causes_write(written, written)
    assert not causes_write(
        written, written.model_copy(update={"last_evaluated": None, "valid_until": None})
    )


@pytest.mark.parametrize(
    ("change", "writes"),
    [
        ({"digest": "x"}, True),
        ({"verdict": Verdict.WARNING}, True),
        ({"reason": Reason.MET}, True),
        ({"violations": 9}, True),
        ({"successes": 9}, True),
        ({"blind_runs": 9}, True),
        ({"finding": None}, True),
        ({"last_finding": None}, True),
        ({"blind": None}, True),
        ({"last_blind": None}, True),
        ({"blind_since": None}, True),
        ({"message": "x"}, False),
        ({"value": 9.0}, False),
        ({"gap": 9.0}, False),
        ({"samples": 9}, False),
        ({"since": None}, False),
        ({"last_evaluated": None}, False),
    ],
    ids=str,
)
def test_what_of_a_check_causes_a_write(change: dict[str, object], writes: bool) -> None:
    """What a crash must not lose, and what people watch for; numbers can wait."""
    life = History(policy(slo(), slo("other"), selfFailure={"blindAfter": 1}))
    for outcome in ("violated", "nodata", "ok", "violated", "nodata"):
        life.tick()
        life.decide(autonomy_rate=outcome, other="ok")
    before = life.status
    check = before.checks[0]
    assert check.model_copy(update=change) != check or not writes
    changed = (check.model_copy(update=change), before.checks[1])

    assert causes_write(before, before.model_copy(update={"checks": changed})) is writes


def test_what_of_a_policy_causes_a_write() -> None:
    """Its verdict, the word on its SLOs, its conditions, its findings, a served target."""
    life = History(policy(selfFailure={"erroredChecks": 1}))
    life.slots("error")
    before = life.status
    assert before.slo is not None
    condition, entry = before.conditions[0], before.pending[-1]
    for change in (
        {"verdict": "Ok"},
        {"slo": before.slo.model_copy(update={"status": "ok"})},
        {"slo": None},
        {"conditions": (condition.model_copy(update={"status": "True"}), *before.conditions[1:])},
        {"conditions": (condition.model_copy(update={"reason": "X"}), *before.conditions[1:])},
        {"findings": ()},
        {"pending": (*before.pending[:-1], entry.model_copy(update={"targets": ()}))},
    ):
        assert causes_write(before, before.model_copy(update=change))
    told = (condition.model_copy(update={"message": "x"}), *before.conditions[1:])
    assert not causes_write(before, before.model_copy(update={"conditions": told}))


def written_runs(uid: str, interval: int, start: float, late: Sequence[float]) -> list[int]:
    """Which runs' values are written of a policy that only runs and ticks; the first is -1.

    Args:
        uid: the policy.
        interval: in seconds, from run to run.
        start: so many seconds after a slot its first values are measured, and written.
        late: so many seconds after its slot each run begins.
    """
    every = timedelta(seconds=interval)
    slot = slot_at(uid, interval, NOON)
    evaluated = written = slot + timedelta(seconds=start)
    found = [-1]
    for number, seconds in enumerate(late):
        slot += every
        begun = slot + timedelta(seconds=seconds)
        ended, tick = begun + timedelta(seconds=1), begun - timedelta(milliseconds=400)
        for now, latest, runs in (
            (tick, evaluated, Runs(interval=every, coming=slot)),
            (begun, evaluated, Runs(interval=every, coming=slot + every, begun=begun)),
            (ended, begun, Runs(interval=every, coming=slot + every)),
        ):
            due = rider_due(uid, Riders(written=written, evaluated=latest, runs=runs), now)
            if latest > written and due:
                written = latest
                found.append(number if latest == begun else number - 1)
        evaluated = begun
    return found


lateness = st.lists(st.floats(-0.5, 0.9), min_size=60, max_size=60)


@given(
    st.uuids().map(str),
    st.sampled_from([5, 10, 30, 50, 60, 300]),
    st.floats(0, 0.999),
    lateness,
)
def test_riders_are_written_every_five_minutes(
    uid: str, interval: int, start: float, late: list[float]
) -> None:
    """Not more often, however early or late a run begins; the first time sooner."""
    runs = written_runs(uid, interval, start * interval, late)

    period = RIDER_PERIOD // timedelta(seconds=interval)
    assert all(later - earlier == period for earlier, later in pairwise(runs[1:]))
    assert runs[1:2] == [] or runs[1] - runs[0] <= period
    assert len(runs) >= len(late) // period


@given(st.uuids().map(str), st.sampled_from([35, 70, 90, 120, 180, 240]), lateness)
def test_riders_get_no_older_than_five_minutes(uid: str, interval: int, late: list[float]) -> None:
    """Whatever the interval: they are written with the last run that comes in time."""
    runs = written_runs(uid, interval, 0, late)

    period = RIDER_PERIOD // timedelta(seconds=interval)
    assert {later - earlier for earlier, later in pairwise(runs)} <= {period}
    assert len(runs) >= len(late) // period


@pytest.mark.parametrize("interval", [5, 60, 300, 120, 420, 600])
def test_values_wait_for_runs_under_way_but_not_for_long(interval: int) -> None:
    """One that hangs, and some that are under way in turn, keep nothing from being written."""
    slot, every = rider_slot(UID, NOON), timedelta(seconds=interval)
    quick = slot + timedelta(seconds=0.2)

    def due(now: datetime, begun: datetime | None, written: datetime = slot - RIDER_PERIOD) -> bool:
        runs = Runs(interval=every, coming=slot + max(every, RIDER_PERIOD), begun=begun)
        return rider_due(UID, Riders(written=written, evaluated=quick, runs=runs), now)

    assert not due(quick + PATIENCE / 2, begun=quick)
    assert due(quick + PATIENCE / 2, begun=None), "all have ended"
    assert due(quick + PATIENCE, begun=quick), "it may never end"
    assert due(quick + PATIENCE / 2, begun=quick - timedelta(hours=1)), "it never ended"
    long_ago = quick - 2 * RIDER_PERIOD - PATIENCE
    assert due(quick, begun=quick, written=long_ago), "some are under way in turn, always"


def test_what_is_not_measured_any_more_is_written_after_five_minutes() -> None:
    """A policy that is suspended, or can't be understood."""
    riders = Riders(written=NOON, evaluated=NOON, runs=None)

    assert not rider_due(UID, riders, NOON + timedelta(minutes=4, seconds=59))
    assert rider_due(UID, riders, NOON + RIDER_PERIOD)


def test_a_clock_that_was_ahead_holds_no_rider_back() -> None:
    """Nor does a status that says of no time when it was written."""

    def due(written: datetime | None) -> bool:
        minute = timedelta(minutes=1)
        runs = Runs(interval=minute, coming=NOON + minute)
        return rider_due(UID, Riders(written=written, evaluated=NOON, runs=runs), NOON)

    assert due(None)
    assert not due(NOON + AHEAD)
    assert due(NOON + AHEAD + timedelta(seconds=1))


def test_riders_are_spread() -> None:
    """Ten thousand policies begin within a minute, and go on to write in all of the five."""
    moments = [rider_slot(f"policy-{n}", NOON) for n in range(1000)]

    assert max(moments) <= NOON
    assert min(moments) > NOON - RIDER_PERIOD
    minutes = Counter((NOON - moment) // timedelta(minutes=1) for moment in moments)
    assert min(minutes[n] for n in range(5)) > 150


def test_defaults_are_applied_in_code() -> None:
    """As the papers say, field by field."""
    (check,) = policy(blast(interval=None)).checks
    assert (check.interval, check.severity) == (3600, "warning")
    assert (check.failure_threshold, check.success_threshold) == (1, 1)
    objective = check.objective
    assert (objective.direction, objective.red_line) == (Direction.BELOW, 0.15)
    assert (objective.target, objective.minimum_samples) == (None, 1)
    assert (policy().errored_checks, policy().blind_after) == (3, 3)
    assert not policy().suspended

    (own,) = policy(
        blast(objective={"redLine": 0.5, "target": 0.1, "minimumSamples": 20}), interval="5m"
    ).checks
    assert (own.objective.red_line, own.objective.target) == (0.5, 0.1)
    assert own.objective.minimum_samples == 20
    zero = policy(blast(objective={"redLine": 0})).checks[0].objective
    assert zero.red_line == 0
    assert policy(blast(interval=None), interval="5m").checks[0].interval == 300


def test_a_digest_follows_the_checks_own_spec() -> None:
    """It changes with the check, and with nothing else."""
    one = policy(slo(interval=None), interval="5m").checks[0].digest
    assert one == policy(slo(interval=None), blast(), interval="1h").checks[0].digest
    assert one != policy(slo(interval="5m")).checks[0].digest


def test_digests_and_jitter_outlive_a_version() -> None:
    """These very ones: another digest would zero every count once more."""
    assert policy().checks[0].digest == "678eada777b931d3"
    assert policy(blast()).checks[0].digest == "6fe0767dea32b014"
    assert NOON - rider_slot(UID, NOON) == timedelta(seconds=214, milliseconds=13)
    assert NOON - rider_slot("another", NOON) == timedelta(seconds=134, milliseconds=675)


@pytest.mark.parametrize(
    "objective",
    [None, ObjectiveSpec(red_line=0.7), ObjectiveSpec(direction=Direction.ABOVE)],
    ids=["none", "no direction", "no red line"],
)
def test_a_spec_without_probe_or_objective_names_the_remedy(
    objective: ObjectiveSpec | None,
) -> None:
    """What the API server's rules refuse is refused here too, for files."""
    bare = spec(slo())
    without = PolicySpec.model_construct(
        checks=tuple(
            c.model_copy(update={"objective": objective})
            for c in PolicySpec.model_validate(bare).checks
        )
    )
    with pytest.raises(
        SpecError,
        match=r"^check 'autonomy-rate': set objective\.direction and objective\.redLine$",
    ):
        resolve(without)
    nothing = PolicySpec.model_construct(
        checks=tuple(
            c.model_copy(update={"promql": None}) for c in PolicySpec.model_validate(bare).checks
        )
    )
    with pytest.raises(SpecError, match="exactly one probe"):
        resolve(nothing)


def test_lists_are_cut_with_a_count() -> None:
    """A long list must not crowd out the log."""
    life = History(policy(*(slo(f"check-{n:02}") for n in range(32))))
    message = "x" * 190
    outcomes = {
        f"check_{n:02}": VALUES["error"].__class__(reason=VALUES["error"].reason, message=message)
        for n in range(32)
    }
    life.decide(**outcomes)
    entry = next(e for e in life.told if e.event_type == "governance_self_failure")
    lists = json.loads(entry.lists)

    assert len(entry.lists.encode()) < LIST_BYTES + 100
    assert len(lists["errors"]) + lists["errors_omitted"] == 32


@pytest.mark.parametrize(("length", "kept"), [(1020, 3), (1021, 3), (1022, 2)])
def test_lists_take_exactly_the_room_that_there_is(length: int, kept: int) -> None:
    """Two quotes and a comma each; one list after the other."""
    life = History(policy(blast()))
    lists = {"a": ("x" * length,) * 3, "b": ("y" * 10,)}
    facts = {"failed_count": 9, "total_executions": 10}
    life.decide(blast=Measurement(value=0.9, samples=10, facts=facts, lists=lists))
    told = json.loads(life.told[0].lists)

    assert len(told["a"]) == kept
    assert told.get("a_omitted") == (1 if kept == 2 else None)
    assert (told["b"], told["b_omitted"]) == ([], 1)


def test_facts_are_stored_as_values_are() -> None:
    """To four decimals, whichever probe found them; whole numbers and words as they are."""
    life = History(policy(blast()))
    facts = {"mean": 0.123456, "failed_count": 9, "total_executions": 10, "worst": "pb-1"}
    life.decide(blast=Measurement(value=0.9, samples=10, facts=facts))
    impact = json.loads(life.told[0].impact)

    assert impact == facts | {"mean": 0.1235, "failure_rate": 0.9, "threshold": 0.15}


def test_lists_are_told_in_their_own_letters() -> None:
    """Unescaped, in one order: the same words have the same bytes."""
    life = History(policy(blast()))
    facts = {"failed_count": 9, "total_executions": 10}
    outcome = Measurement(
        value=0.9, samples=10, facts=facts, lists={"b": ("知識", "déjà"), "a": ("x",)}
    )
    life.decide(blast=outcome)

    assert life.told[0].lists == '{"a":["x"],"b":["知識","déjà"]}'


def test_an_entry_without_lists_stays_small() -> None:
    """At most 768 bytes with the longest names and numbers, opening and resolution alike."""
    name = "a" * 40
    life = History(policy(slo(name, severity="critical"), slo("b"), selfFailure={"blindAfter": 1}))
    life.now += timedelta(microseconds=1)
    for outcome in (Measurement(value=-123456789.123456), "ok"):
        life.tick()
        life.decide(**{name: outcome}, b="ok")

    assert [e.transition for e in life.told] == ["open", "resolve"]
    assert max(size(entry) for entry in life.told) <= 768


@given(st.lists(st.sampled_from(sorted(VALUES)), max_size=8))
def test_a_status_survives_the_api_server(story: list[str]) -> None:
    """Written as JSON and read back it is the same."""
    life = History()
    life.slots(*story)
    data = life.status.model_dump(mode="json", by_alias=True, exclude_none=True)

    assert PolicyStatus.model_validate(json.loads(json.dumps(data))) == life.status


def test_an_expired_status_takes_its_verdicts_back() -> None:
    """Findings, counts and the log stay; what is shown is Unknown."""
    life = History()
    life.slots("ok", Measurement(value=0.5, samples=7))
    before = life.status
    assert before.valid_until is not None
    assert not expired(before, before.valid_until)
    late = before.valid_until + timedelta(seconds=1)
    assert expired(before, late)
    assert not expired(PolicyStatus(), late)

    life.status = expire(before, 2, late)

    compliant = life.condition("Compliant")
    assert (compliant.status, compliant.reason) == ("Unknown", "Stale")
    assert compliant.message == "last evaluated 2026-11-22T12:02:00Z; evaluating again"
    assert (compliant.observed_generation, compliant.last_transition_time) == (2, late)
    assert (life.status.verdict, life.status.valid_until, life.status.slo) == ("NoData", None, None)
    assert life.status.summary.no_data == 1
    assert life.check() == before.checks[0].model_copy(
        update={
            "verdict": Verdict.NO_DATA,
            "reason": Reason.NOT_YET_EVALUATED,
            "message": compliant.message,
            "value": None,
            "gap": None,
            "samples": None,
            "last_evaluated": None,
        }
    )
    assert life.status.pending == before.pending
    never = expire(PolicyStatus(valid_until=life.now), 1, late)
    assert never.conditions[0].message == "last evaluated never; evaluating again"


@pytest.mark.parametrize("place", ["last_evaluated", "counted_slot", "blind_slot"])
def test_times_that_have_not_come_yet_are_forgotten(place: str) -> None:
    """A clock that was wrong, a status that was edited: the check is due at once, and counts."""
    life = History(policy(slo(), slo("b")))
    life.decide(autonomy_rate="ok", b="ok")
    check, other = life.status.checks
    ahead = check.model_copy(update={place: datetime(9999, 12, 31, tzinfo=UTC)})
    status = life.status.model_copy(update={"checks": (ahead, other)})
    assert believable(life.status, life.policy, life.now) is life.status
    within = check.model_copy(update={place: life.now + timedelta(seconds=5)})
    assert believable(
        life.status.model_copy(update={"checks": (within,)}), life.policy, life.now
    ).valid_until

    after = believable(status, life.policy, life.now)

    assert after.valid_until is None
    forgotten, kept = after.checks
    assert (forgotten.last_evaluated, forgotten.counted_slot, forgotten.blind_slot) == (None,) * 3
    assert (forgotten.verdict, forgotten.reason) == ("NoData", "NotYetEvaluated")
    assert kept == other
    life.status = after
    life.decide(autonomy_rate="violated", b="ok")
    assert [entry.transition for entry in life.told] == ["open"]
