"""kopf against a real API server: what it sees, when it ticks, and what it leaves alone."""

import asyncio
import gc
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import kopf
import pytest
from tests.support.kopf_world import (
    GROUP_PATH,
    Hands,
    Witness,
    kopf_running,
    reader_kubeconfig,
    serve_crds,
    until,
)
from tests.support.unsearched import unsearched

from governor.adapters.kubernetes.connection import Connection, RefusedError
from governor.adapters.kubernetes.credentials import load
from governor.api import API_VERSION
from governor.app.ports import Kind
from governor_local.stack import Stack

FAST = {"1h": 1, "2h": 2}

EVERYBODY = {"from": "All"}
OTHERS: dict[tuple[Kind, str, str], dict[str, Any]] = {
    (Kind.SOURCES, "GovernanceSource", "governancesources"): {
        "allowedNamespaces": EVERYBODY,
        "prometheus": {"url": "http://127.0.0.1:9"},
    },
    (Kind.CHANNELS, "GovernanceChannel", "governancechannels"): {
        "allowedNamespaces": EVERYBODY,
        "alertmanager": {"urls": ["http://127.0.0.1:9"]},
    },
    (Kind.MUTES, "GovernanceMute", "namespaces/default/governancemutes"): {
        "policyRef": {"name": "flywheel"},
        "reason": "a migration",
        "owner": "sre",
        "expiresAt": "2026-01-01T00:00:00Z",
    },
}
"""Kind, its name and path, of what is seen beside policies and namespaces, and a spec of each."""


def fast(spec: Mapping[str, Any]) -> int:
    """Timers of one and two seconds, so that many ticks fit into a test."""
    return FAST.get(spec.get("interval", ""), 2)


@pytest.fixture(scope="module")
def reader(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of an account that may only read; the CRDs are applied."""
    serve_crds(stack)
    return reader_kubeconfig(stack, tmp_path_factory.mktemp("reader"))


@pytest.fixture
async def hands(stack: Stack) -> AsyncIterator[Hands]:
    """An administrator."""
    async with Connection(load(stack.kubeconfig)) as connection:
        yield Hands(connection)


@pytest.fixture
async def witness(reader: Path) -> AsyncIterator[Witness]:
    """What kopf tells, with timers of one and two seconds."""
    witness = Witness()
    async with kopf_running(reader, witness, ticks=FAST.values(), length=fast):
        await until(lambda: witness.active == set(Kind))
        yield witness


async def test_policies_are_seen_when_added_changed_and_deleted(
    witness: Witness, hands: Hands
) -> None:
    """Each time the whole object; at last that it is gone."""
    policy = await hands.create_policy("1h")
    uid = policy["metadata"]["uid"]
    await until(lambda: uid in witness.known)

    changed = await hands.change(policy, "2h")
    await until(lambda: witness.known[uid]["metadata"]["generation"] == 2)
    assert witness.known[uid]["spec"] == changed["spec"]

    await hands.delete(policy)
    await until(lambda: uid in witness.ends)


async def test_policies_are_seen_that_were_there_before(reader: Path, hands: Hands) -> None:
    """After a start, the list brings them."""
    policy = await hands.create_policy("1h")
    witness = Witness()

    async with kopf_running(reader, witness):
        await until(lambda: policy["metadata"]["uid"] in witness.known)

    seen = witness.known[policy["metadata"]["uid"]]
    assert (seen["kind"], seen["spec"]) == ("GovernancePolicy", policy["spec"])


@pytest.mark.parametrize(("kind", "name_of_kind", "path"), OTHERS)
async def test_other_kinds_are_seen_whole_until_they_are_deleted(
    witness: Witness, hands: Hands, kind: Kind, name_of_kind: str, path: str
) -> None:
    """Each by its own way; they have no timers."""
    name, spec = f"kopf-{uuid4().hex[:12]}", OTHERS[kind, name_of_kind, path]
    path, head = f"{GROUP_PATH}/{path}", {"apiVersion": API_VERSION, "kind": name_of_kind}
    body = {**head, "metadata": {"name": name}, "spec": spec}
    uid = (await hands.request("POST", path, body))["metadata"]["uid"]
    await until(lambda: uid in witness.objects[kind])
    assert witness.objects[kind][uid]["spec"] == spec

    await hands.request("DELETE", f"{path}/{name}")

    await until(lambda: uid in witness.ends)
    assert witness.ticks_of(uid) == []


async def test_events_and_ticks_leave_no_garbage_of_patches(witness: Witness, hands: Hands) -> None:
    """Ten thousand policies tick each minute, and garbage is looked for seldom."""
    policy = await hands.create_policy("3h")
    uid = policy["metadata"]["uid"]
    await until(lambda: witness.ticks_of(uid))
    with unsearched():
        before, ticks = _patches(), len(witness.ticks_of(uid))
        for interval in ("4h", "5h", "6h", "7h"):  # all have the same timer
            policy = await hands.change(policy, interval)
        await until(lambda: len(witness.ticks_of(uid)) >= ticks + 3)
        # Its timer's own, and one that may be on its way.
        assert _patches() <= before + 2


def _patches() -> int:
    return sum(isinstance(each, kopf.Patch) for each in gc.get_objects())


async def test_namespaces_are_seen_with_their_labels(witness: Witness, hands: Hands) -> None:
    """Sources allow namespaces by label."""
    name = f"kopf-{uuid4().hex[:12]}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    created = await hands.request("POST", "/api/v1/namespaces", body)
    uid = created["metadata"]["uid"]
    known = witness.objects[Kind.NAMESPACES]
    await until(lambda: uid in known)

    metadata = {**created["metadata"], "labels": {"team": "sre"}}
    await hands.request("PUT", f"/api/v1/namespaces/{name}", {**created, "metadata": metadata})
    await until(lambda: known[uid]["metadata"]["labels"].get("team") == "sre")

    await hands.request("DELETE", f"/api/v1/namespaces/{name}")
    # The namespace controller's part: nothing is in it.
    ending = await hands.request("GET", f"/api/v1/namespaces/{name}")
    await hands.request("PUT", f"/api/v1/namespaces/{name}/finalize", {**ending, "spec": {}})
    await until(lambda: uid in witness.ends)


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [("5s", 5), ("10s", 10), ("15s", 15), ("30s", 30), ("2m", 60), ("25s", 5), ("40s", 10)],
)
async def test_the_first_tick_comes_at_once_from_the_longest_timer_that_divides(
    reader: Path, hands: Hands, interval: str, seconds: int
) -> None:
    """With the real lengths and the real choice among them."""
    witness = Witness()
    policy = await hands.create_policy(interval)
    async with kopf_running(reader, witness):
        await until(lambda: witness.ticks_of(policy["metadata"]["uid"]))

    assert witness.ticks_of(policy["metadata"]["uid"]) == [seconds]


async def test_a_timer_ticks_on(witness: Witness, hands: Hands) -> None:
    """About once per its length, and the pulse is told; one tick may be late here."""
    policy = await hands.create_policy("1h")
    uid = policy["metadata"]["uid"]

    await until(lambda: len(witness.ticks_of(uid)) >= 4)

    times = [at for ticked, _, at in witness.ticks if ticked == uid]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 0.8 < median(gaps) < 2, gaps
    assert witness.ticking >= 1
    await until(lambda: witness.beats == len(witness.ticks))


async def test_exactly_one_timer_survives_any_number_of_flips(
    witness: Witness, hands: Hands
) -> None:
    """A → B → A … within moments, over and over: one timer ticks, of the last length."""
    policy = await hands.create_policy("1h")
    uid = policy["metadata"]["uid"]
    await until(lambda: witness.ticks_of(uid))
    for flip in range(24):
        await hands.change(policy, "2h" if flip % 2 == 0 else "1h")
    await until(lambda: witness.known[uid]["metadata"]["generation"] == 25)

    witness.ticks.clear()
    began = time.monotonic()
    await until(lambda: len(witness.ticks_of(uid)) >= 4)

    assert set(witness.ticks_of(uid)) == {1}
    assert time.monotonic() - began > 2.4  # two timers would be twice as fast


async def test_a_deleted_policy_ticks_no_more(witness: Witness, hands: Hands) -> None:
    """And the pulse expects no tick of it."""
    other = await hands.create_policy("1h")
    policy = await hands.create_policy("1h")
    uid = policy["metadata"]["uid"]
    await until(lambda: witness.ticks_of(uid) and witness.ticks_of(other["metadata"]["uid"]))
    ticking = witness.ticking

    await hands.delete(policy)
    await until(lambda: uid in witness.ends)

    assert witness.ticking == ticking - 1
    witness.ticks.clear()
    await until(lambda: len(witness.ticks_of(other["metadata"]["uid"])) >= 3)
    assert witness.ticks_of(uid) == []


async def test_a_policy_that_somebody_else_holds_back_from_deletion_ticks_no_more(
    witness: Witness, hands: Hands
) -> None:
    """A foreign finalizer keeps the object, but nothing is left to be governed."""
    policy = await hands.create_policy("1h", finalizers=["example.com/held"])
    uid = policy["metadata"]["uid"]
    await until(lambda: witness.ticks_of(uid))
    ticking = witness.ticking

    await hands.delete(policy)
    await until(lambda: "deletionTimestamp" in witness.known[uid]["metadata"])
    await until(lambda: witness.ticking == ticking - 1)

    held = await hands.read(policy)
    assert held["metadata"]["finalizers"] == ["example.com/held"]
    free = {**held["metadata"], "finalizers": []}
    await hands.request(
        "PUT",
        f"{GROUP_PATH}/namespaces/default/governancepolicies/{policy['metadata']['name']}",
        {**held, "metadata": free},
    )
    await until(lambda: uid in witness.ends)


async def test_nothing_is_ever_written(witness: Witness, hands: Hands) -> None:
    """Through changes of the tick length and a deletion, kopf only reads."""
    policy = await hands.create_policy("1h", annotations={"mine": "stays"})
    uid = policy["metadata"]["uid"]
    for interval in ("2h", "1h", "2h"):
        await hands.change(policy, interval)
        await until(lambda: witness.ticks_of(uid))
        witness.ticks.clear()

    metadata = (await hands.read(policy))["metadata"]
    assert "finalizers" not in metadata
    assert "annotations" not in metadata  # the last change of ours took them away
    assert {entry["manager"] for entry in metadata["managedFields"]} == {"governor"}
    await hands.delete(policy)
    await until(lambda: uid in witness.ends)
    assert set(witness.requests) == {"GET"}


async def test_a_deletion_completes_at_once_with_the_operator_stopped(
    reader: Path, hands: Hands
) -> None:
    """The operator is never in the way."""
    witness = Witness()
    policy = await hands.create_policy("1h")
    async with kopf_running(reader, witness):
        await until(lambda: witness.ticks_of(policy["metadata"]["uid"]))

    await hands.delete(policy)

    with pytest.raises(RefusedError) as caught:
        await hands.read(policy)
    assert caught.value.status == 404


async def test_a_stop_is_swift_and_leaves_no_task_behind(reader: Path) -> None:
    """Kopf ends in its own loop; in ours nothing of it was ever."""
    before = asyncio.all_tasks()
    witness = Witness()
    async with kopf_running(reader, witness):
        await until(lambda: witness.active == set(Kind))
        began = time.monotonic()

    assert time.monotonic() - began < 30
    assert asyncio.all_tasks() == before
    assert witness.active == set()


async def test_being_cancelled_ends_kopf_too(reader: Path) -> None:
    """No thread goes on to tell a loop that is gone."""
    witness = Witness()
    async with kopf_running(reader, witness) as running:
        await until(lambda: witness.active == set(Kind))
        running.task.cancel()
        await asyncio.wait({running.task})
        assert running.task.cancelled()
        assert witness.active == set()
