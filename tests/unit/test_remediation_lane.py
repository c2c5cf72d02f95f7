"""What was chosen is deprecated once, if it is still wanted, and what came of it is told truly."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, slo
from tests.support.remediation import ENTRY, IDS, OTHER_ENTRY, Desk, drift, entry

from governor.api.log import Entry, Target, Transition
from governor.domain.log import Delivered
from governor.domain.remediations import RemediationOutcome, chosen
from governor.errors import UnavailableError
from governor.values.outcomes import FaultError, UnconfirmedError
from governor.values.reasons import Reason

DOWN = FaultError(Reason.UNREACHABLE, "connection refused")
LOST = UnconfirmedError(Reason.UNREACHABLE, "the connection was lost")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def done(desk: Desk, what: Entry) -> bool:
    """Whether the next decision takes the entry out of the log."""
    return Delivered(entry=what.id, target=Target.REMEDIATION) in desk.office.learned.delivered


async def test_what_was_chosen_is_deprecated_and_learned(desk: Desk) -> None:
    """By the check's own probe, as of the decision; the rest is named as not changed."""
    desk.platform.low = {"pb-1", "pb-3"}
    desk.clock.forward(5)

    outcome = await desk.work(entry())

    assert outcome == RemediationOutcome(
        changed=("pb-1", "pb-3"), not_changed=("pb-2",), at=desk.clock.now()
    )
    assert desk.platform.asked == [("aiops", desk.specs[1].checks[0].probe, IDS, NOON)]
    assert done(desk, entry())
    assert desk.learned_calls == 1
    assert not desk.lane.waiting


async def test_what_somebody_else_has_deprecated_is_not_changed(desk: Desk) -> None:
    """Nobody of us has tried before: it can't have been us."""
    desk.platform.status["pb-2"] = "deprecated"

    outcome = await desk.work(entry())

    assert outcome is not None
    assert (outcome.changed, outcome.not_changed, outcome.unconfirmed) == (
        ("pb-1", "pb-3"),
        ("pb-2",),
        (),
    )


async def test_killed_before_the_update_another_process_deprecates(desk: Desk) -> None:
    """Nothing was found deprecated, so nothing is unconfirmed."""
    desk.restart(entry())

    outcome = await desk.work(entry())

    assert outcome is not None
    assert (outcome.changed, outcome.unconfirmed) == (IDS, ())
    assert desk.platform.touched == list(IDS)


async def test_killed_after_the_update_it_is_unconfirmed(desk: Desk) -> None:
    """The next process finds them deprecated, touches none, and says what it can't know."""
    desk.platform.low = {"pb-1", "pb-2"}
    desk.platform.after = [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        await desk.work(entry())
    desk.restart(entry())

    outcome = await desk.work(entry())

    assert outcome is not None
    assert (outcome.changed, outcome.not_changed, outcome.unconfirmed) == (
        (),
        ("pb-3",),
        ("pb-1", "pb-2"),
    )
    assert desk.platform.touched == ["pb-1", "pb-2"]


@pytest.mark.parametrize("lost", [LOST, RuntimeError("a bug")])
async def test_a_lost_answer_is_unconfirmed_too(desk: Desk, lost: Exception) -> None:
    """In the same process, also where a refusal came in between, or the entry another id."""
    desk.platform.after = [lost]
    assert await desk.work(entry()) is None
    assert not done(desk, entry())
    desk.platform.before = [DOWN]
    assert await desk.work(entry()) is None

    outcome = await desk.work(entry(id=OTHER_ENTRY))

    assert outcome is not None
    assert (outcome.changed, outcome.unconfirmed) == ((), IDS)
    assert desk.platform.touched == list(IDS)


async def test_after_a_refusal_nothing_is_in_doubt(desk: Desk) -> None:
    """The server was not reached: who deprecated one meanwhile was somebody else."""
    desk.platform.before = [DOWN]
    assert await desk.work(entry()) is None
    assert desk.telemetry.deliveries == [("remediation", "retried")]
    desk.platform.status["pb-1"] = "deprecated"

    outcome = await desk.work(entry())

    assert outcome is not None
    assert (outcome.changed, outcome.not_changed) == (("pb-2", "pb-3"), ("pb-1",))
    assert outcome.unconfirmed == ()


@pytest.mark.parametrize("earlier", [False, True], ids=["fresh", "inherited"])
@pytest.mark.parametrize(
    ("checks", "overrides", "why"),
    [
        ((), {"enforcement": "Audit"}, "enforcement is Audit"),
        ((), {"enforcement": None}, "enforcement is Audit"),
        ((), {"suspend": True}, "the policy is suspended"),
        ((slo(),), {}, "the check is removed, or of another kind"),
        ((slo("drift"),), {}, "the check is removed, or of another kind"),
        ((drift(minimumTrust=0.3),), {}, "the check has changed since"),
        ((drift(deprecateUnusedAfter="31d"),), {}, "the check has changed since"),
        ((drift(sourceRef={"name": "other"}),), {}, "the check has changed since"),
        ((), {"interval": "1 fortnight"}, "the policy can't be understood any more"),
    ],
    ids=str,
)
async def test_what_the_policy_no_longer_wants_is_cancelled(
    desk: Desk,
    checks: tuple[dict[str, Any], ...],
    overrides: dict[str, Any],
    why: str,
    earlier: bool,
) -> None:
    """Nothing is changed; what an earlier process may have changed is not denied."""
    if earlier:
        desk.restart(entry())
    desk.change(*checks, **overrides)

    outcome = await desk.work(entry())

    kept = {"unconfirmed" if earlier else "not_changed": IDS}
    assert outcome == RemediationOutcome(cancelled=why, at=desk.clock.now(), **kept)  # type: ignore[arg-type] - by name
    assert desk.platform.asked == []
    assert done(desk, entry())


async def test_muted_meanwhile_is_cancelled(desk: Desk) -> None:
    """Whoever muted the check wants nothing to be done for it."""
    desk.muted = {"drift"}

    outcome = await desk.work(entry())

    assert outcome is not None
    assert outcome.cancelled == "the check is muted"
    assert desk.platform.asked == []


async def test_before_mutes_are_listed_nothing_is_done(desk: Desk) -> None:
    """What forbids it may not be known yet: it waits."""
    desk.muted = None
    assert await desk.work(entry()) is None
    assert desk.platform.asked == []

    desk.muted = set()

    assert await desk.work(entry()) is not None
    assert desk.platform.touched == list(IDS)


async def test_access_that_was_withdrawn_cancels(desk: Desk) -> None:
    """In the words of whoever refused it."""
    desk.refusal = "an administrator can add it"

    outcome = await desk.work(entry())

    assert outcome is not None
    assert outcome.cancelled == "aiops platform: an administrator can add it"
    assert desk.platform.asked == []


async def test_a_policy_that_is_being_deleted_cancels(desk: Desk) -> None:
    """Somebody else's finalizer may keep it for long."""
    desk.store.mark_deleted(desk.key)

    outcome = await desk.work(entry())

    assert outcome is not None
    assert outcome.cancelled == "the policy is being deleted"
    assert desk.platform.asked == []


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another of its name"])
async def test_of_a_policy_that_is_gone_nothing_is_done(desk: Desk, again: bool) -> None:
    """Nor of another one that has its name now."""
    desk.store.delete(desk.key)
    if again:
        desk.store.create("aiops", "flywheel", {})

    assert await desk.work(entry()) is None
    assert desk.platform.asked == []
    assert done(desk, entry())
    assert desk.telemetry.deliveries == [("remediation", "rejected")]


async def test_without_a_live_answer_nothing_is_done(desk: Desk) -> None:
    """The cache is not enough: it waits for the API server."""
    desk.store.fail(UnavailableError("no answer"))
    assert await desk.work(entry()) is None
    assert desk.platform.asked == []

    outcome = await desk.work(entry())

    assert outcome is not None
    assert outcome.changed == IDS


async def test_a_change_of_something_else_does_not_matter(desk: Desk) -> None:
    """The check is as it was judged: what was chosen is carried out."""
    desk.change(drift(), slo(), interval="5m")

    outcome = await desk.work(entry())

    assert outcome is not None
    assert outcome.changed == IDS


async def test_where_nobody_knows_what_was_judged_it_is_cancelled(desk: Desk) -> None:
    """As after a restart in which the spec has changed: the next run chooses anew."""
    desk.change(drift(), slo())
    desk.specs.clear()

    outcome = await desk.work(entry())

    assert outcome is not None
    assert outcome.cancelled == "the check has changed since"
    assert desk.platform.asked == []


async def test_an_outcome_is_not_made_twice(desk: Desk) -> None:
    """An entry that comes back, under another id even, is only told again."""
    first = await desk.work(entry())
    desk.decided()
    desk.clock.forward(60)
    desk.platform.status = dict.fromkeys(IDS, "approved")

    assert await desk.work(entry()) == first
    assert await desk.work(entry(id=OTHER_ENTRY)) == first
    assert len(desk.platform.asked) == 1


async def test_a_later_choice_is_another(desk: Desk) -> None:
    """Of the same check: what was in doubt of the first is none of its business."""
    assert await desk.work(entry(["pb-1"])) is not None
    desk.decided()
    desk.clock.forward(60)

    later = entry(["pb-1", "pb-2"], id=OTHER_ENTRY, decided_at=desk.clock.now())
    outcome = await desk.work(later)

    assert outcome is not None
    assert (outcome.changed, outcome.not_changed) == (("pb-2",), ("pb-1",))


@pytest.mark.parametrize("lists", ["{}", '{"ids":[],"ids_omitted":3}', "[]", "nonsense"])
async def test_a_choice_without_ids_deprecates_nothing(desk: Desk, lists: str) -> None:
    """The log may have had to let go of them."""
    outcome = await desk.work(entry(lists=lists))

    assert outcome is not None
    assert outcome.cancelled == "the log had no room for the playbooks' ids"
    assert desk.platform.asked == []


async def test_only_a_choice_is_carried_out(desk: Desk) -> None:
    """Whoever aims another entry at the platform gets nothing done."""
    assert await desk.work(entry(transition=Transition.OPEN)) is None
    assert desk.platform.asked == []
    assert done(desk, entry())


async def test_entries_of_other_targets_are_none_of_its_business(desk: Desk) -> None:
    """The lane owes only what is aimed at it."""
    assert await desk.work(entry(targets=(Target.SINK,))) is None
    assert desk.platform.asked == []
    assert ENTRY not in {each.entry for each in desk.office.learned.delivered}


@given(st.lists(st.text()))
def test_ids_are_read_back_as_they_were_written(ids: list[str]) -> None:
    """Whatever they look like; each once."""
    assert chosen(entry(ids).lists) == tuple(dict.fromkeys(ids))


@pytest.mark.parametrize("lists", ['{"ids":"pb-1"}', '{"ids":[1]}', '{"ids":null}', "", "7"])
def test_lists_of_another_hand_choose_nothing(lists: str) -> None:
    """Half-understood ids must never reach an UPDATE."""
    assert chosen(lists) == ()
