"""What channels were told, and what is said of them, as e2e tests ask."""

import json
from collections.abc import Sequence
from typing import Any

from tests.support.cluster import Cluster

from governor_local.alertmanager import AlertmanagerServer
from governor_local.receiver import Received
from governor_local.stack import Stack

Words = tuple[str, str, str]
"""A condition's status, reason and message."""

UNSAID: Words = ("", "", "")


def readiness(cluster: Cluster) -> dict[str, Words]:
    """Every channel's `Ready`, by name."""
    listing = cluster.stack.kubectl("get", "governancechannels", "-o", "json").stdout
    return {it["metadata"]["name"]: _condition(it, "Ready") for it in json.loads(listing)["items"]}


def notifying(cluster: Cluster, policy: str, namespace: str) -> Words:
    """A policy's `Notifying`."""
    return _condition(cluster.policy(policy, namespace), "Notifying")


def events(stack: Stack, at: str) -> list[tuple[str, str]]:
    """What each CloudEvent taken at that path says: `opened`, `reminded`, `resolved`; and its id.

    In order, however often it came.
    """
    taken = stack.receiver.received(f"cloudevents/{at}")
    return [(each.body["type"].split(".")[-2], each.body["id"]) for each in taken]


def titles(stack: Stack, at: str) -> list[str]:
    """The titles of what a chat took, in order."""
    return [each.body["title"] for each in stack.receiver.received(f"chat/{at}")]


def webhooks(stack: Stack, at: str, policy: str) -> list[str]:
    """What Alertmanager told its webhook of a policy's alerts: `firing`, `resolved`, in order."""
    taken: Sequence[Received] = stack.receiver.received(f"alertmanager/{at}")
    return [alert["status"] for alert in _of(policy, [a for t in taken for a in t.body["alerts"]])]


def alerts(server: AlertmanagerServer, namespace: str, policy: str) -> list[dict[str, Any]]:
    """A policy's alerts that fire, silenced or not."""
    ours = [a for a in server.alerts() if a["labels"].get("namespace") == namespace]
    return _of(policy, ours)


def _of(policy: str, alerts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [alert for alert in alerts if alert["labels"].get("policy") == policy]


def _condition(body: dict[str, Any], type_: str) -> Words:
    conditions = body.get("status", {}).get("conditions", [])
    found = (c for c in conditions if c["type"] == type_)
    return next(((c["status"], c["reason"], c["message"]) for c in found), UNSAID)
