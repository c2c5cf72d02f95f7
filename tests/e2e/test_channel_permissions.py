"""Who may not use a channel tells nothing there; once allowed, what is open is told, and ends."""

import json
from collections.abc import Iterator

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import Manifest, channel, notify, number, policy
from tests.support.sources import deleted, secret
from tests.support.telling import alerts, events, notifying, titles

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

LABEL = "e2e.governance.aiops.dev/may"
SELECTED: Manifest = {"from": "Selector", "selector": {"matchLabels": {LABEL: "tell"}}}
AT = "e2e-permissions"
WITHIN = 10
"""Seconds from a change of a label to a message."""


@pytest.fixture
def guarded(stack: Stack, cluster: Cluster) -> Iterator[list[Manifest]]:
    """A channel of each kind, for namespaces with a label."""
    receiver = stack.receiver
    kinds: dict[str, Manifest] = {
        "alertmanager": {"urls": [stack.alertmanager.url]},
        "apprise": {"secretRef": {"name": AT, "key": "url"}},
        "cloudEvents": {"url": f"{receiver.url}/cloudevents/{AT}"},
    }
    channels = [
        channel(f"{AT}-{kind.lower()}", kind, fields, namespaces=SELECTED)
        for kind, fields in kinds.items()
    ]
    objects = [secret(AT, {"url": receiver.apprise_url(f"chat/{AT}")}), *channels]
    with deleted(cluster, *objects):
        cluster.apply(*objects)
        yield channels


def test_a_namespace_that_is_not_allowed_tells_nothing_until_it_is(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    sources: None,
    guarded: list[Manifest],
) -> None:
    """Stored and shown, but not told; then a label, once each; then none, and the end waits."""
    names = [each["metadata"]["name"] for each in guarded]
    stack.prometheus.start()
    cluster.apply(
        policy("asking", namespace, number(2, red_line=1), notify=notify(*names), interval="7d")
    )

    cluster.verdict("asking", namespace, "Violated")
    forbidden = "; ".join(
        f"GovernanceChannel {name} does not allow namespace {namespace}: an administrator can, in"
        " its allowedNamespaces"
        for name in names
    )
    eventually(
        lambda: notifying(cluster, "asking", namespace) == ("False", "ChannelForbidden", forbidden)
    )
    status = cluster.told("asking", namespace)
    assert "lastToldAt" not in status["checks"][0]["finding"]
    assert len(cluster.rows(namespace)) == 1
    assert (attempts(stack), alerts(stack.alertmanager, namespace, "asking")) == ([], [])

    stack.kubectl("label", "namespace", namespace, f"{LABEL}=tell")
    eventually(lambda: len(attempts(stack)) == 2, WITHIN, why=json.dumps(status))
    eventually(lambda: alerts(stack.alertmanager, namespace, "asking"), WITHIN)
    cluster.told("asking", namespace)
    assert titles(stack, AT) == [f"[warning] {namespace}/asking number: 2 is above the red line 1"]
    assert [word for word, _ in events(stack, AT)] == ["opened"]
    eventually(lambda: notifying(cluster, "asking", namespace)[:2] == ("True", "Configured"))

    stack.kubectl("label", "namespace", namespace, f"{LABEL}-")
    eventually(lambda: notifying(cluster, "asking", namespace)[1] == "ChannelForbidden", WITHIN)
    cluster.apply(
        policy("asking", namespace, number(0, red_line=1), notify=notify(*names), interval="7d")
    )
    cluster.verdict("asking", namespace, "Ok")
    told_by_log = {f"channel/{name}" for name in names if not name.endswith("alertmanager")}
    eventually(lambda: awaited(cluster, namespace) >= told_by_log, WITHIN)
    assert len(attempts(stack)) == 2

    stack.kubectl("label", "namespace", namespace, f"{LABEL}=tell")
    cluster.told("asking", namespace)
    assert [word for word, _ in events(stack, AT)] == ["opened", "resolved"]
    assert len(attempts(stack)) == 4


def awaited(cluster: Cluster, namespace: str) -> set[str]:
    """The targets that are yet to be told."""
    pending = cluster.status("asking", namespace).get("pending", [])
    return {target for entry in pending for target in entry["targets"]}


def attempts(stack: Stack) -> list[str]:
    """Where something was posted."""
    tried = [*stack.receiver.attempts(f"chat/{AT}"), *stack.receiver.attempts(f"cloudevents/{AT}")]
    return [each.path for each in tried]
