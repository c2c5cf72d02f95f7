"""A chat's outbox: few messages, none twice, digests where there are many."""

import asyncio

import pytest
from tests.support.channels import CHAT, World, ids, notices, policy
from tests.support.notices import a_self_failure
from tests.support.virtual_time import in_virtual_time

from governor.errors import BusyError, DeliveryError, RejectedError


def now() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_one_notice_is_one_message_after_the_gathering_time() -> None:
    """And its id comes back."""
    world = World()
    world.create(CHAT)
    chat = world.timed()
    owed = notices(policy())

    assert await world.offer(policy(), owed) == ids(owed)
    assert chat.told == [tuple(owed)]
    assert chat.times == [pytest.approx(1.0)]


@in_virtual_time
async def test_what_fits_goes_one_by_one_and_each_is_answered_before_the_next() -> None:
    """A chat can't tell a repetition: the lane writes each down before it offers the rest."""
    world = World()
    world.create(CHAT)
    owed = notices(policy(), 3)

    assert await world.offer(policy(), owed) == ids(owed[:1])
    assert await world.deliver(policy(), owed[1:]) == 0
    assert [ids(told) for told in world.notifiers.notifier("c").told] == [[i] for i in ids(owed)]


@in_virtual_time
async def test_five_hundred_at_once_are_one_digest() -> None:
    """Every policy learns all of its ids from one message."""
    world = World()
    world.create(CHAT)
    chat = world.timed()
    owed = {number: notices(policy(number), 1 + number % 3) for number in range(500)}

    told = await asyncio.gather(*(world.offer(policy(n), owed[n]) for n in owed))

    assert told == [ids(each) for each in owed.values()]
    assert len(chat.told) == 1
    assert ids(chat.told[0]) == [i for each in owed.values() for i in ids(each)]
    assert now() == pytest.approx(1.0)


@in_virtual_time
async def test_when_the_budget_is_used_up_a_digest_comes_as_soon_as_one_is_allowed() -> None:
    """Five singles in the first second; the next seven wait for the window, together."""
    world = World()
    world.create(CHAT)
    chat = world.timed()
    await asyncio.gather(*(world.deliver(policy(n), notices(policy(n))) for n in range(5)))

    await asyncio.gather(*(world.offer(policy(n), notices(policy(n))) for n in range(5, 12)))

    assert [len(told) for told in chat.told] == [1] * 5 + [7]
    assert chat.times[5] == pytest.approx(61.0)


@in_virtual_time
async def test_the_spec_says_how_many() -> None:
    """With digestAfter 1, two are a digest; a new digestAfter holds at once."""
    world = World()
    key = world.create({**CHAT, "digestAfter": 1})
    chat = world.timed()
    await asyncio.gather(*(world.deliver(policy(n), notices(policy(n))) for n in range(2)))
    assert [len(told) for told in chat.told] == [2]

    waiting = [asyncio.create_task(world.offer(policy(n), notices(policy(n)))) for n in (2, 3)]
    await asyncio.sleep(5)
    assert len(chat.told) == 1
    world.change(key, {**CHAT, "digestAfter": 3})
    await asyncio.gather(*waiting)
    assert [len(told) for told in chat.told] == [2, 1, 1]
    assert now() == pytest.approx(6.0)


@in_virtual_time
async def test_self_failures_of_one_source_are_one_message() -> None:
    """However few; those of other sources, and of none, are told by themselves."""
    world = World()
    world.create(CHAT)
    sources = ["prometheus", "platform", "prometheus", None, "platform", None]
    owed = [[a_self_failure(n, source=source)] for n, source in enumerate(sources)]

    told = await asyncio.gather(
        *(world.offer(policy(n, "payments"), each) for n, each in enumerate(owed))
    )

    assert told == [ids(each) for each in owed]
    messages = [{notice.source for notice in told} for told in world.notifiers.notifier("c").told]
    assert messages == [{"prometheus"}, {"platform"}, {None}, {None}]


@in_virtual_time
async def test_a_failure_concerns_only_those_in_the_message() -> None:
    """The others wait, and are told when the channel is tried again."""
    world = World()
    world.create(CHAT)
    chat = world.notifiers.notifier("c")
    chat.fail(DeliveryError("down"))
    first, second = (
        asyncio.create_task(world.offer(policy(n), notices(policy(n)))) for n in range(2)
    )

    with pytest.raises(DeliveryError, match="down"):
        await first
    assert await second == ids(notices(policy(1)))
    assert now() == pytest.approx(2.0)


@in_virtual_time
async def test_many_policies_do_not_hammer_a_channel_that_fails() -> None:
    """Its backoff is shared: 1 s, 2 s, 4 s … 60 s, whoever offers."""
    world = World()
    world.create({**CHAT, "digestAfter": 100})
    chat = world.notifiers.notifier("c")
    chat.down = DeliveryError("down")
    lanes = [asyncio.create_task(world.deliver(policy(n), notices(policy(n)))) for n in range(50)]
    await asyncio.sleep(600)
    assert len(chat.attempts) == 15  # at 1, 2, 4, 8, 16, 32, 64, 124, 184 … 544 s

    chat.down = None
    await asyncio.gather(*lanes)
    assert sorted(i for told in chat.told for i in ids(told)) == sorted(
        i for n in range(50) for i in ids(notices(policy(n)))
    )


@in_virtual_time
async def test_a_busy_channel_is_left_alone_for_as_long_as_it_says() -> None:
    """And what it did not take costs no message of the budget."""
    world = World()
    world.create({**CHAT, "digestAfter": 1})
    chat = world.timed()
    chat.fail(BusyError("slow down", retry_after=30))

    with pytest.raises(BusyError):
        await world.offer(policy(), notices(policy()))
    await world.offer(policy(), notices(policy()))
    assert chat.times == [pytest.approx(31.0)]


@in_virtual_time
async def test_a_hanging_channel_has_a_deadline() -> None:
    """Another channel does not wait for it."""
    world = World()
    world.create(CHAT)
    world.create(CHAT, name="other")
    world.notifiers.notifier("c").hang()
    hanging = asyncio.create_task(world.offer(policy(), notices(policy())))

    await world.offer(policy(), notices(policy()), channel="other")
    assert now() == pytest.approx(1.0)
    with pytest.raises(DeliveryError, match="no answer within 35s"):
        await hanging
    assert now() == pytest.approx(36.0)


@in_virtual_time
async def test_a_rejected_message_stops_nothing_else() -> None:
    """Only its own offer fails; there is no backoff."""
    world = World()
    world.create(CHAT)
    world.notifiers.notifier("c").fail(RejectedError("too long"))
    first, second = (
        asyncio.create_task(world.offer(policy(n), notices(policy(n)))) for n in range(2)
    )

    with pytest.raises(RejectedError):
        await first
    await second
    assert now() == pytest.approx(1.0)
