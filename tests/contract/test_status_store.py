"""Every StatusStore keeps to the same rules: the double and the real API server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from tests.support.builders import History
from tests.support.kopf_world import serve_crds

from governor.adapters.kubernetes.cluster import wait_for_crds
from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.credentials import load
from governor.adapters.kubernetes.status_store import KubernetesStatusStore
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.app.ports import Json, ObjectKey, StatusStore
from governor.app.subjects import dump
from governor.errors import ConflictError, GoneError, StoreError, UnavailableError
from governor.values.outcomes import Measurement

Spec = dict[str, Any]

POLICY: Spec = {
    "interval": "1h",
    "checks": [
        {
            "name": "up",
            "promql": {"sourceRef": {"name": "prometheus"}, "query": "up"},
            "objective": {"direction": "Above", "redLine": 1},
        }
    ],
}
SOURCE: Spec = {
    "allowedNamespaces": {"from": "All"},
    "prometheus": {"url": "http://127.0.0.1:9"},
}
OTHER_POLICY = POLICY | {"suspend": True}
OTHER_SOURCE = SOURCE | {"prometheus": {"url": "http://127.0.0.1:10"}}


@dataclass(frozen=True)
class World:
    """A store, and the hands of somebody else who writes the same objects."""

    store: StatusStore
    other_spec: Spec
    """As valid as the one that objects are created with, and not the same."""
    status: Callable[[str], Json]
    """A status that says a word."""
    whole: Json
    """A status as the operator writes it."""
    create: Callable[[str], Awaitable[Json]]
    change: Callable[[ObjectKey, Spec], Awaitable[Json]]
    delete: Callable[[ObjectKey], Awaitable[None]]

    async def new(self) -> tuple[ObjectKey, Json]:
        """An object with a name of its own."""
        body = await self.create(f"o-{uuid4().hex[:12]}")
        return key_of(body), body


def key_of(body: Json) -> ObjectKey:
    """Whose body it is."""
    metadata = body["metadata"]
    return ObjectKey(
        uid=metadata["uid"], namespace=metadata.get("namespace", ""), name=metadata["name"]
    )


def version(body: Json) -> str:
    """The resourceVersion."""
    found: str = body["metadata"]["resourceVersion"]
    return found


def policy_status(word: str) -> Json:
    """A GovernancePolicy's."""
    return {"lastHandledRunNow": word}


def decided() -> Json:
    """What a policy's looks like with findings open, told and resolved, and a log."""
    life = History()
    life.slots("violated", "ok", "violated", Measurement(value=0.25), "error", "error", "error")
    return dump(life.status)


def source_status(word: str) -> Json:
    """A GovernanceSource's."""
    return {"serverVersion": word}


def in_memory() -> World:
    """The double."""
    store = InMemoryStatusStore()

    async def create(name: str) -> Json:
        return store.create("default", name, POLICY)

    async def change(key: ObjectKey, spec: Spec) -> Json:
        return store.change_spec(key, spec)

    async def delete(key: ObjectKey) -> None:
        store.delete(key)

    return World(
        store=store,
        other_spec=OTHER_POLICY,
        status=policy_status,
        whole=decided(),
        create=create,
        change=change,
        delete=delete,
    )


def real(connection: Connection, *, kind: str, plural: str, namespace: str) -> World:
    """The API server."""
    group = "/apis/governance.aiops.dev/v1alpha1"
    path = f"{group}/namespaces/{namespace}/{plural}" if namespace else f"{group}/{plural}"
    spec = POLICY if namespace else SOURCE

    async def create(name: str) -> Json:
        body = {
            "apiVersion": "governance.aiops.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        return await connection.request("POST", path, body=body)

    async def change(key: ObjectKey, spec: Spec) -> Json:
        body = await connection.request("GET", f"{path}/{key.name}")
        return await connection.request("PUT", f"{path}/{key.name}", body=body | {"spec": spec})

    async def delete(key: ObjectKey) -> None:
        await connection.request("DELETE", f"{path}/{key.name}")

    return World(
        store=KubernetesStatusStore(connection, kind=kind, plural=plural),
        other_spec=OTHER_POLICY if namespace else OTHER_SOURCE,
        status=policy_status if namespace else source_status,
        whole=decided() if namespace else source_status("3.8.1"),
        create=create,
        change=change,
        delete=delete,
    )


@pytest.fixture(params=["memory", "policies", "sources"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each implementation in turn; the API server for both kinds."""
    if request.param == "memory":
        yield in_memory()
        return
    stack = request.getfixturevalue("stack")
    serve_crds(stack)
    async with Connection(load(stack.kubeconfig)) as connection:
        await wait_for_crds(connection, lambda _: None)
        if request.param == "policies":
            yield real(
                connection,
                kind="GovernancePolicy",
                plural="governancepolicies",
                namespace="default",
            )
        else:
            yield real(
                connection, kind="GovernanceSource", plural="governancesources", namespace=""
            )


async def test_read_gives_what_was_created(world: World) -> None:
    """The object, with its spec and metadata."""
    key, body = await world.new()

    read = await world.store.read(key)

    assert read["spec"] == body["spec"]
    assert (key_of(read), version(read)) == (key, version(body))
    assert read["metadata"]["generation"] == 1


async def test_reading_an_absent_object_is_gone(world: World) -> None:
    """404."""
    key, _ = await world.new()
    await world.delete(key)

    with pytest.raises(GoneError):
        await world.store.read(key)


async def test_reading_a_successor_of_the_same_name_is_gone(world: World) -> None:
    """A name can change hands."""
    key, _ = await world.new()
    await world.delete(key)
    await world.create(key.name)

    with pytest.raises(GoneError):
        await world.store.read(key)


async def test_a_replaced_status_is_returned_and_read_back(world: World) -> None:
    """The answer is the new object, with a new resourceVersion and the old spec."""
    key, body = await world.new()

    answer = await world.store.replace_status(key, version(body), world.status("new"))

    assert answer["status"] == world.status("new")
    assert version(answer) != version(body)
    assert answer["spec"] == body["spec"]
    assert (await world.store.read(key))["status"] == world.status("new")


async def test_what_was_written_is_what_is_there(world: World) -> None:
    """To the last value: a watch that is faster than the answer shows it, and is not mistaken."""
    key, body = await world.new()

    answer = await world.store.replace_status(key, version(body), world.whole)

    assert answer["status"] == world.whole


async def test_a_status_is_replaced_whole(world: World) -> None:
    """What the new status does not say is gone, whoever wrote it."""
    key, body = await world.new()
    first = await world.store.replace_status(
        key, version(body), {"observedGeneration": 1, **world.status("a")}
    )

    second = await world.store.replace_status(key, version(first), world.status("b"))

    assert second["status"] == world.status("b")


async def test_status_writes_leave_generation_and_metadata_alone(world: World) -> None:
    """Neither labels nor annotations nor finalizers nor the generation change."""
    key, body = await world.new()

    answer = await world.store.replace_status(key, version(body), world.status("new"))

    ignored = {"resourceVersion", "managedFields"}
    assert {k: v for k, v in answer["metadata"].items() if k not in ignored} == {
        k: v for k, v in body["metadata"].items() if k not in ignored
    }


async def test_a_status_that_changes_nothing_keeps_the_version(world: World) -> None:
    """Nobody is woken by it."""
    key, body = await world.new()
    first = await world.store.replace_status(key, version(body), world.status("same"))

    second = await world.store.replace_status(key, version(first), world.status("same"))

    assert version(second) == version(first)


async def test_a_stale_version_conflicts(world: World) -> None:
    """Two writers, one read: the second loses, and nothing of it is stored."""
    key, body = await world.new()
    await world.store.replace_status(key, version(body), world.status("winner"))

    with pytest.raises(ConflictError):
        await world.store.replace_status(key, version(body), world.status("loser"))

    assert (await world.store.read(key))["status"] == world.status("winner")


async def test_a_change_of_spec_makes_the_version_stale(world: World) -> None:
    """And bumps the generation, so that a run for the old spec can't be written."""
    key, body = await world.new()

    changed = await world.change(key, world.other_spec)

    assert changed["metadata"]["generation"] == 2
    with pytest.raises(ConflictError):
        await world.store.replace_status(key, version(body), world.status("late"))


async def test_another_uid_conflicts_even_with_the_right_version(world: World) -> None:
    """A status is never written to a successor of the same name."""
    key, _ = await world.new()
    await world.delete(key)
    successor = await world.create(key.name)

    with pytest.raises(ConflictError):
        await world.store.replace_status(key, version(successor), world.status("ghost"))

    assert (await world.store.read(key_of(successor))).get("status") == successor.get("status")


async def test_replacing_the_status_of_an_absent_object_is_gone(world: World) -> None:
    """404."""
    key, body = await world.new()
    await world.delete(key)

    with pytest.raises(GoneError):
        await world.store.replace_status(key, version(body), world.status("late"))


@pytest.mark.parametrize("world", ["memory", "policies"], indirect=True)
async def test_a_leader_of_an_earlier_term_writes_nothing(world: World) -> None:
    """Not even with the newest version in its hands; one of the same term, or a later one, may."""
    key, body = await world.new()
    answer = await world.store.replace_status(key, version(body), {"epoch": 2})

    with pytest.raises(StoreError) as refused:
        await world.store.replace_status(key, version(answer), {"epoch": 1})
    assert not isinstance(refused.value, (ConflictError, UnavailableError))
    assert "epoch" in str(refused.value)

    for epoch in (2, 3):
        answer = await world.store.replace_status(key, version(answer), {"epoch": epoch})
    assert answer["status"] == {"epoch": 3}
