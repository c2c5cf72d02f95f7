"""What is overdue: slots that nothing stands for, and what is no reason to worry."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, UID, policy, slo

from governor.api.status import CheckStatus, PolicyStatus
from governor.domain.overdue import (
    FAILURE_EXCUSES,
    MEASURING_LIMIT,
    Standing,
    calm_for,
    excused,
    waiting_since,
)
from governor.domain.policies import Policy
from governor.domain.schedules import next_slot
from governor.values.reasons import Reason, Verdict

LONG_AGO = NOON - timedelta(days=1)


def seconds(number: float) -> timedelta:
    """So many."""
    return timedelta(seconds=number)


def evaluated(policy: Policy, **ago: float) -> PolicyStatus:
    """The status of a policy whose checks were evaluated so many seconds before noon."""
    digests = {check.name: check.digest for check in policy.checks}
    return PolicyStatus(
        checks=tuple(
            CheckStatus(
                name=name,
                verdict=Verdict.OK,
                reason=Reason.MET,
                digest=digests[name],
                last_evaluated=NOON - seconds(before),
            )
            for name, before in ago.items()
        )
    )


def standing(policy: Policy | None, status: PolicyStatus, **other: Any) -> Standing:
    """One that runs since yesterday, measures nothing and did not fail."""
    given = {"since": LONG_AGO, "under_way": {}, "failed_at": None, "queued": False} | other
    return Standing(uid=UID, policy=policy, status=status, **given)


MINUTELY = policy(slo("a", interval="60s"))


def test_two_ticks_may_pass() -> None:
    """Counted from the slot, not from the last run."""
    slot = next_slot(UID, 60, NOON - seconds(300))
    status = evaluated(MINUTELY, a=300)

    assert waiting_since(standing(MINUTELY, status), slot + seconds(120)) is None
    assert waiting_since(standing(MINUTELY, status), slot + seconds(120.001)) == slot


def test_the_tick_is_the_policys() -> None:
    """The longest one that divides all intervals: 5 s for 60 s and 25 s."""
    both = policy(slo("a", interval="60s"), slo("b", interval="25s"))
    slot = next_slot(UID, 60, NOON - seconds(100))
    status = evaluated(both, a=100, b=0)

    assert waiting_since(standing(both, status), slot + seconds(10)) is None
    assert waiting_since(standing(both, status), slot + seconds(11)) == slot


def test_the_slot_that_waits_longest_is_told() -> None:
    """Of all checks."""
    both = policy(slo("a", interval="60s"), slo("b", interval="60s"))
    status = evaluated(both, a=400, b=900)

    assert waiting_since(standing(both, status), NOON) == next_slot(UID, 60, NOON - seconds(900))


def test_what_was_evaluated_lately_waits_for_its_slot() -> None:
    """An hour may pass between slots."""
    hourly = policy(slo("a", interval="1h"))
    slot = next_slot(UID, 3600, NOON)
    status = evaluated(hourly, a=0)

    assert waiting_since(standing(hourly, status), slot + seconds(120)) is None
    assert waiting_since(standing(hourly, status), slot + seconds(121)) == slot


def test_delays_before_this_process_are_not_its_own() -> None:
    """At a start, after a takeover, and for a new generation: two ticks from then on."""
    status, since = evaluated(MINUTELY, a=7200), NOON - seconds(60)

    assert waiting_since(standing(MINUTELY, status, since=since), NOON + seconds(60)) is None
    assert waiting_since(standing(MINUTELY, status, since=since), NOON + seconds(61)) == since


def test_a_check_that_was_never_evaluated_waits_from_the_start() -> None:
    """Also one whose spec changed: what stands there is of another check."""
    nothing = PolicyStatus()
    other = evaluated(policy(slo("a", interval="1h")), a=1)

    for status in (nothing, other):
        assert waiting_since(standing(MINUTELY, status, since=NOON), NOON + seconds(121)) == NOON


@pytest.mark.parametrize("nobody", [None, policy(slo("a"), suspend=True)])
def test_what_can_not_be_evaluated_is_not_overdue(nobody: Policy | None) -> None:
    """A suspended policy, and one that can't be understood."""
    assert waiting_since(standing(nobody, PolicyStatus()), NOON) is None


def test_a_measurement_may_take_its_time() -> None:
    """As long as any source can take, and no longer."""
    status, begun = evaluated(MINUTELY, a=3600), {"a": NOON}

    late = standing(MINUTELY, status, under_way=begun)
    assert waiting_since(late, NOON + MEASURING_LIMIT - seconds(1)) is None
    assert waiting_since(late, NOON + MEASURING_LIMIT) is not None


def test_a_slow_check_excuses_no_other() -> None:
    """Only itself."""
    both = policy(slo("a", interval="60s"), slo("b", interval="60s"))
    status = evaluated(both, a=900, b=400)

    late = standing(both, status, under_way={"a": NOON - seconds(30)})
    assert waiting_since(late, NOON) == next_slot(UID, 60, NOON - seconds(400))


def test_a_clock_that_was_set_back_makes_nothing_overdue() -> None:
    """What was evaluated in the future waits for its slot then."""
    assert waiting_since(standing(MINUTELY, evaluated(MINUTELY, a=-7200)), NOON) is None


def test_a_turn_that_failed_excuses_for_a_while() -> None:
    """It said why; if nothing is tried any more, that is another matter."""
    failed = standing(MINUTELY, PolicyStatus(), failed_at=NOON)

    assert excused(failed, NOON + FAILURE_EXCUSES - seconds(1))
    assert not excused(failed, NOON + FAILURE_EXCUSES)
    assert not excused(standing(MINUTELY, PolicyStatus()), NOON)


def test_one_that_waits_for_others_to_begin_is_excused() -> None:
    """However long that takes: it stands behind them, not still."""
    assert excused(standing(MINUTELY, PolicyStatus(), queued=True), NOON)


@given(
    interval=st.sampled_from([5, 10, 25, 60, 120, 3600]),
    ago=st.integers(0, 20_000),
    since=st.integers(0, 20_000),
)
def test_what_is_overdue_has_waited_for_two_ticks_in_our_time(
    interval: int, ago: int, since: int
) -> None:
    """Whatever the schedule."""
    checked = policy(slo("a", interval=f"{interval}s"))
    late = standing(checked, evaluated(checked, a=ago), since=NOON - seconds(since))

    slot = waiting_since(late, NOON)

    if slot is not None:
        assert NOON - slot > seconds(2 * 5)
        assert slot >= late.since
        assert slot > NOON - seconds(ago)
    else:
        assert min(ago, since) <= interval + 120


@given(
    minutely=st.floats(0, 400),
    hourly=st.floats(0, 8000),
    since=st.floats(0, 8000),
    later=st.floats(0, 1),
)
def test_who_is_calm_is_not_overdue_though_nothing_is_done(
    minutely: float, hourly: float, since: float, later: float
) -> None:
    """So it need not be looked at meanwhile; and not for longer than two ticks."""
    both = policy(slo("a", interval="60s"), slo("b", interval="1h"))
    found = standing(both, evaluated(both, a=minutely, b=hourly), since=NOON - seconds(since))
    if waiting_since(found, NOON) is not None:
        return

    calm = calm_for(found, NOON)

    assert timedelta(0) <= calm <= seconds(120)
    assert waiting_since(found, NOON + later * calm) is None


def test_one_that_was_just_evaluated_is_calm_for_two_ticks() -> None:
    """Thousands are looked at every ten seconds: few of them need to be."""
    found = standing(MINUTELY, evaluated(MINUTELY, a=0))

    assert calm_for(found, NOON) == seconds(120)


@pytest.mark.parametrize("nobody", [None, policy(slo("a"), suspend=True)])
def test_what_has_no_slots_is_looked_at_again(nobody: Policy | None) -> None:
    """It may have some later."""
    assert timedelta(0) < calm_for(standing(nobody, PolicyStatus()), NOON) <= seconds(120)
