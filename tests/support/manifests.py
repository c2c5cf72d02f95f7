"""Objects as users apply them, with whatever a test cares about set differently."""

from datetime import UTC, datetime
from typing import Any

from governor.api import API_VERSION

Manifest = dict[str, Any]


def policy(name: str, namespace: str, *checks: Manifest, **spec: Any) -> Manifest:
    """A policy, evaluated every 5 s unless told otherwise.

    Where a slot between two steps of a test would spoil it, `7d` makes that all but impossible.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": "GovernancePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"interval": "5s", "checks": list(checks)} | spec,
    }


def number(value: float | str, *, red_line: float, name: str = "number", **check: Any) -> Manifest:
    """A promql check of a number that is no series' but the query's own; low is good."""
    return promql(name, f"vector({value})", red_line=red_line, **check)


def promql(
    name: str, query: str, *, red_line: float, source: str = "prometheus", **check: Any
) -> Manifest:
    """A promql check; low is good."""
    return {
        "name": name,
        "promql": {"sourceRef": {"name": source}, "query": query},
        "objective": {"direction": "Below", "redLine": red_line},
    } | check


def sql(name: str, query: str, *, red_line: float, **check: Any) -> Manifest:
    """An sql check on the platform's database; low is good."""
    return {
        "name": name,
        "sql": {"sourceRef": {"name": "platform"}, "query": query},
        "objective": {"direction": "Below", "redLine": red_line},
    } | check


def built_in(name: str, kind: str, **objective: Any) -> Manifest:
    """A built-in check on the platform's database, with its defaults."""
    check: Manifest = {"name": name, kind: {"sourceRef": {"name": "platform"}}}
    return check | ({"objective": objective} if objective else {})


def prometheus_source(name: str, url: str, **prometheus: Any) -> Manifest:
    """A Prometheus that every namespace may use."""
    return {
        "apiVersion": API_VERSION,
        "kind": "GovernanceSource",
        "metadata": {"name": name},
        "spec": {
            "allowedNamespaces": {"from": "All"},
            "prometheus": {"url": url} | prometheus,
        },
    }


def allowed_namespace(name: str) -> Manifest:
    """A namespace that the sample sources allow."""
    labels = {"governance.aiops.dev/platform-data": "allowed"}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


EVERYBODY: Manifest = {"from": "All"}


def channel(
    name: str, kind: str, fields: Manifest, *, namespaces: Manifest = EVERYBODY, **spec: Any
) -> Manifest:
    """A channel of the kind `alertmanager`, `apprise` or `cloudEvents`."""
    return {
        "apiVersion": API_VERSION,
        "kind": "GovernanceChannel",
        "metadata": {"name": name},
        "spec": {"allowedNamespaces": namespaces, kind: fields} | spec,
    }


def notify(*channels: str, **fields: Any) -> Manifest:
    """A policy's `notify`."""
    return {"channels": [{"name": name} for name in channels]} | fields


def mute(name: str, namespace: str, policy: str, expires_at: datetime, **spec: Any) -> Manifest:
    """A mute of all checks of a policy, unless it names some."""
    given: Manifest = {
        "policyRef": {"name": policy},
        "reason": "a test",
        "owner": "the tests",
        "expiresAt": expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "GovernanceMute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": given | spec,
    }
