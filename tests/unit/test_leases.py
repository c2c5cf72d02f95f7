"""What replicas make of a Lease: when it is over, and that epochs only rise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from governor.domain.leases import (
    FURTHEST,
    LEASE_SECONDS,
    RENEW_SECONDS,
    Lease,
    made_up,
    released,
    renewed,
    same_term,
    seen,
    taken,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
times = st.timedeltas(timedelta(days=-3000), timedelta(days=20_000)).map(lambda off: NOW + off)
epochs = st.integers(0, 3_000_000_000_000)


def lease(holder: str = "one", at: datetime = NOW) -> Lease:
    return Lease(holder=holder, acquired_at=at, renewed_at=at)


def test_a_lease_is_over_when_it_did_not_change_for_its_length() -> None:
    """On the clock of whoever watches; what stands in it does not count."""
    sighting = seen(None, "1", lease(at=NOW - timedelta(days=1)), now=100)

    assert not sighting.over(100 + LEASE_SECONDS)
    assert sighting.over(100 + LEASE_SECONDS + 0.001)


def test_a_version_that_was_seen_before_keeps_its_time() -> None:
    """Looking again does not make it younger; a new version does."""
    first = seen(None, "1", lease(), now=100)

    assert seen(first, "1", lease(), now=110) is first
    assert seen(first, "2", lease(), now=110).since == 110


def test_one_that_was_given_back_is_over_at_once() -> None:
    assert seen(None, "1", released(lease(), NOW), now=100).over(100)


def test_a_leader_stops_well_before_another_may_begin() -> None:
    assert RENEW_SECONDS + 5 <= LEASE_SECONDS


@given(now=times, before=times, highest=epochs)
def test_a_new_terms_epoch_is_above_all_that_were_seen(
    now: datetime, before: datetime, highest: int
) -> None:
    """Also where the wall clock is behind."""
    earlier = lease("one", before)
    later = taken(earlier, "two", now, highest_epoch=highest)

    assert later.epoch > earlier.epoch or made_up(earlier.epoch, now)
    assert later.epoch > highest
    assert later.transitions == earlier.transitions + 1
    assert not same_term(earlier, later)
    assert later.epoch >= round(now.timestamp() * 1000)


@given(now=times, later=times, highest=epochs)
def test_a_renewal_keeps_the_term_and_never_lowers_its_epoch(
    now: datetime, later: datetime, highest: int
) -> None:
    """It rises only where somebody wrote a higher one into a status."""
    first = taken(None, "one", now, highest_epoch=0)
    again = renewed(first, later, highest_epoch=highest)

    assert same_term(first, again)
    assert again.renewed_at == later
    assert again.epoch == first.epoch if highest <= first.epoch else again.epoch > highest


def test_the_first_lease_has_no_term_before_it() -> None:
    first = taken(None, "one", NOW, highest_epoch=0)

    assert (first.holder, first.transitions, first.renewed_at) == ("one", 0, NOW)


def test_an_epoch_that_no_clock_can_have_given_is_made_up() -> None:
    limit = round((NOW + FURTHEST).timestamp() * 1000)

    assert not made_up(limit, NOW)
    assert made_up(limit + 1, NOW)


@given(now=times, year=st.sampled_from([2090, 2300, 9999]))
def test_what_somebody_wrote_into_a_lease_stops_no_later_term(now: datetime, year: int) -> None:
    """Not even a time that none can be added to, nor a count that the API server refuses."""
    written = replace(lease(at=datetime(year, 12, 31, 23, 59, tzinfo=UTC)), transitions=2**31 - 1)
    later = taken(written, "two", now, highest_epoch=0)

    assert made_up(written.epoch, now)
    assert not made_up(later.epoch, now)
    assert later.transitions == 0


def test_a_count_of_terms_that_is_none_begins_anew() -> None:
    assert taken(replace(lease(), transitions=-7), "two", NOW, highest_epoch=0).transitions == 0
    assert taken(replace(lease(), transitions=6), "two", NOW, highest_epoch=0).transitions == 7
