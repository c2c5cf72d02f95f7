"""What there is, as the double and the real API server tell it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from tests.support.kopf_world import GROUP_PATH, policy_spec, serve_crds

from governor.adapters.kubernetes.cluster import wait_for_crds
from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.credentials import load
from governor.adapters.kubernetes.objects import KubernetesObjects
from governor.adapters.memory.objects import InMemoryObjects
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.api import API_VERSION
from governor.app.ports import Json, Kind, LiveObjects, ObjectKey
from governor.errors import GoneError

PATH = f"{GROUP_PATH}/namespaces/default/governancepolicies"


@dataclass(frozen=True)
class World:
    """What is tested, and the hands of somebody who makes policies."""

    objects: LiveObjects
    create: Callable[[str], Awaitable[Json]]
    touch: Callable[[ObjectKey], Awaitable[Json]]
    delete: Callable[[ObjectKey], Awaitable[None]]

    async def new(self) -> Json:
        """One with a name of its own."""
        return await self.create(f"live-{uuid4().hex[:12]}")


def in_memory() -> World:
    """The double."""
    store = InMemoryStatusStore()

    async def create(name: str) -> Json:
        return store.create("default", name, policy_spec("1h"))

    async def touch(key: ObjectKey) -> Json:
        return store.annotate(key, {"touched": "yes"})

    async def delete(key: ObjectKey) -> None:
        store.delete(key)

    return World(InMemoryObjects({Kind.POLICIES: store}), create, touch, delete)


def real(connection: Connection) -> World:
    """The API server."""

    async def create(name: str) -> Json:
        head = {"apiVersion": API_VERSION, "kind": "GovernancePolicy"}
        body = {**head, "metadata": {"name": name}, "spec": policy_spec("1h")}
        return await connection.request("POST", PATH, body=body)

    async def touch(key: ObjectKey) -> Json:
        path = f"{PATH}/{key.name}"
        body: dict[str, Any] = await connection.request("GET", path)
        metadata = {**body["metadata"], "annotations": {"touched": "yes"}}
        return await connection.request("PUT", path, body={**body, "metadata": metadata})

    async def delete(key: ObjectKey) -> None:
        await connection.request("DELETE", f"{PATH}/{key.name}")

    return World(KubernetesObjects(connection), create, touch, delete)


@pytest.fixture(params=["memory", "kubernetes"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each implementation in turn."""
    if request.param == "memory":
        yield in_memory()
        return
    stack = request.getfixturevalue("stack")
    serve_crds(stack)
    async with Connection(load(stack.kubeconfig)) as connection:
        await wait_for_crds(connection, lambda _: None)
        yield real(connection)


def version(body: Json) -> int:
    """The resourceVersion."""
    return int(body["metadata"]["resourceVersion"])


async def test_what_is_there_is_listed_in_its_newest_version(world: World) -> None:
    """Each object with its whole key; what is changed, with its new version."""
    one, other = await world.new(), await world.new()
    touched = await world.touch(ObjectKey.of(one))

    listed = await world.objects.versions(Kind.POLICIES)

    assert listed[ObjectKey.of(one)] == version(touched) > version(one)
    assert listed[ObjectKey.of(other)] == version(other)


async def test_what_is_gone_is_listed_no_more(world: World) -> None:
    """Nor under the name that another bears now."""
    old = ObjectKey.of(await world.new())
    await world.delete(old)
    new = ObjectKey.of(await world.create(old.name))

    listed = await world.objects.versions(Kind.POLICIES)

    assert old not in listed
    assert new in listed


async def test_nothing_may_be_there_at_all(world: World) -> None:
    """An empty list is no fault."""
    for key in await world.objects.versions(Kind.POLICIES):
        await world.delete(key)

    assert await world.objects.versions(Kind.POLICIES) == {}


async def test_more_than_one_answer_has_room_for_are_all_listed(world: World) -> None:
    """Five hundred come at a time."""
    made = [ObjectKey.of(body) for body in await asyncio.gather(*(world.new() for _ in range(501)))]
    try:
        assert set(made) <= (await world.objects.versions(Kind.POLICIES)).keys()
    finally:
        await asyncio.gather(*map(world.delete, made))


async def test_an_object_is_read_whole(world: World) -> None:
    """As it is now."""
    body = await world.new()
    touched = await world.touch(ObjectKey.of(body))

    assert await world.objects.read(Kind.POLICIES, ObjectKey.of(body)) == touched


async def test_an_absent_object_is_gone(world: World) -> None:
    """And so is one whose name another bears."""
    key = ObjectKey.of(await world.new())
    await world.delete(key)
    with pytest.raises(GoneError):
        await world.objects.read(Kind.POLICIES, key)

    await world.create(key.name)
    with pytest.raises(GoneError):
        await world.objects.read(Kind.POLICIES, key)
