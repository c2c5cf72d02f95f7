"""One replica leads: through crashes, partitions, lost answers and hands that meddle."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.replicas import Replica
from tests.support.virtual_time import MIDNIGHT, in_virtual_time

from governor.adapters.memory.lease_store import InMemoryLeaseStore
from governor.domain.leases import LEASE_SECONDS, LOOK_SECONDS, RENEW_SECONDS, RETRY_SECONDS
from governor.errors import NotLeadingError, StoreError


async def until(seconds: float) -> None:
    """Waits for a time of the loop."""
    await asyncio.sleep(seconds - asyncio.get_running_loop().time())


async def leader_and_standby() -> tuple[InMemoryLeaseStore, Replica, Replica]:
    """The first has led for a second when the other comes."""
    store = InMemoryLeaseStore()
    one = Replica("one", store)
    await until(1)
    return store, one, Replica("two", store)


async def ended(*replicas: Replica) -> None:
    """They are told to stop, and do."""
    for each in replicas:
        each.stop.set()
    await asyncio.gather(*(each.task for each in replicas), return_exceptions=True)


@in_virtual_time
async def test_the_first_leads_and_the_other_stands_by() -> None:
    """For as long as it renews."""
    _, one, two = await leader_and_standby()
    await until(300)

    assert one.leadership.role == "leader"
    assert two.leadership.role == "standby"
    assert two.leadership.holder == "one"
    assert not two.acts
    assert one.telemetry.leading == [True]
    await ended(one, two)


@in_virtual_time
async def test_before_the_first_look_nobody_knows_what_it_is() -> None:
    """And it may not act."""
    replica = Replica("one", InMemoryLeaseStore())

    assert replica.leadership.role == "unknown"
    with pytest.raises(NotLeadingError):
        replica.leadership.require()
    await ended(replica)


@in_virtual_time
async def test_after_a_crash_another_takes_over_once_the_lease_is_over() -> None:
    """Not sooner, and not much later."""
    _, one, two = await leader_and_standby()
    await until(60)
    epoch = one.leadership.epoch
    await one.kill()
    await until(90)

    last, first = one.acts[-1], two.acts[0]
    assert LEASE_SECONDS - RETRY_SECONDS <= first - last <= LEASE_SECONDS + 2 * RETRY_SECONDS
    assert two.leadership.epoch > epoch
    await ended(two)


@in_virtual_time
async def test_a_process_started_again_in_its_place_need_not_wait() -> None:
    """Its Lease is its own; the term and the epoch are new."""
    store = InMemoryLeaseStore()
    before = Replica("one", store)
    await until(10)
    epoch = before.leadership.epoch
    await before.kill()
    after = Replica("one", store)
    await asyncio.sleep(0.1)

    assert after.leadership.role == "leader"
    assert after.leadership.epoch > epoch
    await ended(after)


@in_virtual_time
async def test_two_of_one_name_do_not_lead_at_once() -> None:
    """The elder finds that its term is over, and stands by like any other."""
    store = InMemoryLeaseStore()
    elder = Replica("same", store)
    await until(10)
    younger = Replica("same", store)
    await until(60)

    assert younger.leadership.role == "leader"
    assert elder.leadership.role == "standby"
    assert elder.acts[-1] <= 10 + RETRY_SECONDS + 0.5
    await ended(elder, younger)


@pytest.mark.parametrize(
    ("fault", "said"), [("cut", "the line is cut"), ("hangs", "no answer within 5 s")]
)
@in_virtual_time
async def test_a_leader_that_is_cut_off_stops_before_another_begins(fault: str, said: str) -> None:
    """And stands by again once it is back."""
    _, one, two = await leader_and_standby()
    await until(30)
    setattr(one.line, fault, True)
    await until(90)
    trouble = one.leadership.trouble
    setattr(one.line, fault, False)
    await until(120)

    assert one.acts[-1] <= 30 + RENEW_SECONDS
    assert one.acts[-1] < two.acts[0] <= 30 + LEASE_SECONDS + 2 * RETRY_SECONDS
    assert trouble == said
    assert one.ends[0] < two.acts[0]
    assert (one.leadership.role, two.leadership.role) == ("standby", "leader")
    assert one.telemetry.leading == [True, False]
    await ended(one, two)


@in_virtual_time
async def test_a_leader_that_all_are_cut_off_with_leads_again_in_a_new_term() -> None:
    """An API server that is away for a minute ends a term, and no process."""
    store = InMemoryLeaseStore()
    one = Replica("one", store)
    await until(30)
    epoch = one.leadership.epoch
    one.line.cut = True
    await until(90)
    assert one.leadership.trouble == "the line is cut"
    one.line.cut = False
    await until(120)

    assert one.leadership.role == "leader"
    assert one.leadership.epoch > epoch
    assert len(one.works) == 2
    assert one.leadership.trouble == ""
    await ended(one)


@in_virtual_time
async def test_told_to_stop_it_finishes_while_it_leads_and_gives_the_lease_back() -> None:
    """The other begins within one look."""
    store, one, two = await leader_and_standby()
    await until(60)
    await ended(one)
    stopped = asyncio.get_running_loop().time()
    await until(70)

    assert one.works[0].finishing.is_set()
    assert one.acts[-1] >= stopped - 1
    assert two.acts[0] - stopped <= LOOK_SECONDS + 0.5
    assert not one.leadership.leads
    await ended(two)
    assert store.lease is not None
    assert store.lease.holder == ""


@in_virtual_time
async def test_a_renewal_that_overtakes_the_giving_back_keeps_nobody_waiting() -> None:
    """It was sent before, and nobody waited for its answer."""
    store, one, two = await leader_and_standby()
    await until(60.5)
    store.put(store.lease)
    await ended(one)
    stopped = asyncio.get_running_loop().time()
    await until(70)

    assert two.acts[0] - stopped <= LOOK_SECONDS + 0.5
    await ended(two)


@in_virtual_time
async def test_a_renewal_whose_answer_is_lost_ends_no_term() -> None:
    """What stands in the Lease is found to be its own."""
    store = InMemoryLeaseStore()
    one = Replica("one", store)
    for second in range(10, 100, 10):
        await until(second)
        store.fail("after")
    await until(110)

    assert len(one.works) == 1
    assert one.leadership.leads
    await ended(one)


@in_virtual_time
async def test_somebody_who_annotates_or_deletes_the_lease_ends_no_term() -> None:
    """The leader writes it again."""
    store = InMemoryLeaseStore()
    one = Replica("one", store)
    await until(10)
    store.put(store.lease)
    await until(20)
    store.put(None)
    await until(30)

    assert len(one.works) == 1
    assert store.lease is not None
    assert store.lease.holder == "one"
    await ended(one)


@in_virtual_time
async def test_a_deleted_lease_makes_no_second_leader() -> None:
    """Whoever stands by waits as for any Lease; if the leader died with it, it is over in time."""
    store, one, two = await leader_and_standby()
    for second in range(10, 20):
        await until(second + second % 10 / 10)
        store.put(None)
    await until(40)
    assert (one.leadership.role, two.leadership.role) == ("leader", "standby")
    assert (len(one.works), two.acts) == (1, [])

    epoch = one.leadership.epoch
    await one.kill()
    store.put(None)
    await until(60)

    assert two.leadership.role == "leader"
    assert two.leadership.epoch > epoch
    assert two.acts[0] - one.acts[-1] >= LEASE_SECONDS - RETRY_SECONDS
    await ended(two)


@in_virtual_time
async def test_somebody_who_gives_the_lease_away_ends_the_term() -> None:
    """Whoever holds it need not exist: it is over when it does not change."""
    store = InMemoryLeaseStore()
    one = Replica("one", store)
    await until(10)
    assert store.lease is not None
    store.put(replace(store.lease, holder="nobody", transitions=9))
    await until(14)
    assert one.leadership.role == "standby"
    await until(60)

    assert one.leadership.role == "leader"
    assert len(one.works) == 2
    await ended(one)


@in_virtual_time
async def test_a_lease_that_may_not_be_used_is_said_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a right nobody leads, and nobody dies of it."""
    store = InMemoryLeaseStore()
    store.fail(*[StoreError("leases is forbidden")] * 5)
    one = Replica("one", store)
    await until(5)
    assert one.leadership.role == "unknown"
    assert one.leadership.trouble == "leases is forbidden"
    await until(20)

    assert one.leadership.role == "leader"
    assert [r.message for r in caplog.records].count("the Lease can't be used now") == 1
    await ended(one)


@in_virtual_time
async def test_an_epoch_is_above_every_one_that_a_status_shows() -> None:
    """At the beginning of a term, and when somebody writes a higher one later."""
    shown = [round(MIDNIGHT.timestamp() * 1000) + 3_600_000]
    one = Replica("one", InMemoryLeaseStore(), highest_epoch=lambda: max(shown))
    await until(1)
    assert one.leadership.epoch == shown[0] + 1
    shown.append(shown[0] + 1000)
    await until(10)

    assert one.leadership.epoch == shown[1] + 1
    assert len(one.works) == 1
    await ended(one)


@in_virtual_time
async def test_a_wall_clock_that_is_behind_does_not_lower_the_epoch() -> None:
    store = InMemoryLeaseStore()
    one = Replica("one", store)
    await until(1)
    await one.kill()
    assert store.lease is not None
    ahead = store.lease.acquired_at + timedelta(hours=1)
    store.put(replace(store.lease, acquired_at=ahead))
    two = Replica("two", store)
    await until(60)

    assert two.leadership.epoch == round(ahead.timestamp() * 1000) + 1
    await ended(two)


@in_virtual_time
async def test_work_that_ends_by_itself_ends_the_process_and_gives_the_lease_back() -> None:
    """It is a bug: another may do better."""
    store = InMemoryLeaseStore()
    one = Replica("one", store)
    await until(10)
    one.broken = True

    with pytest.raises(ZeroDivisionError):
        await one.task
    assert store.lease is not None
    assert store.lease.holder == ""
