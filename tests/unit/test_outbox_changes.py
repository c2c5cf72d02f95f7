"""A chat's outbox while the world changes: the channel, who may use it, who still waits."""

import asyncio

import pytest
from tests.support.channels import CHAT, TEAM, World, ids, notices, policy
from tests.support.virtual_time import in_virtual_time

from governor.errors import BusyError, DeliveryError, RetiredError


@in_virtual_time
async def test_a_retired_channel_refuses_everybody_at_once_until_it_changes() -> None:
    """Those who wait too; another Secret or spec opens it again."""
    world = World()
    world.create(CHAT)
    world.notifiers.notifier("c").fail(RetiredError("gone for good"))
    offers = [asyncio.create_task(world.offer(policy(n), notices(policy(n)))) for n in range(3)]

    refused = await asyncio.gather(*offers, return_exceptions=True)
    assert [type(error) for error in refused] == [RetiredError] * 3
    with pytest.raises(RetiredError, match="gone for good"):
        await world.offer(policy(), notices(policy()))
    assert len(world.notifiers.notifier("c").attempts) == 1

    async with world.running():
        world.secrets["s"] = {"url": b"json://two"}
        await asyncio.sleep(5)
        await world.offer(policy(), notices(policy()))
    assert world.notifiers.made[-1][2] == {"s": {"url": b"json://two"}}


@in_virtual_time
async def test_what_waits_goes_to_the_new_notifier() -> None:
    """A change of the Secret ends the backoff; what waited is told with the new one."""
    world = World()
    world.create(CHAT)
    world.notifiers.notifier("c").fail(BusyError("come back", retry_after=3000))
    async with world.running():
        with pytest.raises(BusyError):
            await world.offer(policy(), notices(policy()))
        waiting = asyncio.create_task(world.offer(policy(), notices(policy())))
        await asyncio.sleep(100)
        assert not waiting.done()
        world.secrets["s"] = {"url": b"json://two"}
        await asyncio.sleep(5)
        assert waiting.done()
    assert len(world.notifiers.made) == 2


@in_virtual_time
async def test_the_answer_of_an_old_notifier_says_nothing_about_the_new_one() -> None:
    """A 410 that comes after the change retires nobody."""
    world = World()
    key = world.create(CHAT)
    chat = world.notifiers.notifier("c")
    chat.hang()
    chat.fail(RetiredError("gone"))
    late = asyncio.create_task(world.offer(policy(), notices(policy())))
    await chat.called.wait()
    world.change(key, {**CHAT, "digestAfter": 4})
    chat.go_on()

    with pytest.raises(RetiredError):
        await late
    await world.offer(policy(), notices(policy()))


@in_virtual_time
async def test_who_is_cancelled_takes_back_what_waits() -> None:
    """It is not told; the others' is."""
    world = World()
    world.create(CHAT)
    offers = [asyncio.create_task(world.offer(policy(n), notices(policy(n)))) for n in range(2)]
    await asyncio.sleep(0.5)
    offers[0].cancel()
    await asyncio.wait(offers)

    assert [ids(told) for told in world.notifiers.notifier("c").told] == [ids(notices(policy(1)))]


@in_virtual_time
async def test_what_was_told_while_nobody_listened_is_not_told_twice() -> None:
    """An offer cancelled in mid-sending, and made again, learns that it was told."""
    world = World()
    world.create(CHAT)
    chat = world.notifiers.notifier("c")
    chat.hang()
    owed = notices(policy(), 2)
    cancelled = asyncio.create_task(world.offer(policy(), owed))
    await chat.called.wait()
    cancelled.cancel()
    again = asyncio.create_task(world.offer(policy(), owed))
    await asyncio.sleep(2)
    chat.go_on()

    assert await again == ids(owed[:1])
    await world.deliver(policy(), owed[1:])
    assert [ids(told) for told in chat.told] == [[i] for i in ids(owed)]


@in_virtual_time
async def test_who_loses_the_right_is_not_told_from() -> None:
    """Also when it is lost while the notice waits."""
    world = World()
    world.namespaces.seen("aiops", {"team": "aiops"})
    world.create({**CHAT, "allowedNamespaces": TEAM})
    waiting = asyncio.create_task(world.offer(policy(), notices(policy())))
    await asyncio.sleep(0.5)
    world.namespaces.seen("aiops", {"team": "web"})

    with pytest.raises(DeliveryError, match="does not allow namespace aiops"):
        await waiting
    with pytest.raises(DeliveryError, match="does not allow namespace aiops"):
        await world.offer(policy(), notices(policy()))
    assert world.notifiers.notifier("c").attempts == []


@in_virtual_time
async def test_a_deleted_channel_refuses_who_waits() -> None:
    """And a new one of its name starts afresh."""
    world = World()
    key = world.create(CHAT)
    waiting = asyncio.create_task(world.offer(policy(), notices(policy())))
    await asyncio.sleep(0.5)
    world.directory.gone(key.uid)

    with pytest.raises(DeliveryError, match="was deleted"):
        await waiting
    with pytest.raises(DeliveryError):
        await world.offer(policy(), notices(policy()))
    world.store.delete(key)
    world.create(CHAT)
    await world.offer(policy(), notices(policy()))
