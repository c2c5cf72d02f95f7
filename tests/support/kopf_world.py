"""kopf under test: run against a real API server, and what it told written down."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import yaml

from governor.adapters.clock import SystemClock
from governor.adapters.kubernetes.cluster import PLURALS, wait_for_crds
from governor.adapters.kubernetes.connection import Connection, open_session
from governor.adapters.kubernetes.credentials import load
from governor.adapters.kubernetes.objects import KubernetesObjects
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.app.caches import Caches
from governor.app.ports import Json, Kind, ObjectKey
from governor.app.reconciling import Pace, Reconciler
from governor.domain.schedules import TICKS, tick_length
from governor.handlers.running import Kopf
from governor_local.stack import Stack

CRDS = Path(__file__).parents[2] / "crds"
GROUP_PATH = "/apis/governance.aiops.dev/v1alpha1"

ROLE: dict[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "kopf-under-test"},
    "rules": [
        {
            "apiGroups": ["governance.aiops.dev"],
            "resources": list(PLURALS),
            "verbs": ["get", "list", "watch"],
        },
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": ["apiextensions.k8s.io"],
            "resources": ["customresourcedefinitions"],
            "verbs": ["get"],
        },
    ],
}
"""What the protocol's rule 30 leaves to reading; kopf must get along with it."""

_log = logging.getLogger(__name__)


class Witness:
    """Writes down what the application and the pulse were told."""

    def __init__(self) -> None:
        self.objects: dict[Kind, dict[str, Json]] = {kind: {} for kind in Kind}
        """What is there, by uid, as last seen."""
        self.ends: list[str] = []
        """The uids of what went, in order."""
        self.ticks: list[tuple[str, int, float]] = []
        """uid, tick length, monotonic time."""
        self.active: set[str] = set()
        self.ticking = 0
        self.beats = 0
        self.requests: list[str] = []
        """The HTTP methods of every request of kopf."""
        self.missing: list[str] = []

    @property
    def known(self) -> dict[str, Json]:
        """The policies."""
        return self.objects[Kind.POLICIES]

    def told_missing(self, missing: Sequence[str]) -> None:
        """What the operator waits for; for a test that fails, too."""
        _log.warning("missing: %s", missing)
        self.missing.extend(missing)

    def seen(self, kind: Kind, body: Json) -> None:
        self.objects[kind][body["metadata"]["uid"]] = body

    def gone(self, kind: Kind, key: ObjectKey) -> None:
        self.objects[kind].pop(key.uid, None)
        self.ends.append(key.uid)

    def unwatched(self, kind: Kind) -> None:
        """Nobody asks."""

    def listed(self) -> None:
        """Nobody asks."""

    def policy_tick(self, uid: str, tick_seconds: int) -> None:
        self.ticks.append((uid, tick_seconds, time.monotonic()))

    def watch_activity(self, kind: str) -> None:
        self.active.add(kind)

    def watch_ended(self, kind: str) -> None:
        self.active.discard(kind)

    def policies(self, count: int) -> None:
        self.ticking = count

    def tick(self) -> None:
        self.beats += 1

    def ticks_of(self, uid: str) -> list[int]:
        """The tick lengths of the timers that fired for a policy, in order."""
        return [seconds for ticked, seconds, _ in self.ticks if ticked == uid]

    def ticked(self) -> set[str]:
        """The uids of all policies that ticked."""
        return {uid for uid, _, _ in self.ticks}


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Waits for a condition.

    Raises:
        TimeoutError: it never held.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited is the world
            await asyncio.sleep(0.02)


@asynccontextmanager
async def kopf_running(
    kubeconfig: Path,
    witness: Witness,
    *,
    ticks: Iterable[int] = TICKS,
    length: Callable[[Mapping[str, Any]], int] = tick_length,
    pace: Pace | None = None,
) -> AsyncIterator["Running"]:
    """Kopf for as long as the block lasts, then stopped in an orderly way.

    What it tells goes through the caches. With a pace, what it misses is reconciled.
    """

    async def count(_: Any, __: Any, params: aiohttp.TraceRequestStartParams) -> None:
        witness.requests.append(params.method)

    def session(trace: aiohttp.TraceConfig) -> tuple[str, aiohttp.ClientSession]:
        counting = aiohttp.TraceConfig()
        counting.on_request_start.append(count)
        credentials = load(kubeconfig)
        return credentials.server, open_session(credentials, trace, counting)

    stop = asyncio.Event()
    async with Connection(load(kubeconfig)) as connection:

        async def crds_served() -> None:
            await wait_for_crds(connection, witness.told_missing)

        caches, telemetry = Caches(SystemClock()), InMemoryTelemetry()
        kopf = Kopf(
            informed=caches,
            pulse=witness,
            open_session=session,
            crds_served=crds_served,
            ticks=ticks,
            tick_length=length,
        )
        reconciler = Reconciler(KubernetesObjects(connection), caches, kopf, telemetry, pace=pace)
        comparing = [asyncio.create_task(reconciler.run())] if pace else []
        running = asyncio.create_task(kopf.run(stop))
        try:
            async with caches.relayed_to(witness):
                yield Running(task=running, kopf=kopf, caches=caches, telemetry=telemetry)
            assert not any(task.done() for task in comparing), "the reconciler ended by itself"
        finally:
            for task in comparing:
                task.cancel()
            stop.set()
            done, _ = await asyncio.wait({running}, timeout=20)
            assert done, "it does not stop"
            if not running.cancelled():
                running.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs, and what it keeps."""

    task: asyncio.Task[None]
    kopf: Kopf
    caches: Caches
    telemetry: InMemoryTelemetry

    @property
    def life(self) -> Any:
        """Kopf's present life."""
        return self.kopf._life

    @property
    def kept(self) -> set[str]:
        """The uids of all objects of which kopf keeps something."""
        return set(self._items)

    def timers(self) -> Counter[str]:
        """The timers that run, by the uids of their policies."""
        tasks = asyncio.all_tasks(self.life._loop)
        return +Counter(
            {
                uid: sum(timer.task in tasks for timer in _timers(memory))
                for uid, memory in self._items.items()
            }
        )

    def kill_timers(self, uid: str) -> None:
        """What an error that escapes from kopf's own patch does: they end, and stay so."""
        for timer in _timers(self._items[uid]):
            self.life._loop.call_soon_threadsafe(timer.task.cancel)

    @property
    def _items(self) -> dict[str, Any]:
        """A copy, as kopf's thread goes on."""
        return dict(self.life._memories._items) if self.life else {}


def _timers(memory: Any) -> list[Any]:
    return list(memory.daemons_memory.running_daemons.values())


class Hands:
    """Somebody with kubectl."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create_policy(self, interval: str, **metadata: Any) -> Json:
        """A policy in the namespace `default`, with a name of its own."""
        return await self._connection.request(
            "POST",
            f"{GROUP_PATH}/namespaces/default/governancepolicies",
            body={
                "apiVersion": "governance.aiops.dev/v1alpha1",
                "kind": "GovernancePolicy",
                "metadata": {"name": f"kopf-{uuid4().hex[:12]}", **metadata},
                "spec": policy_spec(interval),
            },
        )

    async def read(self, body: Json) -> Json:
        """The policy as it is now."""
        return await self._connection.request("GET", _path(body))

    async def change(self, body: Json, interval: str) -> Json:
        """The policy with another interval, written whatever its version."""
        metadata = {"name": body["metadata"]["name"], "namespace": "default"}
        fresh = await self.read(body)
        metadata["resourceVersion"] = fresh["metadata"]["resourceVersion"]
        return await self._connection.request(
            "PUT",
            _path(body),
            body={**fresh, "metadata": metadata, "spec": policy_spec(interval)},
        )

    async def delete(self, body: Json) -> None:
        """The policy is asked to go."""
        await self._connection.request("DELETE", _path(body))

    async def request(self, method: str, path: str, body: Json | None = None) -> Json:
        """Anything else."""
        return await self._connection.request(method, path, body=body)


def _path(body: Json) -> str:
    return f"{GROUP_PATH}/namespaces/default/governancepolicies/{body['metadata']['name']}"


def policy_spec(interval: str) -> dict[str, Any]:
    """One check."""
    check = {
        "name": "up",
        "promql": {"sourceRef": {"name": "prometheus"}, "query": "up"},
        "objective": {"direction": "Above", "redLine": 1},
    }
    return {"interval": interval, "checks": [check]}


def serve_crds(stack: Stack) -> None:
    """Applies the CRDs, which may be there already, and waits until they are established.

    An API server that is stopped before that never establishes them.
    """
    stack.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(CRDS))
    stack.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


def reader_kubeconfig(stack: Stack, folder: Path, name: str = "kopf-under-test") -> Path:
    """A kubeconfig of a ServiceAccount that may read what kopf reads, and nothing else."""
    role = ROLE["metadata"]["name"]
    rbac = "rbac.authorization.k8s.io"
    manifests: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": "default"},
        },
        ROLE,
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        },
    ]
    stack.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(manifests))
    return stack.service_account_kubeconfig("default", name, folder / "kubeconfig")
