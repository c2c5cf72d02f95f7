"""What the operator says of mutes on a real API server, with its own rights."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.builders import policy, slo

from governor.adapters.clock import SystemClock
from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.credentials import load
from governor.adapters.kubernetes.listing import list_all
from governor.adapters.kubernetes.status_store import mute_store
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.api import API_VERSION
from governor.app.mutes import MuteDirectory, Pace
from governor_local import manifests
from governor_local.operator_process import NAMESPACE, SERVICE_ACCOUNT
from governor_local.stack import Stack

PATH = f"/apis/{API_VERSION}/governancemutes"
MUTED = policy(slo("first"), slo("second", severity="critical"))


@pytest.fixture(scope="module")
def kubeconfig(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the operator's ServiceAccount, with the rights that `deploy/` ships."""
    base = manifests.rendered(stack.binaries.kubectl, manifests.DEPLOY / "base")
    stack.kubectl("apply", "-f", "-", input=base)
    stack.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    folder = tmp_path_factory.mktemp("mutes")
    return stack.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT, folder / "kubeconfig")


@pytest.fixture
def namespace(stack: Stack) -> str:
    """One of a test's own."""
    name = f"mutes-{uuid4().hex[:12]}"
    stack.kubectl("create", "namespace", name)
    return name


@asynccontextmanager
async def directory(kubeconfig: Path, namespace: str) -> AsyncIterator[MuteDirectory]:
    """The directory of mutes at work, for the policies `flywheel`, which it knows."""
    async with Connection(load(kubeconfig)) as connection:
        mutes = MuteDirectory(
            store=mute_store(connection),
            clock=SystemClock(),
            telemetry=InMemoryTelemetry(),
            policy_of=lambda _, name: MUTED if name == "flywheel" else None,
            on_change=lambda *_: None,
            pace=Pace(settling=0.1),
        )
        async for body in list_all(connection, PATH):
            if body["metadata"]["namespace"] == namespace:
                mutes.seen(body)
        mutes.listed()
        running = asyncio.create_task(mutes.run())
        try:
            yield mutes
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def create(stack: Stack, namespace: str, name: str, **spec: str) -> None:
    """A mute that ends in an hour."""
    ends = datetime.now(UTC) + timedelta(hours=1)
    of = {"policyRef": "{name: flywheel}", "reason": "x", "owner": "sre"}
    fields = of | {"expiresAt": f"{ends:%Y-%m-%dT%H:%M:%SZ}"} | spec
    lines = "".join(f"  {field}: {value}\n" for field, value in fields.items())
    head = f"apiVersion: {API_VERSION}\nkind: GovernanceMute\n"
    stack.kubectl(
        "create",
        "-n",
        namespace,
        "-f",
        "-",
        input=f"{head}metadata: {{name: {name}}}\nspec:\n{lines}",
    )


def table(stack: Stack, namespace: str) -> list[list[str]]:
    """What `kubectl get` shows, without the age."""
    shown = stack.kubectl("get", "govmute", "-n", namespace).stdout
    return [line.split()[:-1] for line in shown.splitlines()]


async def test_kubectl_shows_which_mutes_are_active_and_why_others_are_not(
    stack: Stack, kubeconfig: Path, namespace: str
) -> None:
    """The columns, before anybody looked at the mutes and after."""
    create(stack, namespace, "quiet", checks="[first]")
    create(stack, namespace, "lost", policyRef="{name: other}")
    header, *rows = table(stack, namespace)
    assert header == ["NAME", "POLICY", "CHECKS", "ACTIVE", "EXPIRES", "OWNER"]
    assert [(row[0], row[-3]) for row in rows] == [("lost", "Unknown"), ("quiet", "Unknown")]

    async with directory(kubeconfig, namespace):
        for name, condition in (("quiet", "Active"), ("lost", "Accepted=False")):
            wait = (f"--for=condition={condition}", f"govmute/{name}", "-n", namespace)
            await asyncio.to_thread(stack.kubectl, "wait", *wait, "--timeout=30s")

    _, *rows = table(stack, namespace)
    assert [(row[0], row[-3]) for row in rows] == [("lost", "False"), ("quiet", "True")]
    wide = stack.kubectl("get", "govmute", "-n", namespace, "-o", "wide").stdout
    assert "silences first until" in wide
    assert "there is no GovernancePolicy other" in wide
