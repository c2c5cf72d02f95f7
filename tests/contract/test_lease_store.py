"""Every LeaseStore keeps to the same rules: the double and the real API server."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.lease_store import LEASE, KubernetesLeaseStore
from governor.adapters.memory.lease_store import InMemoryLeaseStore
from governor.app.ports import LeaseStore
from governor.domain.leases import Lease, released, taken
from governor.errors import ConflictError
from governor_local.stack import Stack

NOW = datetime(2026, 11, 25, 12, 30, 0, 123000, tzinfo=UTC)
FIRST = Lease(holder="one", acquired_at=NOW, renewed_at=NOW)
SECOND = replace(FIRST, holder="two", acquired_at=NOW + timedelta(seconds=1), transitions=1)


@pytest.fixture(params=["memory", "kubernetes"])
def store(request: pytest.FixtureRequest) -> LeaseStore:
    if request.param == "memory":
        return InMemoryLeaseStore()
    connection = request.getfixturevalue("connection")
    return KubernetesLeaseStore(connection, namespace=request.getfixturevalue("namespace"))


async def test_there_is_none_at_first(store: LeaseStore) -> None:
    assert await store.read() is None


async def test_one_that_somebody_deleted_is_made_anew(store: LeaseStore) -> None:
    """An update of a Lease that is not there creates it (`AllowCreateOnUpdate`)."""
    version = await store.replace("1", FIRST)

    assert await store.read() == (version, FIRST)


async def test_it_reads_as_it_was_written(store: LeaseStore) -> None:
    version = await store.create(FIRST)

    assert await store.read() == (version, FIRST)


async def test_only_one_can_create_it(store: LeaseStore) -> None:
    await store.create(FIRST)

    with pytest.raises(ConflictError):
        await store.create(SECOND)
    assert (await store.read() or ("", SECOND))[1] == FIRST


async def test_only_who_knows_the_latest_version_can_replace_it(store: LeaseStore) -> None:
    version = await store.create(FIRST)
    renewed = await store.replace(version, replace(FIRST, renewed_at=NOW + timedelta(seconds=2)))
    assert renewed != version

    with pytest.raises(ConflictError):
        await store.replace(version, SECOND)
    await store.replace(renewed, SECOND)
    assert (await store.read() or ("", FIRST))[1] == SECOND


async def test_it_can_be_given_back(store: LeaseStore) -> None:
    version = await store.create(FIRST)
    await store.replace(version, released(FIRST, NOW))

    assert (await store.read() or ("", FIRST))[1].holder == ""


async def test_what_somebody_made_of_it_reads_as_nobodys(
    stack: Stack, connection: Connection, namespace: str
) -> None:
    """An empty Lease is no reason to stand still."""
    store = KubernetesLeaseStore(connection, namespace=namespace)
    await store.create(FIRST)
    stack.kubectl(
        "patch", "lease", LEASE, "-n", namespace, "--type=merge",
        "-p", '{"spec": {"holderIdentity": null, "acquireTime": null, "renewTime": null}}',
    )  # fmt: skip

    found = await store.read()

    assert found is not None
    assert (found[1].holder, found[1].epoch) == ("", 0)


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00.000000+14:00", "9999-12-31T23:59:59.000000Z"]
)
async def test_whatever_times_somebody_wrote_into_it_can_be_read(
    stack: Stack, connection: Connection, namespace: str, time: str
) -> None:
    """The first one comes back in the year 0."""
    store = KubernetesLeaseStore(connection, namespace=namespace)
    await store.create(FIRST)
    times = json.dumps({"spec": {"acquireTime": time, "renewTime": time}})
    stack.kubectl("patch", "lease", LEASE, "-n", namespace, "--type=merge", "-p", times)

    version, lease = await store.read() or ("", FIRST)

    assert lease != FIRST
    after = taken(lease, "two", NOW, highest_epoch=0)
    await store.replace(version, after)
    assert (await store.read() or ("", FIRST))[1] == after
