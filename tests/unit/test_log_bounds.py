"""The log stays in its bounds whoever is down; what was chosen or done never leaves it untold."""

import json
from datetime import timedelta

import pytest
from tests.support.builders import drift, drifted, policy, slo
from tests.support.deciding import CHAT, Told, mute, notify

from governor.api.log import Entry, Target, Transition, channel_target
from governor.domain import log
from governor.domain.identity import derives
from governor.domain.log import Delivered
from governor.domain.plans import Feedback
from governor.domain.remediating import outcome_of
from governor.domain.remediations import RemediationOutcome
from governor.values.outcomes import Fault, Measurement
from governor.values.reasons import Reason

CHAT_TARGET = channel_target("chat")


def size(entries: tuple[Entry, ...]) -> int:
    """Bytes of a log."""
    return sum(log.size(entry) + 1 for entry in entries)


def flapping(rounds: int, *down: str) -> Told:
    """A check that opens and resolves a finding again and again, while some are down."""
    told = Told(policy(slo(), notify=notify()), chat=CHAT)
    told.down |= set(down)
    for _ in range(rounds):
        told.slots("violated", "ok")
    return told


@pytest.mark.parametrize(
    "down",
    [
        (CHAT_TARGET,),
        ("event",),
        ("event", CHAT_TARGET),
        ("sink",),
        ("sink", "event", CHAT_TARGET),
    ],
    ids="+".join,
)
def test_whoever_is_down_the_log_stays_in_its_bounds(down: tuple[str, ...]) -> None:
    """And the sink loses no episode."""
    told = flapping(60, *down)

    assert size(told.status.pending) <= log.LIMIT_BYTES
    told.down.clear()
    told.decide()
    stored = [e for e in told.to("sink") if e.transition is Transition.RESOLVE]
    assert sum(1 + e.folded for e in stored) == 60
    assert all(derives(told.uid, entry) for entry in told.status.pending)


def test_the_oldest_that_has_ended_goes_first() -> None:
    """Whole: an end without its beginning would puzzle. What is still open stays."""
    told = Told(policy(slo("open"), slo("ended"), notify=notify()), chat=CHAT)
    told.down |= {CHAT_TARGET}
    for outcome in ("ok", "violated", "ok", "violated", "ok"):
        told.tick()
        told.decide(open="violated", ended=outcome)
    told.decide()
    still, first, first_end, second, second_end = told.status.pending
    assert still.check == "open"

    after = log.bound(told.status.pending, size(told.status.pending) - 1)
    assert after == (still, second, second_end)
    after = log.bound(after, size(after) - 1)
    assert after == (still,)
    assert log.bound(after, 1) == ()
    assert log.bound(after, 1, fresh={still.id}) == after
    assert {first.finding, first_end.finding} == {first.finding}


def test_what_belongs_to_no_finding_goes_one_by_one() -> None:
    """That a check turned blind, and that it can be measured again."""
    told = Told(policy(slo()))
    told.down |= {"event"}
    told.slots("error", "ok", "error", "ok")
    pending = told.status.pending

    assert [e.transition for e in pending] == ["blind", "measurable"] * 2
    assert log.bound(pending, size(pending) - 1) == pending[1:]


def test_rows_of_mutes_fold_into_one() -> None:
    """Each has a line of its own: an outage would else keep them all."""
    told = Told(policy(slo()))
    told.down |= {"sink"}
    for number in range(60):
        told.surround(mutes=(mute(f"m{number}", created=told.now, ends=timedelta(minutes=2)),))
        told.slots("ok")

    assert size(told.status.pending) <= log.LIMIT_BYTES
    ended = [e for e in told.status.pending if e.transition is Transition.RESOLVE]
    assert sum(1 + e.folded for e in ended) == 59
    assert all(derives(told.uid, entry) for entry in told.status.pending)


def remediated() -> tuple[Told, Entry]:
    """A choice of playbooks, and a log that is full of other things."""
    told = Told(policy(drift(), slo(), notify=notify(), enforcement="Enforce"), chat=CHAT)
    told.surround(remediation={"platform": None})
    told.down |= {"sink", "event", CHAT_TARGET}
    told.decide(drift=drifted(*(f"playbook-{n}" for n in range(20))), autonomy_rate="ok")
    return told, next(e for e in told.told if e.transition is Transition.REMEDIATE)


@pytest.mark.parametrize("limit", [1, 100, 1_000, 10_000])
def test_a_choice_and_its_outcome_are_never_dropped(limit: int) -> None:
    """Nor are their lists, nor their findings folded away: they stand nowhere else."""
    told, choice = remediated()
    told.tick()
    told.decide(drift=Measurement(value=0.0, samples=100), autonomy_rate="violated")
    for _ in range(3):
        told.slots("ok", "violated")
    assert choice in log.bound(told.status.pending, limit)

    ids = tuple(f"playbook-{n}" for n in range(20))
    told.decide(
        Feedback(
            delivered=frozenset({Delivered(entry=choice.id, target=Target.REMEDIATION)}),
            remediated={choice.id: RemediationOutcome(changed=ids, at=told.now)},
        )
    )
    for fresh in (set(), {e.id for e in told.status.pending}):
        after = log.bound(told.status.pending, limit, fresh=fresh)
        (outcome,) = [e for e in after if e.transition is Transition.REMEDIATED]
        assert outcome_of(outcome).changed == ids


def test_nothing_piles_up_while_nobody_can_be_told_of_remediations() -> None:
    """There is one choice, or its outcome, at a time."""
    told, choice = remediated()
    for number in range(50):
        outcome = RemediationOutcome(changed=(f"playbook-{number}",), at=told.now)
        choices = [e for e in told.status.pending if e.transition is Transition.REMEDIATE]
        feedback = Feedback(
            delivered=frozenset(Delivered(entry=c.id, target=Target.REMEDIATION) for c in choices),
            remediated={c.id: outcome for c in choices},
        )
        told.tick()
        told.decide(feedback, drift=drifted(*(f"next-{n}" for n in range(20))))

    bound_to = [e for e in told.status.pending if e.transition in log.BINDING]
    assert [e.finding for e in bound_to] == [choice.finding]
    assert size(told.status.pending) <= log.LIMIT_BYTES


def test_choices_of_many_checks_share_their_room() -> None:
    """32 checks choose at once, each as much as it likes."""
    checks = [drift(f"c{n:02}") for n in range(32)]
    told = Told(policy(*checks, enforcement="Enforce"))
    told.surround(remediation={"platform": None})
    long = drifted(*(f"{n:03}" + "x" * 150 for n in range(20)))
    for _ in range(3):
        told.tick()
        told.decide(**{check["name"]: long for check in checks})

    chosen = [e for e in told.status.pending if e.transition is Transition.REMEDIATE]
    assert sum(len(e.lists.encode()) for e in chosen) < 4096
    assert chosen


@pytest.mark.parametrize(
    ("rest", "room"),
    [
        (0, log.LIMIT_BYTES),
        (log.STATUS_BYTES - log.LIMIT_BYTES, log.LIMIT_BYTES),
        (log.STATUS_BYTES - 10_000, 10_000),
        (log.STATUS_BYTES, log.LEAST_BYTES),
        (10**6, log.LEAST_BYTES),
    ],
)
def test_the_log_has_the_room_that_the_status_leaves(rest: int, room: int) -> None:
    """Never less than a little, never more than its own limit."""
    assert log.room(rest) == room


def test_a_full_status_leaves_its_log_less_room() -> None:
    """32 checks with long messages: together they stay below what the API server takes."""
    names = [f"check-{n:02}" for n in range(32)]
    fault = Fault(reason=Reason.UNREACHABLE, message="x" * 800)
    told = Told(policy(*(slo(name) for name in names)))
    told.down |= {"sink", "event"}
    for outcome in ("violated", "ok", "violated", "ok", fault, fault):
        told.tick()
        told.decide(**{name.replace("-", "_"): outcome for name in names})
    told.decide()

    data = told.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert len(json.dumps(data, separators=(",", ":")).encode()) <= 64 * 1024


def test_a_flood_has_a_chance_to_be_told() -> None:
    """32 openings at once outlast the decisions of two minutes; then the bound holds again."""
    names = [f"slo-{each:02}" for each in range(32)]
    told = Told(policy(*(slo(name) for name in names), notify=notify()), chat=CHAT)
    told.down |= {Target.SINK, Target.EVENT, CHAT_TARGET}
    told.decide(**dict.fromkeys((name.replace("-", "_") for name in names), "violated"))

    for _ in range(3):
        told.tick(30)
        told.decide()
        assert len(told.status.pending) == len(names)
    told.tick(60)
    told.decide()

    assert size(told.status.pending) <= log.LIMIT_BYTES
