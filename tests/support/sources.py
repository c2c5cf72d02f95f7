"""Sources and Secrets of a test's own, which are gone after it, and what is told of them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.support.cluster import Cluster, eventually
from tests.support.said import Said

from governor.api import API_VERSION
from governor_local.operator_process import NAMESPACE

PLAIN = {"mode": "Disable"}
SLOW = 60


def secret(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A Secret in the operator's namespace."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def postgres_source(
    name: str,
    secret_ref: Mapping[str, str],
    *,
    namespaces: Mapping[str, Any] | None = None,
    access: list[str] | None = None,
    tls: Mapping[str, Any] = PLAIN,
    **postgres: Any,
) -> dict[str, Any]:
    """A PostgreSQL without TLS that every namespace may use, unless told otherwise."""
    spec: dict[str, Any] = {
        "allowedNamespaces": namespaces or {"from": "All"},
        "postgres": {"secretRef": secret_ref, "tls": tls, **postgres},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "GovernanceSource",
        "metadata": {"name": name},
        "spec": spec | ({"access": access} if access else {}),
    }


@contextmanager
def deleted(cluster: Cluster, *manifests: Mapping[str, Any]) -> Iterator[None]:
    """Deletes these at the end of the block, whether they are there or not."""
    try:
        yield
    finally:
        text = "\n---\n".join(json.dumps(manifest) for manifest in manifests)
        cluster.stack.kubectl("delete", "--ignore-not-found", "-f", "-", input=text)


def said(cluster: Cluster, name: str, namespace: str, seconds: float = SLOW) -> dict[str, Said]:
    """What each check of a policy says, once all were evaluated."""

    def come() -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = cluster.status(name, namespace).get("checks", [])
        assert checks
        assert not [check for check in checks if check["reason"] == "NotYetEvaluated"]
        return checks

    checks = eventually(come, seconds)
    return {c["name"]: (c["verdict"], c["reason"], c["message"]) for c in checks}


def readiness(cluster: Cluster, wanted: Mapping[str, str]) -> dict[str, tuple[str, str, str]]:
    """Status and reason of each source's Ready, and its version, once the reasons are these."""

    def come() -> dict[str, tuple[str, str, str]]:
        listing = cluster.stack.kubectl("get", "governancesources", "-o", "json").stdout
        seen = {body["metadata"]["name"]: _ready(body) for body in json.loads(listing)["items"]}
        assert {name: seen[name][1] for name in wanted} == wanted
        return {name: seen[name] for name in wanted}

    return eventually(come, SLOW)


def _ready(source: Mapping[str, Any]) -> tuple[str, str, str]:
    status = source.get("status", {})
    [condition] = status.get("conditions") or [{"status": "", "reason": ""}]
    return condition["status"], condition["reason"], status.get("serverVersion", "")
