"""What no watch tells is found and told, and nothing is left of what is gone.

kopf and the reconciler behind a front that breaks what is between them and the real API
server, on every kind. Through each fault one process, and but for the worst one life of kopf.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.support.api_front import ApiFront, api_front
from tests.support.kopf_world import (
    GROUP_PATH,
    Hands,
    Running,
    Witness,
    kopf_running,
    reader_kubeconfig,
    serve_crds,
    until,
)

from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.credentials import load
from governor.api import API_VERSION
from governor.app.ports import Json, Kind
from governor.app.reconciling import Pace
from governor.handlers import running as running_module
from governor_local.stack import Stack

SELDOM = Pace(period=3600, grace=0.3, retrying=0.3)
"""Compares only when a kind was not watched."""
OFTEN = Pace(period=0.5, grace=0.3, retrying=0.3)

EVERYBODY = {"from": "All"}
OTHERS: dict[Kind, tuple[str, str, dict[str, Any]]] = {
    Kind.SOURCES: (
        "GovernanceSource",
        f"{GROUP_PATH}/governancesources",
        {"allowedNamespaces": EVERYBODY, "prometheus": {"url": "http://127.0.0.1:9"}},
    ),
    Kind.CHANNELS: (
        "GovernanceChannel",
        f"{GROUP_PATH}/governancechannels",
        {"allowedNamespaces": EVERYBODY, "alertmanager": {"urls": ["http://127.0.0.1:9"]}},
    ),
    Kind.MUTES: (
        "GovernanceMute",
        f"{GROUP_PATH}/namespaces/default/governancemutes",
        {
            "policyRef": {"name": "flywheel"},
            "reason": "a migration",
            "owner": "sre",
            "expiresAt": "2026-01-01T00:00:00Z",
        },
    ),
}
"""Kind → its name, the path of its objects, a spec."""


def every_second(_: Any) -> int:
    """Timers of one second, so that many ticks fit into a test."""
    return 1


@pytest.fixture(scope="module")
def reader(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of an account that may only read; the CRDs are applied."""
    serve_crds(stack)
    return reader_kubeconfig(stack, tmp_path_factory.mktemp("reader"))


@pytest.fixture
async def hands(stack: Stack, reader: Path) -> AsyncIterator[Hands]:
    """An administrator, who goes past the front, and takes away what he made.

    What other modules have left would tick, too: it goes before.
    """
    del reader  # whose fixture has applied the CRDs
    policies = f"{GROUP_PATH}/namespaces/default/governancepolicies"
    async with Connection(load(stack.kubeconfig)) as connection:
        await connection.request("DELETE", policies)
        yield Hands(connection)
        await connection.request("DELETE", policies)


@pytest.fixture
async def front(stack: Stack) -> AsyncIterator[ApiFront]:
    """What stands between kopf and the API server."""
    async with api_front(stack.kubeconfig) as front:
        yield front


@pytest.fixture
def through(front: ApiFront, reader: Path, tmp_path: Path) -> Path:
    """The reader's kubeconfig, through the front."""
    return front.kubeconfig(reader, tmp_path / "through")


@pytest.fixture
def witness() -> Witness:
    """What the application is told."""
    return Witness()


@asynccontextmanager
async def informed(
    front: ApiFront, through: Path, witness: Witness, pace: Pace
) -> AsyncIterator[Running]:
    """Kopf with timers of a second, watching every kind, and the reconciler."""
    fast = kopf_running(through, witness, ticks=(1,), length=every_second, pace=pace)
    async with fast as running:
        await until(lambda: all(front.watched(kind) for kind in Kind))
        yield running


def uid_of(body: Json) -> str:
    """Which object."""
    uid: str = body["metadata"]["uid"]
    return uid


async def create(hands: Hands, kind: Kind) -> tuple[str, str]:
    """The uid of a new object that is no policy, and its path."""
    name, path, spec = OTHERS[kind]
    metadata = {"name": f"repaired-{uuid4().hex[:12]}"}
    body = {"apiVersion": API_VERSION, "kind": name, "metadata": metadata, "spec": spec}
    return uid_of(await hands.request("POST", path, body)), f"{path}/{metadata['name']}"


async def all_known(witness: Witness, hands: Hands) -> None:
    """Waits until all that is there, of every kind, was told."""
    there: set[str] = set()
    for kind in Kind:
        path = "/api/v1" if kind is Kind.NAMESPACES else GROUP_PATH
        there |= {uid_of(body) for body in (await hands.request("GET", f"{path}/{kind}"))["items"]}
    await until(lambda: there <= {uid for kind in Kind for uid in witness.objects[kind]})


async def nothing_left(running: Running, witness: Witness, *uids: str) -> None:
    """Waits until nobody knows anything of these objects."""
    await until(lambda: set(uids) <= set(witness.ends))
    known = {key.uid for kind in Kind for key in running.caches.shelf(kind).versions}
    assert not known & set(uids)
    await until(lambda: not running.kept & set(uids))
    await until(lambda: not set(running.timers()) & set(uids))
    assert witness.ticking == len(witness.known)


async def test_deletions_that_a_compaction_swallowed_are_found(
    front: ApiFront, through: Path, witness: Witness, hands: Hands
) -> None:
    """Of every kind, from the list that follows a 410; in the same life, and the rest ticks on."""
    async with informed(front, through, witness, SELDOM) as running:
        stays, goes = await hands.create_policy("1h"), await hands.create_policy("1h")
        others = [await create(hands, kind) for kind in OTHERS]
        gone = [uid_of(goes), *(uid for uid, _ in others)]
        await until(lambda: set(gone) <= {uid for kind in Kind for uid in witness.objects[kind]})
        await until(lambda: {uid_of(stays), uid_of(goes)} <= witness.ticked())
        life = running.life

        async with AsyncExitStack() as gaps:
            for kind in (Kind.POLICIES, *OTHERS):
                await gaps.enter_async_context(front.compacted(kind))
            await hands.delete(goes)
            for _, path in others:
                await hands.request("DELETE", path)

        await nothing_left(running, witness, *gone)
        assert sorted(witness.ends) == sorted(gone)
        witness.ticks.clear()
        await until(lambda: len(witness.ticks_of(uid_of(stays))) >= 2)
        assert uid_of(goes) not in witness.ticked()
        assert running.life is life


async def test_what_is_kept_is_level_over_many_compactions(
    front: ApiFront, through: Path, witness: Witness, hands: Hands
) -> None:
    """Objects counted, round after round."""
    async with informed(front, through, witness, SELDOM) as running:
        before = running.kept

        for _ in range(3):
            policies = [await hands.create_policy("1h") for _ in range(10)]
            uids = {uid_of(policy) for policy in policies}
            await until(lambda uids=uids: uids <= witness.ticked())  # type: ignore[misc]
            async with front.compacted(Kind.POLICIES):
                for policy in policies:
                    await hands.delete(policy)
            await nothing_left(running, witness, *uids)

        assert running.kept == before
        assert witness.ticking == 0
        assert running.timers() == {}
        assert len(witness.ends) == 30


async def test_a_namespace_that_came_again_keeps_its_labels(
    front: ApiFront, through: Path, witness: Witness, hands: Hands
) -> None:
    """The end of the first is found after the start of the second of its name."""
    name = f"repaired-{uuid4().hex[:12]}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    path = f"/api/v1/namespaces/{name}"
    async with informed(front, through, witness, SELDOM) as running:
        first = uid_of(await hands.request("POST", "/api/v1/namespaces", body))
        await until(lambda: first in witness.objects[Kind.NAMESPACES])

        async with front.compacted(Kind.NAMESPACES):
            await hands.request("DELETE", path)
            ending = await hands.request("GET", path)
            await hands.request("PUT", f"{path}/finalize", {**ending, "spec": {}})
            second = uid_of(await hands.request("POST", "/api/v1/namespaces", body))

        await nothing_left(running, witness, first)
        assert second in witness.objects[Kind.NAMESPACES]


async def test_a_half_open_watch_hides_nothing_for_long(
    front: ApiFront, through: Path, witness: Witness, hands: Hands
) -> None:
    """What is created, changed and deleted is told long before kopf gives the watch up."""
    async with informed(front, through, witness, OFTEN) as running:
        changes, goes = await hands.create_policy("1h"), await hands.create_policy("1h")
        await until(lambda: {uid_of(changes), uid_of(goes)} <= witness.ticked())
        await all_known(witness, hands)
        running.telemetry.misses.clear()  # at the start a watch may come later than a comparison
        front.freeze(Kind.POLICIES)
        life, lists = running.life, front.asked.count(("watch", Kind.POLICIES))

        comes = await hands.create_policy("1h")
        await hands.change(changes, "2h")
        await hands.delete(goes)

        await until(lambda: uid_of(comes) in witness.known)
        await until(lambda: witness.known[uid_of(changes)]["metadata"]["generation"] == 2)
        await nothing_left(running, witness, uid_of(goes))
        assert front.asked.count(("watch", Kind.POLICIES)) == lists
        assert running.life is life
        kinds = {kind for kind, _, _ in running.telemetry.misses}
        assert kinds == {Kind.POLICIES}
        assert sum(gone for _, gone, _ in running.telemetry.misses) == 1
        assert sum(seen for _, _, seen in running.telemetry.misses) == 2


async def test_a_watch_that_works_is_missed_by_nothing(
    front: ApiFront, through: Path, witness: Witness, hands: Hands
) -> None:
    """However often it is compared: what is on its way is not told twice, nothing is told gone.

    The watch has the time that it may need on a busy machine.
    """
    async with informed(front, through, witness, replace(OFTEN, grace=5.0)) as running:
        policies = [await hands.create_policy("1h") for _ in range(20)]
        for policy in policies[:10]:
            await hands.change(policy, "2h")
            await hands.delete(policy)
        await until(lambda: len(witness.ends) == 10)
        await until(lambda: len(witness.ticked() & set(witness.known)) == 10)

        assert running.telemetry.misses == []
        assert sorted(witness.ends) == sorted(uid_of(policy) for policy in policies[:10])


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_lists_that_fail_for_a_while_are_survived(
    front: ApiFront, through: Path, witness: Witness, hands: Hands, status: int
) -> None:
    """Nobody is told gone meanwhile, though reads fail alike; then what went is found."""
    async with informed(front, through, witness, OFTEN) as running:
        stays, goes = await hands.create_policy("1h"), await hands.create_policy("1h")
        await until(lambda: {uid_of(stays), uid_of(goes)} <= witness.ticked())

        for verb in ("list", "get", "watch"):
            front.refusals[verb, Kind.POLICIES] = status
        front.cut(Kind.POLICIES)
        await hands.delete(goes)
        tried = front.asked.count(("list", Kind.POLICIES))
        await until(lambda: front.asked.count(("list", Kind.POLICIES)) >= tried + 4, 40)
        assert witness.ends == []
        front.refusals.clear()

        await until(lambda: uid_of(goes) in witness.ends, 60)
        witness.ticks.clear()
        await until(lambda: witness.ticks_of(uid_of(stays)), 60)
        await nothing_left(running, witness, uid_of(goes))
        assert not running.task.done()


async def test_a_token_that_is_revoked_is_read_again(
    stack: Stack, front: ApiFront, tmp_path: Path, witness: Witness, hands: Hands
) -> None:
    """Through 401s, watches and comparisons go on under the token that the file holds now."""
    name = f"revoked-{uuid4().hex[:8]}"
    through = tmp_path / "through"
    front.kubeconfig(await asyncio.to_thread(reader_kubeconfig, stack, tmp_path, name), through)
    async with informed(front, through, witness, OFTEN) as running:
        goes = await hands.create_policy("1h")
        await until(lambda: uid_of(goes) in witness.ticked())
        await asyncio.to_thread(stack.kubectl, "delete", "serviceaccount", name, "-n", "default")
        # The server believes a token for some seconds more.
        await until(lambda: front.cut(Kind.POLICIES) or front.answered[401] > 2, 60)
        await hands.delete(goes)
        front.kubeconfig(await asyncio.to_thread(reader_kubeconfig, stack, tmp_path, name), through)

        await until(lambda: uid_of(goes) in witness.ends, 90)
        comes = await hands.create_policy("1h")
        await until(lambda: uid_of(comes) in witness.ticked(), 90)
        await nothing_left(running, witness, uid_of(goes))


async def test_timers_that_died_silently_tick_again(
    front: ApiFront, through: Path, witness: Witness, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kopf never starts such a timer again. Another life of it does; one is enough."""
    monkeypatch.setattr(running_module, "SILENT_SECONDS", 4.0)
    monkeypatch.setattr(running_module, "LOOK_SECONDS", 0.5)
    async with informed(front, through, witness, SELDOM) as running:
        killed, lives = await hands.create_policy("1h"), await hands.create_policy("1h")
        await until(lambda: {uid_of(killed), uid_of(lives)} <= witness.ticked())
        first = running.life

        running.kill_timers(uid_of(killed))
        await hands.change(killed, "2h")  # an event does not revive it
        await until(lambda: witness.known[uid_of(killed)]["metadata"]["generation"] == 2)
        assert uid_of(killed) not in running.timers()

        await until(lambda: running.life not in (first, None), 40)
        second = running.life
        witness.ticks.clear()
        await until(lambda: len(witness.ticks_of(uid_of(killed))) >= 8, 40)
        timers = running.timers()  # of what other tests left, too
        assert (timers[uid_of(killed)], timers[uid_of(lives)]) == (1, 1)
        assert running.life is second


async def test_a_policy_that_kopf_never_shows_gets_a_timer_by_another_life(
    front: ApiFront, through: Path, witness: Witness, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison tells it at once; that it does not tick, the watch over kopf notices."""
    monkeypatch.setattr(running_module, "SILENT_SECONDS", 4.0)
    monkeypatch.setattr(running_module, "LOOK_SECONDS", 0.5)
    async with informed(front, through, witness, OFTEN) as running:
        first = running.life
        front.freeze(Kind.POLICIES)
        hidden = uid_of(await hands.create_policy("1h"))
        await until(lambda: hidden in witness.known)
        assert hidden not in witness.ticked()

        await until(lambda: hidden in witness.ticked(), 40)
        assert running.life is not first
