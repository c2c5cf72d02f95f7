"""The real Alertmanagers: one alert from the finding's begin to its end, whoever restarts."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.dial import Dial
from tests.support.manifests import channel, notify, policy
from tests.support.namespaces import Stopwatch
from tests.support.sources import deleted
from tests.support.telling import alerts, webhooks

from governor_local.alertmanager import AlertmanagerServer
from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

CHANNEL = "e2e-oncall"
GOOD, BAD = 0.9, 0.4
AT_FIRST = ("loud", "silenced", "doomed")
NAMES = (*AT_FIRST, "last")
RESOLVE_TIMEOUT = 5
"""Seconds after which Alertmanager ends an alert by itself if nobody says until when it fires."""
ROUND = 75
"""Seconds within which every alert is told again: a round comes each 60."""
SECONDS = 30


@pytest.fixture
def alertmanagers(stack: Stack) -> Iterator[tuple[AlertmanagerServer, AlertmanagerServer]]:
    """Two replicas of the test's own, `steady` and `restarted`; each tells a receiver."""
    names = ("steady", "restarted")
    servers = [
        AlertmanagerServer(
            stack.binaries.alertmanager, stack.binaries.amtool, stack.processes, name=f"e2e-{name}"
        )
        for name in names
    ]
    for name, server in zip(names, servers, strict=True):
        server.configure(
            webhook=f"{stack.receiver.url}/alertmanager/{name}",
            resolve_timeout=f"{RESOLVE_TIMEOUT}s",
            group_wait="0s",
        )
        server.start()
    yield servers[0], servers[1]
    for server in servers:
        server.stop()


def test_one_alert_stays_firing_and_is_resolved_once(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    sources: None,
    alertmanagers: tuple[AlertmanagerServer, AlertmanagerServer],
) -> None:
    """Past resolve_timeout, over restarts of both sides; a silenced one reaches nobody."""
    stack.governed.start()
    steady, restarted = alertmanagers
    told_on = channel(CHANNEL, "alertmanager", {"urls": [each.url for each in alertmanagers]})
    dials = {name: Dial(stack, f"{namespace}-{name}") for name in NAMES}
    for server in alertmanagers:
        matchers = (f"namespace={namespace}", "policy=silenced")
        reason = ("--author=test", "--comment=maintenance", "--duration=1h")
        server.amtool("silence", "add", *matchers, *reason)

    with deleted(cluster, told_on):
        cluster.apply(told_on)
        for name, dial in dials.items():
            dial.turn(GOOD)
            cluster.apply(policy(name, namespace, dial.check(), notify=notify(CHANNEL)))
        for name in dials:
            cluster.verdict(name, namespace, "Ok")

        for name in AT_FIRST:
            dials[name].turn(BAD)
        for name in AT_FIRST:
            eventually(partial(alerts, steady, namespace, name), SECONDS)
        eventually(lambda: heard(stack, "loud") == [["firing"]] * 2, SECONDS)
        eventually(lambda: heard(stack, "doomed") == [["firing"]] * 2, SECONDS)
        [first] = alerts(steady, namespace, "loud")
        [silenced] = alerts(steady, namespace, "silenced")
        assert first["labels"] == {
            "alertname": "sql_dial_violation",
            "cluster": stack.name,
            "namespace": namespace,
            "policy": "loud",
            "check": "dial",
            "severity": "warning",
        }
        assert first["annotations"]["value"] == "0.4"
        assert (first["status"]["state"], silenced["status"]["state"]) == ("active", "suppressed")

        stack.kubectl("delete", "governancepolicy", "doomed", "-n", namespace)
        restarted.restart()
        assert alerts(restarted, namespace, "loud") == []
        with Stopwatch() as waited:
            [again] = eventually(lambda: moved_on(steady, namespace, first), ROUND)
        assert waited.seconds > RESOLVE_TIMEOUT
        eventually(lambda: alerts(restarted, namespace, "loud"), SECONDS)
        for server in alertmanagers:
            assert [identity(alert) for alert in alerts(server, namespace, "loud")] == [
                identity(first)
            ]
        eventually(lambda: heard(stack, "doomed")[0] == ["firing", "resolved"], SECONDS)
        operator.restart()
        eventually(lambda: moved_on(steady, namespace, again), SECONDS)
        assert heard(stack, "loud") == [["firing"]] * 2

        for name in ("loud", "silenced"):
            dials[name].turn(GOOD)
        eventually(lambda: heard(stack, "loud") == [["firing", "resolved"]] * 2, SECONDS)
        operator.restart()
        restarted.restart()

        # A finding that opens and ends after all that: what was to come before has come.
        dials["last"].turn(BAD)
        eventually(lambda: heard(stack, "last") == [["firing"]] * 2, SECONDS)
        dials["last"].turn(GOOD)
        eventually(lambda: heard(stack, "last") == [["firing", "resolved"]] * 2, SECONDS)
        assert heard(stack, "loud") == [["firing", "resolved"]] * 2
        assert heard(stack, "silenced") == [[], []]


def heard(stack: Stack, name: str) -> list[list[str]]:
    """What each Alertmanager's receiver was told of a policy."""
    return [webhooks(stack, at, name) for at in ("steady", "restarted")]


def identity(alert: dict[str, Any]) -> tuple[Any, ...]:
    """What must never change while the finding is open."""
    return alert["fingerprint"], alert["labels"], alert["startsAt"]


def moved_on(
    server: AlertmanagerServer, namespace: str, before: dict[str, Any]
) -> list[dict[str, Any]]:
    """The alert, once a later round says that it fires longer."""
    now = alerts(server, namespace, "loud")
    assert [datetime.fromisoformat(each["endsAt"]) for each in now] > [
        datetime.fromisoformat(before["endsAt"])
    ]
    return now
