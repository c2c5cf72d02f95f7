"""Sources and Secrets of a test's own, which are gone after it, and what is told of them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.support.cluster import Cluster, eventually
from tests.support.said import READY, Said

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
    return eventually(lambda: _said_now(cluster, name, namespace), seconds)


def says(
    cluster: Cluster,
    name: str,
    namespace: str,
    wanted: Mapping[str, Said],
    seconds: float = SLOW,
) -> None:
    """Waits until each check of a policy says what is wanted.

    A policy may be seen before the sources that were applied with it: it says for a moment that
    there are none.
    """

    def come() -> bool:
        found = _said_now(cluster, name, namespace)
        other = {
            check: {"says": found.get(check), "wanted": wanted.get(check)}
            for check in sorted(found.keys() | wanted.keys())
            if found.get(check) != wanted.get(check)
        }
        assert not other, json.dumps(other, indent=1)
        return True

    eventually(come, seconds)


def _said_now(cluster: Cluster, name: str, namespace: str) -> dict[str, Said]:
    checks: list[dict[str, Any]] = cluster.status(name, namespace).get("checks", [])
    assert checks, f"{namespace}/{name} has no status yet"
    waiting = [check["name"] for check in checks if check["reason"] == "NotYetEvaluated"]
    assert not waiting, f"not yet evaluated: {waiting}"
    return {c["name"]: (c["verdict"], c["reason"], c["message"]) for c in checks}


def readiness(cluster: Cluster, wanted: Mapping[str, str]) -> dict[str, tuple[str, str, str]]:
    """Status and reason of each source's Ready, and its version, once the reasons are these."""

    def come() -> dict[str, tuple[str, str, str]]:
        listing = cluster.stack.kubectl("get", "governancesources", "-o", "json").stdout
        seen = {body["metadata"]["name"]: _ready(body) for body in json.loads(listing)["items"]}
        reasons = {name: seen[name][1] for name in wanted}
        assert reasons == wanted, f"{reasons}, not {wanted}"
        return {name: seen[name] for name in wanted}

    return eventually(come, SLOW)


def usable(cluster: Cluster, *names: str) -> None:
    """Waits until an operator that runs can measure from these sources.

    It has seen them then: a policy that comes now does not say that there are none.
    """
    readiness(cluster, dict.fromkeys(names, READY))


def _ready(source: Mapping[str, Any]) -> tuple[str, str, str]:
    status = source.get("status", {})
    [condition] = status.get("conditions") or [{"status": "", "reason": ""}]
    return condition["status"], condition["reason"], status.get("serverVersion", "")
