"""The rounds of an Alertmanager channel, over doubles and in virtual time."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest
from tests.support.channels import ALERTS, TEAM, World
from tests.support.virtual_time import MIDNIGHT, VirtualClock, in_virtual_time

from governor.domain.alerts import Alert
from governor.errors import DeliveryError, PartlyDeliveredError

FOREVER = MIDNIGHT + timedelta(days=365)


def alert(name: str, namespace: str = "aiops") -> Alert:
    return Alert(
        labels={"alertname": name, "namespace": namespace},
        annotations={},
        starts_at=MIDNIGHT,
        ends_at=FOREVER,
    )


def firing(alerts: Iterable[Alert]) -> set[str]:
    return {a.labels["alertname"] for a in alerts if a.ends_at > VirtualClock().now()}


def resolved(alerts: Iterable[Alert]) -> set[str]:
    return {a.labels["alertname"] for a in alerts if a.ends_at <= VirtualClock().now()}


@in_virtual_time
async def test_what_fires_is_posted_every_minute() -> None:
    """All of it, in one call: the notifier makes batches of it."""
    world = World()
    world.create(ALERTS)
    world.firing["c"] = [alert(str(number)) for number in range(500)]
    async with world.running():
        await asyncio.sleep(1)
        posted = world.notifiers.alerting("c").posted
        assert [len(firing(each)) for each in posted] == [500]
        await asyncio.sleep(120)
        assert [len(firing(each)) for each in posted] == [500] * 3


@in_virtual_time
async def test_where_nothing_fires_nothing_is_posted() -> None:
    """Nor is anything said to be delivered."""
    world = World()
    key = world.create(ALERTS)
    async with world.running():
        await asyncio.sleep(200)
        assert world.notifiers.alerting("c").posted == []
        assert (await world.status(key))["reason"] == "Configured"


@in_virtual_time
async def test_a_poke_brings_a_round_within_a_second_however_many_they_are() -> None:
    """And the next one in its turn."""
    world = World()
    world.create(ALERTS)
    async with world.running():
        await asyncio.sleep(10)
        world.firing["c"] = [alert("a")]
        for _ in range(100):
            world.directory.poke("c")
        world.directory.poke("nobody")
        await asyncio.sleep(0.9)
        assert len(world.notifiers.alerting("c").posted) == 1
        await asyncio.sleep(58)
        assert len(world.notifiers.alerting("c").posted) == 1
        await asyncio.sleep(2)
        assert len(world.notifiers.alerting("c").posted) == 2


@in_virtual_time
async def test_what_is_gone_is_posted_once_as_resolved() -> None:
    """A muted or deleted finding, or a channel that a policy names no more."""
    world = World()
    world.create(ALERTS)
    world.firing["c"] = [alert("a"), alert("b")]
    async with world.running():
        await asyncio.sleep(1)
        world.firing["c"] = [alert("a")]
        world.directory.poke("c")
        await asyncio.sleep(1)
        posted = world.notifiers.alerting("c").posted
        assert (firing(posted[-1]), resolved(posted[-1])) == ({"a"}, {"b"})
        world.firing["c"] = []
        world.directory.poke("c")
        await asyncio.sleep(1)
        assert (firing(posted[-1]), resolved(posted[-1])) == (set(), {"a"})
        await asyncio.sleep(300)
        assert len(posted) == 3


@in_virtual_time
async def test_a_failed_round_is_retried_and_keeps_what_must_be_said() -> None:
    """With a growing pause, and status says what is wrong."""
    world = World()
    key = world.create(ALERTS)
    world.firing["c"] = [alert("a"), alert("b")]
    manager = world.notifiers.alerting("c")
    async with world.running():
        await asyncio.sleep(10)
        manager.down = DeliveryError("http://am:9093: connection refused")
        world.firing["c"] = [alert("a")]
        world.directory.poke("c")
        await asyncio.sleep(6)
        status = await world.status(key)
        assert (status["status"], status["reason"]) == ("False", "DeliveryFailed")
        assert status["message"] == "http://am:9093: connection refused"
        assert world.telemetry.channels == {"c": False}

        manager.down = None
        await asyncio.sleep(6)
        assert (firing(manager.posted[-1]), resolved(manager.posted[-1])) == ({"a"}, {"b"})
        await asyncio.sleep(6)
        assert (await world.status(key))["reason"] == "Delivering"
        assert world.telemetry.channels == {"c": True}


@in_virtual_time
async def test_a_round_that_some_replicas_took_was_delivered_and_failed() -> None:
    """The status says both; the round is tried again for the others."""
    world = World()
    key = world.create(ALERTS)
    world.firing["c"] = [alert("a")]
    manager = world.notifiers.alerting("c")
    manager.down = PartlyDeliveredError("am-1:9093: HTTP 503")
    async with world.running():
        await asyncio.sleep(10)
        status = await world.status(key)
        assert (status["status"], status["message"]) == ("False", "am-1:9093: HTTP 503")
        assert status["lastDelivered"].startswith("2026-11-22T00:00:0")

        manager.down = None
        await asyncio.sleep(20)
        assert firing(manager.posted[0]) == {"a"}
        assert (await world.status(key))["reason"] == "Delivering"


@in_virtual_time
async def test_a_hanging_alertmanager_has_a_deadline() -> None:
    """Then the round is tried again."""
    world = World()
    key = world.create(ALERTS)
    world.firing["c"] = [alert("a")]
    manager = world.notifiers.alerting("c")
    manager.hang()
    async with world.running():
        await asyncio.sleep(36)
        assert (await world.status(key))["message"] == "no answer within 30s"
        manager.go_on()
        await asyncio.sleep(31)
        assert firing(manager.posted[-1]) == {"a"}


@in_virtual_time
async def test_a_changed_channel_is_told_at_once() -> None:
    """Whatever it was told before, and however long the other one was to be left alone."""
    world = World()
    key = world.create(ALERTS)
    world.firing["c"] = [alert("a")]
    manager = world.notifiers.alerting("c")
    manager.down = DeliveryError("down")
    async with world.running():
        await asyncio.sleep(100)
        manager.down = None
        world.change(key, {**ALERTS, "alertmanager": {"urls": ["http://other:9093"]}})
        await asyncio.sleep(1)
        assert len(manager.posted) == 1


@in_virtual_time
async def test_a_namespace_that_loses_the_right_has_its_alerts_resolved() -> None:
    """The channel tells nothing for who may not use it."""
    world = World()
    world.namespaces.seen("aiops", {"team": "aiops"})
    world.create({**ALERTS, "allowedNamespaces": TEAM})
    world.firing["c"] = [alert("a"), alert("b", namespace="web")]
    async with world.running():
        await asyncio.sleep(1)
        posted = world.notifiers.alerting("c").posted
        assert (firing(posted[-1]), resolved(posted[-1])) == ({"a"}, set())
        world.namespaces.seen("aiops", {})
        await asyncio.sleep(60)
        assert (firing(posted[-1]), resolved(posted[-1])) == (set(), {"a"})


@in_virtual_time
async def test_a_bug_in_collecting_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, once a round."""
    world = World()
    world.create(ALERTS)
    broken: list[Alert] = [object()]  # type: ignore[list-item]
    world.firing["c"] = broken
    async with world.running():
        await asyncio.sleep(100)
        assert caplog.text.count("background step failed") == 2
        world.firing["c"] = [alert("a")]
        await asyncio.sleep(60)
        assert len(world.notifiers.alerting("c").posted) == 1


@in_virtual_time
async def test_a_deleted_channel_is_told_no_more() -> None:
    """Nor poked."""
    world = World()
    key = world.create(ALERTS)
    world.firing["c"] = [alert("a")]
    async with world.running():
        await asyncio.sleep(1)
        world.directory.gone(key.uid)
        world.directory.poke("c")
        await asyncio.sleep(200)
    assert len(world.notifiers.alerting("c").posted) == 1
    assert world.telemetry.channels == {}
