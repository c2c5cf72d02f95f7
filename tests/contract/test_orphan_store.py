"""Every OrphanStore keeps to the same rules: the double and the real API server."""

import json
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.support.builders import UID, History, spec
from tests.support.forged import NEVER, forged

from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.orphan_store import LABEL, KubernetesOrphanStore
from governor.adapters.memory.orphan_store import InMemoryOrphanStore
from governor.app.ports import ObjectKey, Orphan, OrphanStore
from governor.domain.bequests import SPECS_BYTES, legible
from governor.domain.log import LIMIT_BYTES
from governor_local.stack import Stack

X = {"uid": "x", "namespace": "aiops", "name": "flywheel"}
"""The policy that `orphan-x` should name."""


@pytest.fixture(params=["memory", "kubernetes"])
def store(request: pytest.FixtureRequest) -> OrphanStore:
    if request.param == "memory":
        return InMemoryOrphanStore()
    connection = request.getfixturevalue("connection")
    return KubernetesOrphanStore(connection, namespace=request.getfixturevalue("namespace"))


@pytest.fixture
def orphan() -> Orphan:
    """A policy's log with an opening, and its spec."""
    history = History()
    history.slots("violated")
    key = ObjectKey(uid=UID, namespace="aiops", name="flywheel")
    return Orphan(key=key, pending=history.status.pending, specs={1: spec()})


async def test_what_is_put_is_there_as_it_was(store: OrphanStore, orphan: Orphan) -> None:
    await store.put(orphan)

    assert await store.all() == [orphan]


async def test_a_later_one_of_the_same_policy_takes_its_place(
    store: OrphanStore, orphan: Orphan
) -> None:
    await store.put(orphan)
    left = (orphan.pending[0].model_copy(update={"targets": ("sink",)}),)
    later = replace(orphan, pending=left, specs={})
    await store.put(later)

    assert await store.all() == [later]


async def test_the_largest_that_a_policy_can_leave_has_room(
    store: OrphanStore, orphan: Orphan
) -> None:
    """Specs up to their bound, a log up to its own, and an end of every finding there can be."""
    entry = orphan.pending[0].model_copy(update={"message": "\U0001f525" * 256})
    entries = [entry.model_copy(update={"id": uuid4()}) for _ in range(2 * 32 + 3 + 32)]
    listed = orphan.pending[0].model_copy(update={"lists": "x" * (LIMIT_BYTES - 1024)})
    specs = {1: {"text": "é" * (SPECS_BYTES // len("\\u00e9") - 16)}}
    largest = replace(orphan, pending=(*entries, listed, listed), specs=specs)
    assert legible(specs, entries) == specs
    await store.put(largest)

    assert await store.all() == [largest]


async def test_each_policy_has_its_own_and_can_be_done_with(
    store: OrphanStore, orphan: Orphan
) -> None:
    other = replace(orphan, key=replace(orphan.key, uid=str(uuid4())))
    await store.put(orphan)
    await store.put(other)
    await store.remove(orphan.key.uid)
    await store.remove(orphan.key.uid)

    assert await store.all() == [other]


async def test_config_maps_of_others_are_none_of_its_business(
    stack: Stack, connection: Connection, namespace: str
) -> None:
    stack.kubectl("create", "configmap", "theirs", "-n", namespace, "--from-literal=a=b")

    assert await KubernetesOrphanStore(connection, namespace=namespace).all() == []


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"policy.json": "{", "pending.json": "[]"},
        {"policy.json": "[]", "pending.json": "[]"},
        {"policy.json": json.dumps(X)},
        {"policy.json": json.dumps(X), "pending.json": '[{"id": 7}]'},
        {"policy.json": json.dumps(X), "pending.json": "[]", "specs.json": '{"one": {}}'},
        {"policy.json": json.dumps(X | {"uid": "y"}), "pending.json": "[]"},
        *(
            {"policy.json": json.dumps(X), "pending.json": json.dumps(log)}
            for time in (*NEVER, "2026-02-03T04:05:06")
            for log in [forged("drift", "pending[].decidedAt", time)["pending"]]
        ),
    ],
)
async def test_one_that_somebody_spoiled_is_named_and_hides_no_other(
    stack: Stack,
    connection: Connection,
    namespace: str,
    orphan: Orphan,
    data: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It stays where it is: a person may mend it."""
    store = KubernetesOrphanStore(connection, namespace=namespace)
    await store.put(orphan)
    spoiled = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "orphan-x", "namespace": namespace, "labels": {LABEL: "x"}},
        "data": data,
    }
    stack.kubectl("apply", "-f", "-", input=json.dumps(spoiled))

    assert await store.all() == [orphan]
    assert [record.config_map for record in caplog.records if hasattr(record, "config_map")] == [
        "orphan-x"
    ]
