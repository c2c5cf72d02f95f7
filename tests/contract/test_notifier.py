"""Every Notifier keeps to the same rules: CloudEvents, Apprise and the double."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.channel_worlds import TOKEN, cloud_events, json_chat
from tests.support.http_world import HttpWorld, answering, breaking_off, http_world, stalling
from tests.support.notices import a_notice, a_resolution

from governor.adapters.memory.notifier import InMemoryNotifier
from governor.app.ports import Notifier
from governor.errors import BusyError, DeliveryError, RejectedError


@dataclass(frozen=True)
class World:
    """A notifier, and the receiver behind it."""

    notifier: Notifier
    told: Callable[[], list[str]]
    """All that the receiver took, as text, in order."""
    fail: Callable[[], None]
    recover: Callable[[], None]
    hang: Callable[[], None]
    called: asyncio.Event


def in_memory() -> World:
    """The double."""
    notifier = InMemoryNotifier()

    def fail() -> None:
        notifier.down = DeliveryError("planted")

    def recover() -> None:
        notifier.down = None
        notifier.go_on()

    return World(
        notifier=notifier,
        told=lambda: [" ".join(it.message for it in notices) for notices in notifier.told],
        fail=fail,
        recover=recover,
        hang=notifier.hang,
        called=notifier.called,
    )


def over_http(notifier: Notifier, receiver: HttpWorld) -> World:
    """A real notifier at a real server."""
    taken = answering(200, "")

    def behave(behaviour: Any) -> Callable[[], None]:
        return lambda: setattr(receiver, "behaviour", behaviour)

    return World(
        notifier=notifier,
        told=lambda: [
            json.loads(asked.body).get("message") or _data(asked.body) for asked in receiver.asked
        ],
        fail=behave(answering(500, f"no {TOKEN}")),
        recover=behave(taken),
        hang=behave(stalling()),
        called=receiver.heard,
    )


def _data(body: bytes) -> str:
    return str(json.loads(body)["data"]["message"])


@pytest.fixture(params=["memory", "cloudEvents", "apprise"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each implementation in turn."""
    if request.param == "memory":
        yield in_memory()
        return
    make = cloud_events if request.param == "cloudEvents" else json_chat
    async with http_world(answering(200, "")) as receiver:
        notifier = make(receiver.url)
        yield over_http(notifier, receiver)
        await notifier.close()


async def test_what_is_told_arrives(world: World) -> None:
    """With its message, once."""
    await world.notifier.tell([a_notice(message="the first")])

    assert len(world.told()) == 1
    assert "the first" in world.told()[0]


async def test_several_notices_arrive(world: World) -> None:
    """Each of them, in the message or in messages of their own."""
    await world.notifier.tell([a_notice(message="the first"), a_resolution(message="the second")])

    told = " ".join(world.told())
    assert told.index("the first") < told.index("the second")


async def test_nothing_is_told_of_nothing(world: World) -> None:
    """No notices, no message that says so."""
    await world.notifier.tell([])

    assert not any(world.told())


async def test_a_failure_is_told_without_a_secret(world: World) -> None:
    """It can be tried again, and succeeds once the receiver does."""
    world.fail()
    with pytest.raises(DeliveryError) as caught:
        await world.notifier.tell([a_notice()])
    world.recover()
    await world.notifier.tell([a_notice(message="again")])

    assert not isinstance(caught.value, RejectedError | BusyError)
    assert TOKEN not in str(caught.value)
    assert "again" in world.told()[-1]


async def test_one_that_hangs_can_be_given_up(world: World) -> None:
    """Cancelling passes at once; what is told after that arrives."""
    world.hang()
    telling = asyncio.create_task(world.notifier.tell([a_notice()]))
    await world.called.wait()
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    world.recover()

    await world.notifier.tell([a_notice(message="again")])

    assert "again" in world.told()[-1]


async def test_closing_twice_is_closing(world: World) -> None:
    """Nothing is raised."""
    await world.notifier.tell([a_notice()])
    await world.notifier.close()
    await world.notifier.close()


async def test_the_double_does_as_it_is_told() -> None:
    """Planted errors come once each, in order; what failed is no delivery."""
    notifier = InMemoryNotifier()
    notifier.fail(BusyError("planted", retry_after=7), RejectedError("planted"))

    for expected in (BusyError, RejectedError):
        with pytest.raises(expected):
            await notifier.tell([a_notice()])
    await notifier.tell([a_notice()])

    assert (len(notifier.attempts), len(notifier.told)) == (3, 1)


async def test_a_dropped_connection_is_no_delivery() -> None:
    """The real ones say whom they could not tell."""
    async with http_world(breaking_off(b"")) as receiver:
        for make in (cloud_events, json_chat):
            notifier = make(receiver.url)
            with pytest.raises(DeliveryError, match="can't be reached"):
                await notifier.tell([a_notice()])
            await notifier.close()
