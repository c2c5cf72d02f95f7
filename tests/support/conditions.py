"""An object's conditions as tests and as kstatus read them."""

from collections.abc import Mapping
from typing import Any

Conditions = Mapping[str, tuple[str, str, str]]
"""Type → status, reason and message."""


def kstatus(policy: Mapping[str, Any]) -> str:
    """What kstatus reads from an object, as its library computes it for any kind.

    https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus
    """
    status = policy.get("status", {})
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    if (
        status.get("observedGeneration", policy["metadata"]["generation"])
        != (policy["metadata"]["generation"])
    ):
        return "InProgress"
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "Current" if conditions.get("Ready", "True") == "True" else "InProgress"


def conditions(policy: Mapping[str, Any]) -> Conditions:
    """The conditions of an object, without times."""
    listed = policy["status"]["conditions"]
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in listed}
