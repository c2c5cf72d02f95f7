"""Liveness: what makes the operator alive and ready, on a clock of the test's own."""

from dataclasses import dataclass

import pytest

from governor.app.ports import ObjectKey
from governor.telemetry.health import Liveness

POLICIES, SOURCES = "governancepolicies", "governancesources"


@dataclass
class Clock:
    """Seconds that pass when the test says so."""

    seconds: float = 1000.0
    role: str = "leader"
    """What the replica is."""
    away: bool = False
    """Whether the API server answers nobody."""

    def __call__(self) -> float:
        """What time it is."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def liveness(clock: Clock) -> Liveness:
    """Two watched kinds, small limits."""
    return Liveness(
        kinds=(POLICIES, SOURCES),
        monotonic=clock,
        role=lambda: clock.role,
        away=lambda: clock.away,
        tick_limit=180,
        watch_limit=300,
    )


@pytest.fixture
def listed(liveness: Liveness) -> Liveness:
    """The same, with both kinds listed."""
    liveness.watch_activity(POLICIES)
    liveness.watch_activity(SOURCES)
    return liveness


def test_before_the_first_list_it_is_alive_but_not_ready(liveness: Liveness, clock: Clock) -> None:
    """However long it takes: with the CRDs missing a restart would not help."""
    liveness.watch_activity(POLICIES)
    clock.seconds += 250

    assert liveness.alive().ok
    assert not liveness.ready().ok
    assert liveness.ready().checks == {
        "policies": "none stands still",
        "ticks": "none expected: there are no policies",
        "watch governancepolicies": "last activity 250 s ago",
        "watch governancesources": "not listed yet",
    }


def test_once_everything_is_listed_it_is_ready(listed: Liveness) -> None:
    """Without policies no tick is needed for that."""
    assert listed.ready().ok
    assert listed.alive().ok


def test_a_silent_watch_fails_both(listed: Liveness, clock: Clock) -> None:
    """One kind is enough; the answer says which."""
    clock.seconds += 200
    listed.watch_activity(POLICIES)
    clock.seconds += 101

    assert not listed.alive().ok
    assert not listed.ready().ok
    assert listed.alive().checks["watch governancesources"] == (
        "last activity 301 s ago, more than 300 s"
    )
    assert listed.alive().checks["watch governancepolicies"] == "last activity 101 s ago"


def test_an_api_server_that_is_away_for_long_is_no_reason_for_a_restart(
    listed: Liveness, clock: Clock
) -> None:
    """Once it is back, the watches have their full time to hear again; no more."""
    clock.away = True
    clock.seconds += 1000
    assert listed.alive().ok
    assert listed.alive().checks["watch governancepolicies"] == "API server last away 0 s ago"
    assert not listed.ready().ok

    clock.away = False
    clock.seconds += 300
    assert listed.alive().ok
    listed.watch_activity(POLICIES)
    clock.seconds += 1

    assert not listed.alive().ok
    assert listed.alive().checks["watch governancesources"] == (
        "API server last away 301 s ago, more than 300 s"
    )
    assert listed.alive().checks["watch governancepolicies"] == "last activity 1 s ago"


def test_a_watch_that_speaks_again_heals(listed: Liveness, clock: Clock) -> None:
    """Nothing is remembered against it."""
    clock.seconds += 1000
    assert not listed.alive().ok

    listed.watch_activity(POLICIES)
    listed.watch_activity(SOURCES)

    assert listed.ready().ok


def test_missing_ticks_fail_both_while_there_are_policies(listed: Liveness, clock: Clock) -> None:
    """The limit counts from the last tick."""
    listed.policies(3)
    clock.seconds += 100
    listed.tick()
    clock.seconds += 180
    assert listed.alive().ok

    clock.seconds += 1

    assert not listed.alive().ok
    assert not listed.ready().ok
    assert listed.alive().checks["ticks"] == "last tick 181 s ago, more than 180 s"


def test_the_first_policy_starts_the_wait_for_ticks(listed: Liveness, clock: Clock) -> None:
    """Time without policies is not counted as missing ticks; a second one changes nothing."""
    clock.seconds += 299
    listed.policies(1)
    clock.seconds += 0.5
    assert listed.alive().ok

    listed.watch_activity(POLICIES)
    listed.watch_activity(SOURCES)
    listed.policies(2)
    clock.seconds += 180

    assert not listed.alive().ok


def test_the_last_policy_ends_the_wait_for_ticks(listed: Liveness, clock: Clock) -> None:
    """A cluster without policies is healthy."""
    listed.policies(1)
    clock.seconds += 250
    assert not listed.alive().ok

    listed.policies(0)

    assert listed.alive().ok


def test_a_removed_crd_makes_it_unready_not_dead(listed: Liveness, clock: Clock) -> None:
    """It waits for the CRD to return."""
    listed.watch_ended(POLICIES)
    clock.seconds += 10_000
    listed.watch_activity(SOURCES)

    assert listed.alive().ok
    assert not listed.ready().ok


def test_a_standby_is_ready_and_says_so(listed: Liveness, clock: Clock) -> None:
    """A rolling update need not wait until it leads."""
    clock.role = "standby"

    assert listed.ready().ok
    assert listed.ready().role == "standby"


def test_who_never_saw_the_lease_is_alive_but_not_ready(listed: Liveness, clock: Clock) -> None:
    """Without a right to it nobody would ever lead: a rolling update must stop there."""
    clock.role = "unknown"

    assert listed.alive().ok
    assert not listed.ready().ok
    assert listed.ready().checks["lease"] == "not seen yet"


def test_policies_that_nothing_moves_fail_both(listed: Liveness) -> None:
    """The answer names one of them; once they move, nothing is remembered."""
    listed.stuck([ObjectKey(uid=n, namespace="aiops", name=f"flywheel-{n}") for n in "12"])

    assert not listed.alive().ok
    assert not listed.ready().ok
    assert listed.alive().checks["policies"] == (
        "2 overdue and not to be woken, such as aiops/flywheel-1"
    )

    listed.stuck([])

    assert listed.ready().ok
