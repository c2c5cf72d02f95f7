"""Rows of policies that are no more are ended; those of others are not, whatever goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import NOON, slo
from tests.support.virtual_time import VirtualClock, in_virtual_time
from tests.support.world import HandClock, World

from governor.adapters.memory.objects import InMemoryObjects
from governor.adapters.memory.sink import InMemorySink
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.app.ports import Episode, Kind, ObjectKey
from governor.app.vanished import FIRST_AFTER_SECONDS, PERIOD_SECONDS, SECOND_LOOK_SECONDS, Vanished
from governor.domain.bequests import MANY
from governor.domain.identity import finding_id
from governor.errors import DeliveryError, UnavailableError


class ForgetfulObjects(InMemoryObjects):
    """A list that may forget everything, beside reads that don't."""

    forgets = False

    async def versions(self, kind: Kind) -> Mapping[ObjectKey, int]:
        return {} if self.forgets else await super().versions(kind)


class Scene:
    """Policies, rows, and what a list says of policies."""

    def __init__(self, clock: HandClock | VirtualClock | None = None) -> None:
        self.store = InMemoryStatusStore()
        self.sink = InMemorySink()
        self.keys: dict[str, ObjectKey] = {}
        self.objects = ForgetfulObjects({Kind.POLICIES: self.store})
        self.telemetry = InMemoryTelemetry()
        self.vanished = Vanished(self.sink, self.objects, clock or HandClock(), self.telemetry)

    async def with_row(self, name: str) -> None:
        """A policy with an open finding."""
        meta = self.store.create("aiops", name, {"checks": [slo()]})["metadata"]
        key = self.keys[name] = ObjectKey(uid=meta["uid"], namespace="aiops", name=name)
        await self.sink.record(
            Episode(
                id=finding_id(key.uid, "slo", "slo", NOON),
                event_type="slo",
                details={"impact": {"value": 1}},
                namespace=key.namespace,
                policy=key.name,
                policy_uid=key.uid,
                generation=1,
                check_name="slo",
                severity="warning",
                opened_at=NOON,
                last_seen_at=NOON,
            )
        )

    def delete(self, *names: str) -> None:
        for name in names:
            self.store.delete(self.keys[name])

    def ended(self) -> set[str]:
        """The policies whose row is resolved."""
        rows = self.sink.events.values()
        return {row["policy"] for row in rows if row["resolved"]}


@pytest.fixture
async def scene() -> Scene:
    made = Scene()
    for name in ("here", "gone"):
        await made.with_row(name)
    return made


async def test_only_what_is_gone_is_ended(scene: Scene) -> None:
    scene.delete("gone")

    assert await scene.vanished.sweep() == PERIOD_SECONDS
    assert scene.ended() == {"gone"}
    [row] = [row for row in scene.sink.events.values() if row["resolved"]]
    assert row["resolved_reason"] == "PolicyDeleted"
    assert row["details"] == {"impact": {"value": 1}}
    assert (scene.telemetry.vanished_ended, scene.telemetry.vanished_doubted) == (1, 0)


async def test_another_policy_of_the_same_name_is_not_the_one_that_went(scene: Scene) -> None:
    scene.delete("gone")
    scene.store.create("aiops", "gone", {"checks": [slo()]})

    await scene.vanished.sweep()

    assert scene.ended() == {"gone"}


async def test_a_policy_that_a_list_forgot_is_looked_for_live(scene: Scene) -> None:
    scene.objects.forgets = True

    await scene.vanished.sweep()

    assert scene.ended() == set()


async def test_without_an_answer_nothing_is_ended(scene: Scene) -> None:
    scene.delete("gone")
    scene.store.fail(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await scene.vanished.sweep()
    scene.sink.down = "stopped"
    with pytest.raises(DeliveryError):
        await scene.vanished.sweep()
    scene.sink.down = None
    assert scene.ended() == set()

    await scene.vanished.sweep()
    assert scene.ended() == {"gone"}


async def test_many_and_most_are_ended_only_by_a_second_look() -> None:
    scene = Scene()
    names = [f"p-{number:02}" for number in range(MANY + 2)]
    for name in names:
        await scene.with_row(name)
    scene.delete(*names[:-1])

    assert await scene.vanished.sweep() == SECOND_LOOK_SECONDS
    assert scene.ended() == set()
    assert scene.telemetry.vanished_doubted == MANY + 1
    assert await scene.vanished.sweep() == PERIOD_SECONDS
    assert scene.ended() == set(names[:-1])
    assert scene.telemetry.vanished_ended == MANY + 1


async def test_a_second_look_believes_of_too_many_only_what_the_first_one_missed() -> None:
    """A list that says less each time is no list."""
    scene = Scene()
    early = [f"a-{number:02}" for number in range(MANY + 1)]
    late = [f"b-{number:02}" for number in range(MANY + 9)]
    for name in early:
        await scene.with_row(name)
    scene.delete(*early)
    assert await scene.vanished.sweep() == SECOND_LOOK_SECONDS
    for name in late:
        await scene.with_row(name)
    scene.delete(*late)

    assert await scene.vanished.sweep() == SECOND_LOOK_SECONDS
    assert scene.ended() == set(early)
    assert await scene.vanished.sweep() == PERIOD_SECONDS
    assert scene.ended() == {*early, *late}


async def test_a_second_look_that_finds_them_again_ends_nothing() -> None:
    """And a later one doubts anew."""
    scene = Scene()
    names = [f"p-{number:02}" for number in range(MANY + 2)]
    for name in names:
        await scene.with_row(name)
    scene.objects.forgets = True
    assert await scene.vanished.sweep() == SECOND_LOOK_SECONDS
    scene.objects.forgets = False
    assert await scene.vanished.sweep() == PERIOD_SECONDS
    scene.objects.forgets = True

    assert await scene.vanished.sweep() == SECOND_LOOK_SECONDS
    assert scene.ended() == set()


async def test_an_odd_row_keeps_no_other_open(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody wrote it, and nothing can be asked about it; it is said which one."""
    read = scene.objects.read

    async def puzzled(kind: Kind, key: ObjectKey) -> Any:
        if key.name == "odd":
            raise KeyError("uid")
        return await read(kind, key)

    monkeypatch.setattr(scene.objects, "read", puzzled)
    for name in ("odd", "gone", "a", "b", "c"):
        await scene.with_row(name)
    scene.delete("odd", "gone")

    assert await scene.vanished.sweep() == PERIOD_SECONDS
    assert scene.ended() == {"gone"}
    [said] = [record for record in caplog.records if "look at it" in record.message]
    assert said.__dict__["policy_uid"] == scene.keys["odd"].uid


@in_virtual_time
async def test_it_looks_soon_after_the_start_and_hourly_through_every_fault() -> None:
    scene = Scene(VirtualClock())
    await scene.with_row("gone")
    scene.delete("gone")
    scene.sink.down = "stopped"
    looking = asyncio.create_task(scene.vanished.run())
    await asyncio.sleep(FIRST_AFTER_SECONDS + 1)
    scene.sink.down = None
    await asyncio.sleep(timedelta(minutes=2).total_seconds())
    assert scene.ended() == {"gone"}
    await scene.with_row("later")
    scene.delete("later")
    await asyncio.sleep(PERIOD_SECONDS + 1)
    assert scene.ended() == {"gone", "later"}
    looking.cancel()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


async def test_a_deletion_that_nobody_saw_is_found_by_the_sweep(world: World) -> None:
    """The operator was down, and nothing had been copied."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    await world.end()
    world.store.delete(key)
    await world.restart()

    objects = InMemoryObjects({Kind.POLICIES: world.store})
    await Vanished(world.sink, objects, world.clock, world.telemetry).sweep()

    assert world.rows() == [("autonomy-rate", "slo_autonomy_rate_violation", True)]
