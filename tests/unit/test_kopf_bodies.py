"""What kopf keeps of an object once our handler has seen it: little."""

import asyncio
from collections.abc import Mapping
from typing import Any

import kopf
import pytest
from tests.support.kopf_world import Witness

from governor.app.ports import Kind
from governor.handlers.informing import Informer
from governor.handlers.timers import Memo
from governor.handlers.watching import add_watches

MANAGED = {
    "manager": "kubectl",
    "operation": "Update",
    "time": "2026-11-27T10:00:00Z",
    "fieldsV1": {"f:spec": {"f:checks": {}}, "f:metadata": {"f:annotations": {}}},
}


def policy() -> dict[str, Any]:
    """As kopf gets it from the API server."""
    return {
        "apiVersion": "governance.aiops.dev/v1alpha1",
        "kind": "GovernancePolicy",
        "metadata": {
            "uid": "u1",
            "namespace": "aiops",
            "name": "flywheel",
            "resourceVersion": "7",
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "governance.aiops.dev/run-now": "1",
            },
            "managedFields": [MANAGED],
        },
        "spec": {"interval": "30s", "checks": []},
        "status": {"observedGeneration": 1},
    }


@pytest.fixture
def witness() -> Witness:
    return Witness()


async def see(witness: Witness, body: dict[str, Any]) -> Memo:
    """Kopf tells our handler of an object, which tells the witness."""
    registry = kopf.OperatorRegistry()
    add_watches(registry, _thirty)
    handlers: Any = registry._watching.get_all_handlers()
    handler = next(each for each in handlers if each.id == f"on-{Kind.POLICIES}")
    memo = Memo(informer=Informer(asyncio.get_running_loop(), witness, witness))
    event = {"type": "MODIFIED", "object": body}
    await handler.fn(event=event, memo=memo, patch=kopf.Patch())
    await asyncio.sleep(0)
    return memo


def _thirty(spec: Mapping[str, Any]) -> int:
    assert spec["interval"] == "30s"
    return 30


async def test_the_application_gets_what_it_reads(witness: Witness) -> None:
    memo = await see(witness, policy())

    body = witness.known["u1"]
    assert body["spec"] == policy()["spec"]
    assert body["status"] == policy()["status"]
    assert body["metadata"]["annotations"] == {"governance.aiops.dev/run-now": "1"}
    assert memo.tick == 30


async def test_kopf_keeps_metadata_only_and_not_all_of_it(witness: Witness) -> None:
    """Spec, status and the owners of all fields are nine tenths of an object."""
    body = policy()

    await see(witness, body)

    assert body.keys() == {"apiVersion", "kind", "metadata"}
    assert "last-applied" not in str(body)
    assert body["metadata"]["managedFields"] == [{**MANAGED, "fieldsV1": {"f:spec": {}}}]
    assert body["metadata"]["resourceVersion"] == "7"
