"""The outbox of a receiver that knows a repetition: everything, one by one, several at once."""

import asyncio

import pytest
from tests.support.channels import CHAT, EVENTS, World, ids, notices, policy
from tests.support.virtual_time import in_virtual_time

from governor.errors import BusyError, DeliveryError, RejectedError, RetiredError


def now() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_all_are_told_at_once_one_message_each() -> None:
    """No gathering, no budget, no digest."""
    world = World()
    world.create(EVENTS)
    owed = {n: notices(policy(n), 3) for n in range(100)}

    told = await asyncio.gather(*(world.offer(policy(n), owed[n]) for n in owed))

    assert told == [ids(each) for each in owed.values()]
    assert [len(message) for message in world.notifiers.notifier("c").told] == [1] * 300
    assert now() < 0.1


@in_virtual_time
async def test_a_hanging_receiver_delays_only_its_own() -> None:
    """Every offer fails after its deadline; a chat is told meanwhile."""
    world = World()
    world.create(EVENTS)
    world.create(CHAT, name="chat")
    world.notifiers.notifier("c").hang()
    hanging = asyncio.create_task(world.offer(policy(), notices(policy())))
    await world.offer(policy(), notices(policy()), channel="chat")
    assert now() < 5
    with pytest.raises(DeliveryError, match="no answer within 35s"):
        await hanging


@in_virtual_time
async def test_only_few_are_under_way_at_the_same_time() -> None:
    """However many policies offer."""
    world = World()
    world.create(EVENTS)
    receiver = world.notifiers.notifier("c")
    receiver.hang()
    offers = [asyncio.create_task(world.offer(policy(n), notices(policy(n)))) for n in range(50)]
    await asyncio.sleep(1)
    assert len(receiver.attempts) == 8
    receiver.go_on()
    await asyncio.gather(*offers)
    assert len(receiver.told) == 50


@in_virtual_time
async def test_what_was_told_before_a_failure_is_answered() -> None:
    """The next offer begins with the one that failed."""
    world = World()
    world.create(EVENTS)
    receiver = world.notifiers.notifier("c")
    owed = notices(policy(), 3)
    receiver.hang()
    offer = asyncio.create_task(world.offer(policy(), owed))
    await receiver.called.wait()
    receiver.called.clear()
    receiver.go_on()
    receiver.hang()
    await receiver.called.wait()
    receiver.fail(RejectedError("never"))
    receiver.go_on()

    assert await offer == ids(owed[:1])
    receiver.fail(RejectedError("never"))
    with pytest.raises(RejectedError):
        await world.offer(policy(), owed[1:])
    assert await world.offer(policy(), owed[2:]) == ids(owed[2:])


@in_virtual_time
async def test_while_it_fails_one_tries_for_all() -> None:
    """After the first round the attempts are 1 s, 2 s, 4 s … 60 s apart."""
    world = World()
    world.create(EVENTS)
    receiver = world.notifiers.notifier("c")
    receiver.down = DeliveryError("down")
    lanes = [asyncio.create_task(world.deliver(policy(n), notices(policy(n)))) for n in range(50)]
    await asyncio.sleep(0.5)
    assert len(receiver.attempts) == 1  # the others saw it fail
    await asyncio.sleep(600)
    assert len(receiver.attempts) == 15

    receiver.down = None
    await asyncio.gather(*lanes)
    assert len(receiver.told) == 50


@in_virtual_time
async def test_it_says_when_to_come_back() -> None:
    """Whoever offers meanwhile waits that long."""
    world = World()
    world.create(EVENTS)
    receiver = world.timed()
    receiver.fail(BusyError("later", retry_after=120))
    with pytest.raises(BusyError):
        await world.offer(policy(), notices(policy()))
    await world.offer(policy(1), notices(policy(1)))
    assert receiver.times == [pytest.approx(120.0)]


@pytest.mark.parametrize("seconds", [1e9, float("inf")])
@in_virtual_time
async def test_nobody_is_left_alone_for_more_than_an_hour(seconds: float) -> None:
    """Whatever a receiver says."""
    world = World()
    world.create(EVENTS)
    receiver = world.timed()
    receiver.fail(BusyError("later", retry_after=seconds))
    with pytest.raises(BusyError):
        await world.offer(policy(), notices(policy()))
    await world.offer(policy(), notices(policy()))
    assert receiver.times == [pytest.approx(3600.0)]


@in_virtual_time
async def test_a_retired_receiver_is_not_asked_again() -> None:
    """Who waits for it to come back is refused too."""
    world = World()
    key = world.create(EVENTS)
    receiver = world.notifiers.notifier("c")
    receiver.fail(DeliveryError("down"), RetiredError("410 Gone"))
    with pytest.raises(DeliveryError):
        await world.offer(policy(), notices(policy()))
    offers = [world.offer(policy(n), notices(policy(n))) for n in range(20)]
    refused = await asyncio.gather(*offers, return_exceptions=True)
    assert [type(error) for error in refused] == [RetiredError] * 20
    assert len(receiver.attempts) == 2

    world.change(key, {**EVENTS, "cloudEvents": {"url": "https://other.example"}})
    assert await world.offer(policy(), notices(policy())) == ids(notices(policy()))


@in_virtual_time
async def test_a_channel_of_another_kind_refuses_who_waits() -> None:
    """What waited for a receiver of events is offered to the chat by its lane."""
    world = World()
    key = world.create(EVENTS)
    world.notifiers.notifier("c").fail(BusyError("later", retry_after=600))
    with pytest.raises(BusyError):
        await world.offer(policy(), notices(policy()))
    waiting = asyncio.create_task(world.offer(policy(), notices(policy())))
    await asyncio.sleep(1)
    world.change(key, CHAT)

    with pytest.raises(DeliveryError, match="another kind"):
        await waiting
    await world.offer(policy(), notices(policy()))


@in_virtual_time
async def test_a_bug_in_a_notifier_is_told_in_none_of_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They may quote a secret."""
    world = World()
    world.create(EVENTS)
    receiver = world.notifiers.notifier("c")
    receiver.down = ValueError("Authorization: hunter2")  # type: ignore[assignment]

    with pytest.raises(DeliveryError, match="ValueError") as caught:
        await world.offer(policy(), notices(policy()))
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in caplog.text
    assert "notifier.py" in caplog.text


@in_virtual_time
async def test_who_is_not_allowed_is_refused_before_anything_is_sent() -> None:
    """Nor is a notice told through a channel that is not there."""
    world = World()
    world.create(
        {
            **EVENTS,
            "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}},
        }
    )
    with pytest.raises(DeliveryError, match="does not allow namespace web"):
        await world.offer(policy(namespace="web"), notices(policy(namespace="web")))
    with pytest.raises(DeliveryError, match="takes no notices"):
        await world.offer(policy(), notices(policy()), channel="other")
    assert world.notifiers.made == []
