"""The directory of channels over doubles: who may use which, and what each status says."""

import asyncio

import pytest
from tests.support.channels import ALERTS, CHAT, EVENTS, TEAM, World, notices, policy
from tests.support.virtual_time import in_virtual_time

from governor.domain.surroundings import ChannelKind
from governor.errors import DeliveryError, RetiredError, UnavailableError
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason


@in_virtual_time
async def test_a_policy_sees_a_channel_as_its_namespace_may_use_it() -> None:
    """Kinds, and faults with a reason."""
    world = World()
    for name, spec in {"chat": CHAT, "events": EVENTS, "alerts": ALERTS}.items():
        world.create(spec, name)
    world.create({**CHAT, "allowedNamespaces": TEAM}, "team")
    world.create({"allowedNamespaces": {"from": "Nobody"}}, "odd")

    kinds = {n: world.directory.view("aiops", n).kind for n in ("chat", "events", "alerts")}
    assert kinds == {
        "chat": ChannelKind.CHAT,
        "events": ChannelKind.EVENTS,
        "alerts": ChannelKind.LEVEL,
    }
    faults = {n: world.directory.view("aiops", n).fault for n in ("team", "odd", "none")}
    assert {n: fault and fault[0] for n, fault in faults.items()} == {
        "team": "ChannelForbidden",
        "odd": "ChannelInvalid",
        "none": "ChannelNotFound",
    }
    world.namespaces.seen("aiops", {"team": "aiops"})
    assert world.directory.view("aiops", "team").kind is ChannelKind.CHAT


@in_virtual_time
async def test_policies_are_woken_by_whatever_concerns_them() -> None:
    """A new spec, another Secret, a namespace that gains the right, an end; nothing at start."""
    world = World()
    key = world.create({**CHAT, "allowedNamespaces": TEAM})
    world.namespaces.seen("aiops", {})
    world.directory.listed()
    assert world.directory.synced.is_set()
    async with world.running():
        await asyncio.sleep(10)
        assert world.changes == []
        for change in (
            lambda: world.secrets.update(s={"url": b"json://two"}),
            lambda: world.namespaces.seen("aiops", {"team": "aiops"}),
            lambda: world.change(key, CHAT),
            lambda: world.directory.gone(key.uid),
        ):
            world.changes.clear()
            change()
            await asyncio.sleep(5)
            assert world.changes == ["c"]


@in_virtual_time
async def test_its_own_status_wakes_nobody() -> None:
    """The watch brings it back; the notifier stays."""
    world = World()
    key = world.create(CHAT)
    world.directory.listed()
    async with world.running():
        await asyncio.sleep(1)
        world.directory.seen(world.store.peek(key))
        await asyncio.sleep(10)
    assert (world.changes, len(world.notifiers.made)) == ([], 1)


@in_virtual_time
async def test_a_status_from_configured_to_delivering() -> None:
    """Two writes; then one a minute while it delivers."""
    world = World()
    key = world.create(EVENTS)
    async with world.running():
        await asyncio.sleep(1)
        status = await world.status(key)
        assert (status["type"], status["status"]) == ("Ready", "True")
        assert (status["reason"], status["observedGeneration"]) == ("Configured", 1)
        assert world.telemetry.channels == {"c": True}

        for number in range(600):
            await world.offer(policy(number), notices(policy(number)))
            await asyncio.sleep(1)
        status = await world.status(key)
        assert (status["status"], status["reason"]) == ("True", "Delivering")
        assert status["lastDelivered"].startswith("2026-11-22T00:09:")
        assert world.store.writes == 11


@in_virtual_time
async def test_a_channel_that_fails_says_so_and_recovers() -> None:
    """With the error's words; a flood of failures is no flood of writes."""
    world = World()
    key = world.create(EVENTS)
    receiver = world.notifiers.notifier("c")
    receiver.down = DeliveryError("https://events.example answered 500")
    async with world.running():
        lanes = [
            asyncio.create_task(world.deliver(policy(n), notices(policy(n)))) for n in range(50)
        ]
        await asyncio.sleep(300)
        status = await world.status(key)
        assert (status["status"], status["reason"]) == ("False", "DeliveryFailed")
        assert status["message"] == "https://events.example answered 500"
        assert world.telemetry.channels == {"c": False}
        assert world.store.writes <= 2

        receiver.down = None
        await asyncio.gather(*lanes)
        await asyncio.sleep(6)
        assert (await world.status(key))["reason"] == "Delivering"
        assert world.telemetry.channels == {"c": True}


@in_virtual_time
async def test_a_retired_channel_says_so() -> None:
    """Until its spec changes."""
    world = World()
    key = world.create(EVENTS)
    world.notifiers.notifier("c").fail(RetiredError("https://events.example answered 410"))
    async with world.running():
        with pytest.raises(RetiredError):
            await world.offer(policy(), notices(policy()))
        await asyncio.sleep(6)
        status = await world.status(key)
        assert (status["status"], status["reason"]) == ("False", "Retired")
        world.change(key, {**EVENTS, "cloudEvents": {"url": "https://other.example"}})
        await asyncio.sleep(6)
        status = await world.status(key)
        assert (status["reason"], status["observedGeneration"]) == ("Configured", 2)


@in_virtual_time
async def test_an_invalid_secret_makes_the_channel_unusable_until_it_is_mended() -> None:
    """Status, view and metric say so, and the policies are woken both times."""
    world = World()
    world.notifiers.invalid["c"] = FaultError(
        Reason.SECRET_INVALID, "Secret s, key url: give one Apprise URL"
    )
    key = world.create(CHAT)
    world.directory.listed()
    async with world.running():
        await asyncio.sleep(1)
        assert world.changes == ["c"]
        status = await world.status(key)
        assert (status["status"], status["reason"]) == ("False", "SecretInvalid")
        assert world.directory.view("aiops", "c").fault == (
            "ChannelInvalid",
            "GovernanceChannel c can't be used: Secret s, key url: give one Apprise URL",
        )
        assert world.telemetry.channels == {"c": False}
        with pytest.raises(DeliveryError, match="give one Apprise URL"):
            await world.offer(policy(), notices(policy()))

        del world.notifiers.invalid["c"]
        world.secrets["s"] = {"url": b"json://two"}
        await asyncio.sleep(10)
        assert world.changes == ["c", "c"]
        assert (await world.status(key))["reason"] == "Configured"
        assert world.directory.view("aiops", "c").kind is ChannelKind.CHAT
        await world.offer(policy(), notices(policy()))


@in_virtual_time
async def test_a_secret_that_cannot_be_read_yet() -> None:
    """SecretInvalid until it can be; nobody has to do anything."""
    world = World()
    world.secrets["s"] = UnavailableError("down")
    key = world.create(CHAT)
    async with world.running():
        await asyncio.sleep(1)
        assert (await world.status(key))["reason"] == "SecretInvalid"
        world.secrets["s"] = {"url": b"json://one"}
        await asyncio.sleep(20)
        assert (await world.status(key))["reason"] == "Configured"


@in_virtual_time
async def test_a_spec_that_cannot_be_understood() -> None:
    """SpecInvalid; a spec that can be is the end of it."""
    world = World()
    key = world.create({"allowedNamespaces": {"from": "Nobody"}})
    async with world.running():
        await asyncio.sleep(1)
        status = await world.status(key)
        assert (status["status"], status["reason"]) == ("False", "SpecInvalid")
        assert "can't be understood" in status["message"]
        world.change(key, CHAT)
        await asyncio.sleep(1)
        assert (await world.status(key))["reason"] == "Configured"
        await world.offer(policy(), notices(policy()))


@in_virtual_time
async def test_a_status_is_written_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """An outage and somebody else's write are no obstacles."""
    world = World()
    key = world.create(CHAT)
    world.store.annotate(key, {"by": "somebody"})
    world.store.fail(UnavailableError("down"))
    async with world.running():
        await asyncio.sleep(20)
        assert (await world.status(key))["reason"] == "Configured"
    assert "could not be written: down" in caplog.text


@in_virtual_time
async def test_notifiers_are_closed_once_they_are_idle() -> None:
    """Those of channels that changed or are gone, and all of them at the end."""
    world = World()
    world.create(CHAT)
    key = world.create(EVENTS, "gone")
    await world.offer(policy(), notices(policy()))
    await world.offer(policy(), notices(policy()), channel="gone")
    world.directory.gone(key.uid)
    await asyncio.sleep(1)
    assert world.notifiers.notifier("gone").closed
    assert not world.notifiers.notifier("c").closed
    await world.directory.close()
    assert world.notifiers.notifier("c").closed
    with pytest.raises(DeliveryError):
        await world.offer(policy(), notices(policy()))
