"""Five hundred findings at once: Alertmanager gets batches, a chat a few digests."""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import httpx
import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.manifests import channel, notify, number, policy, prometheus_source
from tests.support.sources import deleted, secret
from tests.support.telling import events, titles

from governor_local.alertmanager import AlertmanagerServer
from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

POLICIES, CHECKS = 25, 20
FLOOD = POLICIES * CHECKS
AT = "e2e-flood"
QUERY = {"sourceRef": {"name": AT}, "query": "vector(2)"}
NEVER = {"erroredChecks": CHECKS + 1}
"""However slow the machine: a query that comes too late is asked again."""
ONCALL, CHAT, EVENTS = f"{AT}-oncall", f"{AT}-chat", f"{AT}-events"
DIGEST_AFTER = 10
"""Messages a minute that the chat takes."""
BATCHES = FLOOD // 5
"""Requests that Alertmanager may get in all: some batches for every few policies."""
SECONDS = 120


def test_a_flood_reaches_alertmanager_in_batches_and_a_chat_as_digests(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess, sources: None
) -> None:
    """Every alert is there, every event came once, and people could read all they got."""
    stack.prometheus.start()
    receiver = stack.receiver
    told_on = [
        prometheus_source(AT, stack.prometheus.url, timeout="30s"),
        secret(CHAT, {"url": receiver.apprise_url(f"chat/{AT}")}),
        channel(ONCALL, "alertmanager", {"urls": [stack.alertmanager.url]}),
        channel(
            CHAT, "apprise", {"secretRef": {"name": CHAT, "key": "url"}}, digestAfter=DIGEST_AFTER
        ),
        channel(EVENTS, "cloudEvents", {"url": f"{receiver.url}/cloudevents/{AT}"}),
    ]
    checks = [
        number(2, red_line=1, name=f"number-{each}") | {"promql": QUERY} for each in range(CHECKS)
    ]
    # A query that has succeeded once is asked together with others: all at once.
    known = number(2, red_line=3) | {"promql": QUERY}
    names = [f"flood-{each}" for each in range(POLICIES)]
    rest = {"interval": "7d", "selfFailure": NEVER, "notify": notify(ONCALL, CHAT, EVENTS)}
    policies = [policy(name, namespace, *checks, **rest) for name in names]

    with deleted(cluster, *told_on):
        cluster.apply(*told_on, policy("well", namespace, known))
        cluster.verdict("well", namespace, "Ok")
        before = posts(stack.alertmanager)

        cluster.apply(*policies)
        everywhere = {"alerts": FLOOD, "events": FLOOD, "in messages": FLOOD, "rows": FLOOD}

        def come() -> bool:
            assert arrived(cluster, namespace) == everywhere
            return True

        eventually(come, SECONDS)

        assert len(set(firing(stack, namespace))) == FLOOD
        assert len(set(events(stack, AT))) == FLOOD
        assert {word for word, _ in events(stack, AT)} == {"opened"}
        assert (
            most_in_a_minute([each.at for each in receiver.received(f"chat/{AT}")]) <= DIGEST_AFTER
        )
        assert posts(stack.alertmanager) - before < BATCHES
        eventually(lambda: at_rest(stack, namespace) == {("Configured", 0)}, SECONDS)


def at_rest(stack: Stack, namespace: str) -> set[tuple[str, int]]:
    """What the policies say of their channels, and how much is yet to be told."""
    listing = stack.kubectl("get", "governancepolicies", "-n", namespace, "-o", "json").stdout
    return {
        (condition["reason"], len(it["status"].get("pending", [])))
        for it in json.loads(listing)["items"]
        for condition in it["status"]["conditions"]
        if condition["type"] == "Notifying"
    }


def arrived(cluster: Cluster, namespace: str) -> dict[str, int]:
    """How many findings have come to each receiver."""
    stack = cluster.stack
    return {
        "alerts": len(firing(stack, namespace)),
        "events": len(events(stack, AT)),
        "in messages": sum(map(findings, titles(stack, AT))),
        "rows": len(cluster.rows(namespace)),
    }


def firing(stack: Stack, namespace: str) -> list[tuple[str, str]]:
    """Policy and check of every alert of the namespace."""
    labels = [alert["labels"] for alert in stack.alertmanager.alerts()]
    return [
        (each["policy"], each["check"]) for each in labels if each.get("namespace") == namespace
    ]


def most_in_a_minute(times: Sequence[datetime]) -> int:
    """How many messages came within any one minute."""
    minute = timedelta(minutes=1)
    return max(sum(first <= other < first + minute for other in times) for first in times)


def findings(title: str) -> int:
    """How many opened findings a message tells of."""
    found = re.fullmatch(r"\[warning\] (\d+) findings: \1 opened", title)
    return int(found[1]) if found else 1


def posts(server: AlertmanagerServer) -> float:
    """How many requests with alerts an Alertmanager has had."""
    text = httpx.get(f"{server.url}/metrics", trust_env=False, timeout=10).text
    pattern = (
        r'^alertmanager_http_request_duration_seconds_count\{.*handler="/api/v2/alerts",'
        r'method="post".*\} (\d+)$'
    )
    return sum(float(each) for each in re.findall(pattern, text, re.MULTILINE))
