"""The log in the status: cleared, renamed, kept in bounds."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import History, blast, policy, slo

from governor.api.log import Entry, Target, Transition
from governor.api.status import FindingRef
from governor.domain import log
from governor.domain.identity import derives, finding_id
from governor.domain.plans import Feedback
from governor.values.outcomes import Measurement


def done(entry: Entry, *targets: Target) -> list[log.Delivered]:
    """These targets of an entry have been served."""
    return [log.Delivered(entry=entry.id, target=target) for target in targets]


def flapping(episodes: int, *names: str) -> History:
    """Checks that open and resolve a finding again and again, with nothing delivered."""
    life = History(policy(*(slo(name) for name in names)))
    for _ in range(episodes):
        for outcome in ("violated", "ok"):
            life.tick()
            life.decide(**dict.fromkeys(names, outcome))
    return life


def size(entries: tuple[Entry, ...]) -> int:
    """Bytes of a log."""
    return sum(log.size(entry) + 1 for entry in entries)


def test_success_removes_a_target_and_the_last_one_the_entry() -> None:
    """What is not told yet stays, in order."""
    life = History()
    life.slots("violated", "ok")
    opening, closing = life.status.pending

    told = log.clear((opening, closing), done(opening, Target.EVENT))
    assert [e.targets for e in told] == [(Target.SINK,), (Target.SINK, Target.EVENT)]
    assert log.clear(told, done(opening, Target.SINK)) == (closing,)
    assert log.clear((opening, closing), []) == (opening, closing)


def test_a_decision_takes_in_what_was_delivered() -> None:
    """The log in the next status is without it."""
    life = History()
    life.slots("violated")
    (entry,) = life.status.pending
    delivered = frozenset(done(entry, Target.SINK, Target.EVENT))
    life.tick(1)
    life.decide(Feedback(delivered=delivered))

    assert life.status.pending == ()


def test_an_adopted_finding_goes_by_the_sinks_id() -> None:
    """In the status and in every entry; the opening is in the sink already."""
    life = History()
    earlier = life.now - timedelta(days=1)
    life.slots("violated", "ok")
    opening, closing = life.status.pending
    event_type = opening.event_type
    theirs = FindingRef(
        id=finding_id(life.uid, event_type, "autonomy-rate", earlier),
        event_type=event_type,
        opened_at=earlier,
    )

    renamed = log.adopt((opening, closing), {opening.finding: theirs})

    assert [(e.transition, e.targets) for e in renamed] == [
        (Transition.OPEN, (Target.EVENT,)),
        (Transition.RESOLVE, (Target.SINK, Target.EVENT)),
    ]
    assert all(e.finding == theirs.id and derives(life.uid, e) for e in renamed)
    assert [e.decided_at for e in renamed] == [opening.decided_at, closing.decided_at]
    only_sink = opening.model_copy(update={"targets": (Target.SINK,)})
    assert log.adopt((only_sink,), {opening.finding: theirs}) == ()
    assert log.adopt((opening,), {uuid4(): theirs}) == (opening,)


def test_an_adopted_finding_never_ends_before_it_opened() -> None:
    """The sink's may be younger than what was decided of ours."""
    life = History()
    life.slots("violated", "ok")
    opening, closing = life.status.pending
    later = life.now + timedelta(seconds=1)
    theirs = FindingRef(
        id=finding_id(life.uid, opening.event_type, opening.check, later),
        event_type=opening.event_type,
        opened_at=later,
    )

    renamed = log.adopt((opening, closing), {opening.finding: theirs})

    assert {(e.opened_at, e.decided_at) for e in renamed} == {(later, later)}


def test_an_entry_is_as_large_as_its_json() -> None:
    """In the API's own names, and without what has its default."""
    life = History()
    life.slots("violated")
    (entry,) = life.status.pending
    sent = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
    del sent["lists"], sent["folded"]  # an SLO has no lists, and nothing was folded

    assert log.size(entry) == len(json.dumps(sent, separators=(",", ":")))


def test_entries_of_one_line_keep_their_order() -> None:
    """A line is a check and an event type: what the sink's index is about."""
    life = History(policy(slo(), blast()))
    life.decide(autonomy_rate="violated", blast="error")
    opening, blind = life.status.pending

    assert log.line(opening) == ("autonomy-rate", "slo_autonomy_rate_violation")
    assert log.line(blind) == ("blast", "")


def test_a_log_within_its_bound_is_left_alone() -> None:
    """Nothing folds that need not."""
    life = flapping(3, "a")
    assert log.bound(life.status.pending, size(life.status.pending)) == life.status.pending


def test_the_noisiest_check_folds_first() -> None:
    """Its two oldest closed episodes become one row: first opened, last resolved, worst value."""
    life = History(policy(slo("noisy"), slo("quiet")))
    for value in (0.5, 0.1, 0.6):
        life.tick()
        life.decide(noisy=Measurement(value=value), quiet="ok")
        life.tick()
        life.decide(noisy="ok", quiet="ok")
    life.tick()
    life.decide(noisy="ok", quiet="violated")
    before = life.status.pending

    after = log.bound(before, size(before) - 1)

    first, second = before[0], before[3]
    fold = after[0]
    assert (fold.finding, fold.folded, fold.targets) == (first.finding, 1, (Target.SINK,))
    assert (fold.opened_at, fold.decided_at) == (first.opened_at, second.decided_at)
    assert fold.transition is Transition.RESOLVE
    assert derives(life.uid, fold)
    assert after[1:] == before[4:]


@pytest.mark.parametrize(
    ("direction", "story", "worst"),
    [
        ("Above", (0.4, 0.9, 0.3, 0.8), 0.3),
        ("Above", (0.3, 0.9, 0.4, 0.8), 0.3),
        ("Below", (0.6, 0.1, 0.7, 0.2), 0.7),
        ("Below", (0.7, 0.1, 0.6, 0.2), 0.7),
    ],
)
def test_folding_keeps_the_worst_value(
    direction: str, story: tuple[float, ...], worst: float
) -> None:
    """The one that was furthest on the bad side, whichever episode it was in."""
    life = History(policy(slo(objective={"direction": direction, "redLine": 0.5})))
    life.slots(*(Measurement(value=value) for value in story))

    folded = log.bound(life.status.pending, size(life.status.pending) - 1)

    assert folded[0].value == worst
    assert f'"value":{worst}' in folded[0].impact


def test_findings_without_a_value_fold_too() -> None:
    """A self failure has no number that another could be worse than."""
    life = History(policy(selfFailure={"erroredChecks": 1}))
    life.slots("error", "ok", "error", "ok")
    of_policy = tuple(e for e in life.status.pending if e.event_type)

    (fold,) = log.bound(of_policy, size(of_policy) // 2)

    assert (fold.folded, fold.value) == (1, None)


def test_an_end_without_a_value_is_not_the_worst() -> None:
    """A check that was removed ended unmeasured; what opened its finding was worse."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a=Measurement(value=0.5), b="ok")
    life.turn(policy(slo("b")))
    life.slots("ok", check="b")
    life.turn(policy(slo("a"), slo("b")))
    life.slots(Measurement(value=0.6), "ok", check="a")
    opening, end, *later = life.status.pending
    told_unmeasured = end.model_copy(update={"objective": opening.objective})

    for unmeasured in (end, told_unmeasured):
        pending = (opening, unmeasured, *later)
        (fold,) = log.bound(pending, size(pending) - 1)
        assert (fold.folded, fold.value, fold.gap) == (1, 0.5, 0.2)


def test_a_row_that_stands_for_several_folds_into_another() -> None:
    """Every episode is counted once."""
    pending = flapping(3, "a").status.pending
    folded = log.bound(pending[2:], size(pending[2:]) - 1)

    (fold,) = log.bound((*pending[:2], *folded), size((*pending[:2], *folded)) - 1)

    assert fold.folded == 2


def test_what_lies_between_folded_episodes_stays() -> None:
    """Another check's entries keep their places."""
    life = History(policy(slo("noisy"), slo("quiet")))
    for noisy, quiet in (("violated", "ok"), ("ok", "violated"), ("violated", "ok"), ("ok", "ok")):
        life.tick()
        life.decide(noisy=noisy, quiet=quiet)
    pending = life.status.pending

    fold, *others = log.bound(pending, size(pending) - 1)

    assert (fold.check, fold.folded) == ("noisy", 1)
    assert others == [e for e in pending if e.check == "quiet"]


def test_the_opening_of_a_closed_episode_is_not_dropped() -> None:
    """Nothing would bring it back: the hourly upsert knows open findings only."""
    life = History(policy(slo("a"), slo("b")))
    for a, b in (("violated", "ok"), ("ok", "violated")):
        life.tick()
        life.decide(a=a, b=b)
    opening, end, still_open = life.status.pending

    assert log.bound((opening, end, still_open), size((opening, end))) == (opening, end)


def test_an_episode_that_the_sink_has_begun_is_not_folded_away() -> None:
    """Its row is open there: it can take others in, but its own end must arrive."""
    life = flapping(2, "a")
    first, first_end, second, second_end = life.status.pending
    # The second's opening was delivered; the first's was not.
    pending = (first, first_end, second.model_copy(update={"targets": (Target.EVENT,)}), second_end)

    after = log.bound(pending, size(pending) - 1)

    assert second_end in after


def test_an_open_finding_is_never_folded_and_its_opening_goes_last() -> None:
    """The hourly upsert brings the rows of openings that had no room."""
    names = [f"check-{n}" for n in range(8)]
    life = History(policy(*(slo(name) for name in names)))
    life.decide(**{name.replace("-", "_"): "violated" for name in names})
    pending = life.status.pending

    after = log.bound(pending, size(pending) // 2)

    assert 0 < len(after) < len(pending)
    assert set(after) <= set(pending)
    assert size(after) <= size(pending) // 2
    assert len([c for c in life.status.checks if c.finding]) == 8


@given(st.integers(1, 11), st.integers(1_000, 16_000))
def test_the_bound_holds_and_loses_no_episode(episodes: int, limit: int) -> None:
    """Every closed episode is a row or counted in one."""
    life = flapping(episodes, "a")
    assert sum(entry.folded for entry in life.status.pending) == 0

    after = log.bound(life.status.pending, limit)

    assert size(after) <= max(limit, 2_000)
    told = sum(1 + e.folded for e in after if e.transition is Transition.RESOLVE)
    assert told == episodes
    assert all(derives(life.uid, entry) for entry in after)


def test_the_log_of_a_long_outage_stays_within_its_bound() -> None:
    """Twice as many episodes as there is room for, while nothing can be delivered."""
    life = flapping(32, "a")

    assert size(life.status.pending) <= log.LIMIT_BYTES
    told = sum(1 + e.folded for e in life.status.pending if e.transition is Transition.RESOLVE)
    assert told == 32


def test_what_was_only_decided_now_is_not_dropped() -> None:
    """32 findings at once: each has its chance to be told, whatever the bound says."""
    names = [f"check-{n:02}" for n in range(32)]
    life = History(policy(*(slo(name) for name in names)))
    life.decide(**{name.replace("-", "_"): "violated" for name in names})

    assert size(life.status.pending) > log.LIMIT_BYTES
    assert [entry.check for entry in life.status.pending] == names

    life.tick(log.CHANCE.total_seconds())
    life.decide(**{name.replace("-", "_"): "violated" for name in names})
    assert size(life.status.pending) <= log.LIMIT_BYTES


def with_lists(entry: Entry, lists: str) -> Entry:
    """An entry with lists of its own."""
    return entry.model_copy(update={"lists": lists})


def test_lists_go_before_entries_do() -> None:
    """The longest first; how long they were stays."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a="violated", b="violated")
    short, long = life.status.pending
    pending = (
        with_lists(short, '{"ids":["x"]}'),
        with_lists(long, '{"ids":["xxxx","yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"],"ids_omitted":3}'),
    )

    after = log.bound(pending, size(pending) - 1)

    assert [entry.lists for entry in after] == ['{"ids":["x"]}', '{"ids":[],"ids_omitted":5}']


@pytest.mark.parametrize("forged", ["nonsense", "[1]", "7"])
def test_lists_that_nobody_can_read_go_too(forged: str) -> None:
    """A status can be edited; a decision must not fail of it."""
    life = History()
    life.slots("violated")
    pending = (with_lists(life.status.pending[0], forged),)

    (after,) = log.bound(pending, size(pending) - 1)

    assert after.lists == "{}"


def test_at_twice_the_limit_what_is_new_loses_its_lists() -> None:
    """And only them."""
    life = History()
    life.slots("violated")
    pending = (with_lists(life.status.pending[0], '{"ids":["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]}'),)
    fresh = {pending[0].id}

    kept = log.bound(pending, size(pending) // 2 + 1, fresh=fresh)
    cut = log.bound(pending, size(pending) // 2 - 10, fresh=fresh)

    assert kept == pending
    assert [entry.lists for entry in cut] == ['{"ids":[],"ids_omitted":1}']
    assert len(log.bound(pending, 1, fresh=fresh)) == 1
