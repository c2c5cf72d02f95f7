"""What no watch told, over doubles: compared, read live, told once, and never too early."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.adapters.clock import SystemClock
from governor.adapters.memory.objects import InMemoryObjects
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.app.caches import Caches
from governor.app.ports import Json, Kind, ObjectKey
from governor.app.reconciling import Pace, Reconciler
from governor.domain.reconciling import missed
from governor.errors import StoreError, UnavailableError

POLICIES = Kind.POLICIES
TICK = 0.01
Versions = dict[str, int]
VERSIONS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5))


class Told:
    """Whom the caches tell, and the handlers' side."""

    def __init__(self) -> None:
        self.bodies: dict[ObjectKey, Json] = {}
        self.ends: list[ObjectKey] = []
        self.ticks: Counter[str] = Counter()
        self.forgotten: list[ObjectKey] = []
        self.expected: list[ObjectKey] = []

    def seen(self, kind: Kind, body: Json) -> None:
        assert kind is POLICIES
        self.bodies[ObjectKey.of(body)] = body

    def gone(self, kind: Kind, key: ObjectKey) -> None:
        assert kind is POLICIES
        del self.bodies[key]
        self.ends.append(key)

    def listed(self) -> None:
        """Nobody asks."""

    def policy_tick(self, uid: str, tick_seconds: int) -> None:
        self.ticks[uid] += tick_seconds

    def forget(self, key: ObjectKey) -> None:
        self.forgotten.append(key)

    def expect(self, key: ObjectKey) -> None:
        self.expected.append(key)


class World:
    """The API server, and what the application knows of it."""

    def __init__(self, pace: Pace) -> None:
        self.store = InMemoryStatusStore()
        self.telemetry = InMemoryTelemetry()
        self.told = Told()
        self.caches = Caches(SystemClock())
        objects = InMemoryObjects({POLICIES: self.store})
        self.reconciler = Reconciler(objects, self.caches, self.told, self.telemetry, pace=pace)

    def create(self, name: str = "flywheel", *, watched: bool = True) -> ObjectKey:
        """Somebody creates a policy; the watch tells, or does not."""
        body = self.store.create("aiops", name, {"interval": "1h"})
        if watched:
            self.caches.seen(POLICIES, body)
        return ObjectKey.of(body)

    def known(self) -> dict[ObjectKey, int]:
        """What the application was told."""
        versions = {k: int(b["metadata"]["resourceVersion"]) for k, b in self.told.bodies.items()}
        assert versions == self.caches.shelf(POLICIES).versions
        return versions

    @asynccontextmanager
    async def comparing(self) -> AsyncIterator[None]:
        """One comparison, begun: whatever the block does, happens while it waits."""
        task = asyncio.create_task(self.reconciler.reconcile(POLICIES))
        await asyncio.sleep(0)
        yield
        await task


@asynccontextmanager
async def told(pace: Pace) -> AsyncIterator[World]:
    """One whose application is told."""
    world = World(pace)
    async with world.caches.relayed_to(world.told):
        yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """One whose comparisons are seldom, and take a moment."""
    async with told(Pace(grace=TICK)) as world:
        yield world


async def until(condition: Any) -> None:
    """Waits for a condition."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - whatever makes it true sends no event
            await asyncio.sleep(TICK / 2)


@given(before=VERSIONS, listed=VERSIONS, after=VERSIONS)
def test_what_is_missed_is_suspected_for_a_reason(
    before: Versions, listed: Versions, after: Versions
) -> None:
    """Nobody who came during the list is a ghost; nothing older or told gone is news."""
    found = missed(before=before, listed=listed, after=after)

    assert all(key in before and key in after and key not in listed for key in found.ghosts)
    assert all(listed[key] > after.get(key, 0) for key in found.unseen)
    assert not found.unseen & (before.keys() - after.keys())
    left = after | {key: listed[key] for key in found.unseen}
    again = missed(before=left, listed=listed, after=left)
    assert not again.unseen - (before.keys() - after.keys())


async def test_an_object_that_went_unwatched_is_told_gone(world: World) -> None:
    """To everybody, once; nothing of it is left."""
    key, stays = world.create(), world.create("other")
    world.store.delete(key)

    await world.reconciler.reconcile(POLICIES)
    await world.reconciler.reconcile(POLICIES)

    assert world.told.ends == world.told.forgotten == [key]
    assert set(world.known()) == {stays}
    assert world.caches.shelf(POLICIES).buried == set()
    assert world.telemetry.misses == [(POLICIES, 1, 0)]


async def test_a_successor_of_the_same_name_is_another_object(world: World) -> None:
    """The first is told gone, the second seen."""
    old = world.create()
    world.store.delete(old)
    new = world.create(watched=False)

    await world.reconciler.reconcile(POLICIES)

    assert world.told.ends == [old]
    assert set(world.known()) == {new}
    assert world.told.expected == [new]
    assert world.telemetry.misses == [(POLICIES, 1, 1)]


async def test_a_version_that_no_watch_brought_is_told(world: World) -> None:
    """The newest there is; its timer ticks already."""
    key = world.create()
    newest = world.store.change_spec(key, {"interval": "2h"})

    await world.reconciler.reconcile(POLICIES)

    assert world.told.bodies[key] == newest
    assert world.told.expected == []
    assert world.telemetry.misses == [(POLICIES, 0, 1)]


async def test_what_is_being_deleted_is_told_but_needs_no_timer(world: World) -> None:
    """Somebody's finalizer holds it."""
    key = world.create(watched=False)
    world.store.mark_deleted(key)

    await world.reconciler.reconcile(POLICIES)

    assert set(world.known()) == {key}
    assert world.told.expected == []


async def test_a_watch_that_is_a_little_late_has_missed_nothing(world: World) -> None:
    """It has its grace, and as long as it goes on telling, more."""
    keys = [world.create(f"p-{number}", watched=False) for number in range(20)]
    async with world.comparing():
        for key in keys:
            world.caches.seen(POLICIES, world.store.peek(key))
            await asyncio.sleep(TICK / 4)

    assert set(world.known()) == set(keys)
    assert world.telemetry.misses == []


async def test_what_comes_during_a_list_is_no_ghost(world: World) -> None:
    """The list is older than it."""
    async with world.comparing():
        key = world.create()

    assert world.told.ends == []
    assert set(world.known()) == {key}


async def test_what_goes_while_it_is_compared_is_told_once(world: World) -> None:
    """By the watch; the list had it still."""
    key = world.create()
    async with world.comparing():
        world.store.delete(key)
        world.caches.gone(POLICIES, key)

    assert world.told.ends == [key]
    assert world.known() == {}
    assert world.telemetry.misses == []


async def test_an_answer_that_is_late_brings_nobody_back(world: World) -> None:
    """The object goes, and the watch says so, while its read is on the way."""
    key = world.create(watched=False)
    read, asked, answer = world.store.read, asyncio.Event(), asyncio.Event()

    async def slow(key: ObjectKey) -> Json:
        body = await read(key)
        asked.set()
        await answer.wait()
        return body

    world.store.read = slow  # type: ignore[method-assign]
    task = asyncio.create_task(world.reconciler.reconcile(POLICIES))
    await asked.wait()
    world.caches.gone(POLICIES, key)
    answer.set()
    await task

    assert world.known() == {}
    assert world.telemetry.misses == []


async def test_an_older_version_replaces_no_newer_one(world: World) -> None:
    """By whatever way it comes."""
    key = world.create()
    old, newest = world.store.peek(key), world.store.annotate(key, {"new": "yes"})
    world.caches.seen(POLICIES, newest)

    world.caches.seen(POLICIES, old)

    assert world.told.bodies[key] == newest


async def test_what_was_wrongly_told_gone_comes_back(world: World) -> None:
    """A list that has it is stronger than a word that it went."""
    key = world.create()
    world.caches.gone(POLICIES, key)
    world.caches.seen(POLICIES, world.store.peek(key))
    assert world.known() == {}

    await world.reconciler.reconcile(POLICIES)

    assert set(world.known()) == {key}


async def test_a_list_that_misses_what_is_there_ends_nobody(world: World) -> None:
    """A live read decides, always."""
    key = world.create()

    async def nothing() -> list[Json]:
        return []

    world.store.list = nothing  # type: ignore[method-assign, assignment]
    await world.reconciler.reconcile(POLICIES)

    assert world.told.ends == []
    assert set(world.known()) == {key}


@pytest.mark.parametrize("faults", [1, 2])
async def test_an_api_server_that_does_not_answer_ends_nobody(world: World, faults: int) -> None:
    """Neither when it is asked for the list nor for the object."""
    key = world.create()
    world.store.delete(key)
    if faults == 2:
        listing = world.store.list

        async def then_fail() -> Any:
            found = await listing()
            world.store.fail("before")
            return found

        world.store.list = then_fail  # type: ignore[method-assign]
    else:
        world.store.fail("before")

    with pytest.raises(StoreError):
        await world.reconciler.reconcile(POLICIES)

    assert world.told.ends == []
    assert set(world.known()) == {key}


async def test_it_compares_again_when_a_kind_was_not_watched(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And goes on asking until it is answered; what keeps it from that is said once."""
    async with told(Pace(grace=TICK, retrying=TICK)) as world:
        key = world.create()
        task = asyncio.create_task(world.reconciler.run())
        world.store.fail(*(UnavailableError("planted") for _ in range(3)))
        world.store.delete(key)

        world.caches.unwatched(POLICIES)

        await until(lambda: world.told.ends == [key])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        said = [record.message for record in caplog.records]
        assert said.count("what is known can't be compared now") == 1


async def test_it_compares_from_time_to_time_and_survives_a_bug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without being asked to."""
    async with told(Pace(period=TICK, grace=TICK, retrying=TICK)) as world:
        key = world.create()
        world.store.delete(key)
        listing, calls = world.store.list, 0

        async def stumble() -> Any:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise ValueError("planted")
            return await listing()

        world.store.list = stumble  # type: ignore[method-assign]
        task = asyncio.create_task(world.reconciler.run())
        await until(lambda: world.told.ends == [key])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert "comparing failed; it goes on" in caplog.messages


async def test_a_kind_that_is_uninstalled_has_no_objects(world: World) -> None:
    """Whatever is known of it is gone."""
    key = world.create()
    nothing = InMemoryObjects({})
    reconciler = Reconciler(
        nothing, world.caches, world.told, world.telemetry, pace=Pace(grace=TICK)
    )

    await reconciler.reconcile(POLICIES)

    assert world.told.ends == [key]
