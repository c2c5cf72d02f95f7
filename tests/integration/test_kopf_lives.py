"""kopf through faults: CRDs that are missing or removed, an API server that goes away.

On a stack of its own: what is removed here, others rely on.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.api_front import api_front
from tests.support.kopf_world import (
    CRDS,
    GROUP_PATH,
    Hands,
    Witness,
    kopf_running,
    reader_kubeconfig,
    serve_crds,
    until,
)

from governor.adapters.kubernetes.cluster import missing_crds
from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.credentials import load
from governor.app.ports import Kind
from governor.app.reconciling import Pace
from governor_local.stack import Stack


@pytest.fixture(scope="module")
def cluster() -> Iterator[Stack]:
    """An API server without our CRDs."""
    folder = Path(tempfile.mkdtemp(prefix="governor-kopf-"))
    try:
        with Stack.up(name=folder.name, directory=folder / "stack") as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def without_crds(cluster: Stack) -> Stack:
    """The cluster, none of our CRDs in it."""
    cluster.kubectl("delete", "--ignore-not-found", "--wait", "-k", str(CRDS))
    return cluster


@pytest.fixture(scope="module")
def reader(cluster: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of an account that may only read."""
    return reader_kubeconfig(cluster, tmp_path_factory.mktemp("reader"))


@pytest.fixture
async def connection(cluster: Stack) -> AsyncIterator[Connection]:
    """An administrator's."""
    async with Connection(load(cluster.kubeconfig)) as connection:
        yield connection


@pytest.fixture
def hands(connection: Connection) -> Hands:
    """An administrator."""
    return Hands(connection)


async def created(hands: Hands) -> str:
    """The uid of a new policy, as soon as the API server serves the kind."""
    while True:
        try:
            policy = await hands.create_policy("5s")
        except Exception:  # noqa: BLE001 - how it is refused changes while the CRD settles
            await asyncio.sleep(0.1)
        else:
            uid: str = policy["metadata"]["uid"]
            return uid


async def test_missing_crds_are_named(without_crds: Stack, connection: Connection) -> None:
    """Each of them."""
    assert await missing_crds(connection) == [
        "governancechannels.governance.aiops.dev is not installed",
        "governancemutes.governance.aiops.dev is not installed",
        "governancepolicies.governance.aiops.dev is not installed",
        "governancesources.governance.aiops.dev is not installed",
    ]


async def test_it_waits_for_crds_that_are_missing_at_the_start(
    without_crds: Stack, reader: Path, hands: Hands
) -> None:
    """It says which, and sees the first policy once they are applied."""
    witness = Witness()
    async with kopf_running(reader, witness):
        await until(lambda: witness.missing)
        assert "governancepolicies.governance.aiops.dev is not installed" in witness.missing
        assert witness.active == set()

        await asyncio.to_thread(serve_crds, without_crds)
        uid = await created(hands)

        await until(lambda: uid in witness.known and uid in witness.ticked(), 30)
        assert witness.active == set(Kind)


async def test_it_survives_the_removal_of_its_crds(
    without_crds: Stack, reader: Path, hands: Hands
) -> None:
    """It waits for them again, and then works as before; tasks of ours live on."""
    cluster, witness = without_crds, Witness()
    serve_crds(cluster)
    async with kopf_running(reader, witness) as running:
        first = await created(hands)
        await until(lambda: first in witness.ticked())
        ours = asyncio.create_task(asyncio.sleep(3600))

        await asyncio.to_thread(
            cluster.kubectl, "delete", "--wait", "--timeout=30s", "-k", str(CRDS)
        )
        await until(lambda: witness.missing, 30)
        assert witness.active == set()
        assert witness.ticking == 0

        await asyncio.to_thread(serve_crds, cluster)
        second = await created(hands)
        await until(lambda: second in witness.ticked(), 30)
        assert witness.active == set(Kind)
        assert not running.task.done()
        assert not ours.done()
        ours.cancel()


async def test_a_removal_of_its_crds_that_no_watch_told_is_found(
    without_crds: Stack, reader: Path, hands: Hands, tmp_path: Path
) -> None:
    """Without their CRD there are no policies: what is known of them ends."""
    cluster, witness = without_crds, Witness()
    serve_crds(cluster)
    pace = Pace(period=0.5, grace=0.3, retrying=0.3)
    async with (
        api_front(cluster.kubeconfig) as front,
        kopf_running(front.kubeconfig(reader, tmp_path / "through"), witness, pace=pace) as running,
    ):
        await until(lambda: all(front.watched(kind) for kind in Kind))
        first = await created(hands)
        await until(lambda: first in witness.ticked())

        async with front.compacted(Kind.POLICIES):
            await asyncio.to_thread(
                cluster.kubectl, "delete", "--wait", "--timeout=30s", "-k", str(CRDS)
            )
            await until(lambda: first in witness.ends, 30)
        assert running.caches.shelf(Kind.POLICIES).versions == {}

        await asyncio.to_thread(serve_crds, cluster)
        second = await created(hands)
        await until(lambda: second in witness.ticked(), 60)
        assert witness.ends == [first]
        assert first not in running.kept


async def test_it_survives_an_api_server_that_restarts(
    cluster: Stack, reader: Path, connection: Connection, hands: Hands
) -> None:
    """Timers tick on meanwhile; afterwards what was changed is seen."""
    serve_crds(cluster)
    witness = Witness()
    async with kopf_running(reader, witness) as running:
        first = await created(hands)
        await until(lambda: first in witness.ticked())

        await asyncio.to_thread(cluster.control_plane.apiserver.stop)
        witness.ticks.clear()
        await until(lambda: first in witness.ticked())
        await asyncio.to_thread(cluster.control_plane.apiserver.start)

        second = await created(hands)
        await until(lambda: second in witness.known, 40)
        assert not running.task.done()
    await connection.request("DELETE", f"{GROUP_PATH}/namespaces/default/governancepolicies")


async def test_it_waits_for_an_api_server_that_is_away_at_the_start(
    cluster: Stack, reader: Path, hands: Hands
) -> None:
    """It says so, and starts once it is there."""
    serve_crds(cluster)
    witness = Witness()
    await asyncio.to_thread(cluster.control_plane.apiserver.stop)
    try:
        async with kopf_running(reader, witness):
            await until(lambda: any("does not say" in line for line in witness.missing))
            await asyncio.to_thread(cluster.control_plane.apiserver.start)
            uid = await created(hands)
            await until(lambda: uid in witness.known, 30)
    finally:
        await asyncio.to_thread(cluster.control_plane.apiserver.start)


async def test_a_revoked_token_is_read_again(cluster: Stack, tmp_path: Path, hands: Hands) -> None:
    """The watches go on under the token that the file holds now."""
    serve_crds(cluster)
    kubeconfig = reader_kubeconfig(cluster, tmp_path, "revoked")
    witness = Witness()
    async with kopf_running(kubeconfig, witness):
        await until(lambda: witness.active == set(Kind))
        # A token is good for one incarnation of its account.
        cluster.kubectl("delete", "serviceaccount", "revoked", "-n", "default")
        reader_kubeconfig(cluster, tmp_path, "revoked")
        await asyncio.to_thread(cluster.control_plane.apiserver.restart)  # cuts the watches
        uid = await created(hands)

        await until(lambda: uid in witness.known, 60)
