"""The stack's Alertmanager tells the receiver, and keeps over a restart what a real one does."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from governor_local.alertmanager import AlertmanagerServer
from governor_local.errors import CommandError
from governor_local.observing import wait_for
from governor_local.stack import Stack

HOOK = "alertmanager/under-test"
SECONDS = 30


@pytest.fixture(scope="module")
def alertmanager(stack: Stack) -> Iterator[AlertmanagerServer]:
    """One of this module's own, since it is stopped and silenced."""
    binaries = stack.binaries
    server = AlertmanagerServer(
        binaries.alertmanager, binaries.amtool, stack.processes, name="alertmanager-under-test"
    )
    server.configure(webhook=f"{stack.receiver.url}/{HOOK}", group_wait="0s")
    server.start()
    yield server
    server.stop()


def fire(alertmanager: AlertmanagerServer, name: str, *, seconds: float = 300) -> None:
    """Posts an alert that ends in so many seconds."""
    ends = datetime.now(UTC) + timedelta(seconds=seconds)
    alert = {
        "labels": {"alertname": name, "severity": "warning"},
        "annotations": {"value": "0.25"},
        "endsAt": ends.isoformat(),
    }
    url = f"{alertmanager.url}/api/v2/alerts"
    httpx.post(url, json=[alert], trust_env=False, timeout=30).raise_for_status()


def told(stack: Stack, name: str) -> Sequence[str]:
    """What the receiver was told of an alert: the statuses, in order."""
    notifications: list[dict[str, Any]] = [each.body for each in stack.receiver.received(HOOK)]
    return [
        alert["status"]
        for notification in notifications
        for alert in notification["alerts"]
        if alert["labels"]["alertname"] == name
    ]


def test_it_tells_the_receiver_what_fires_and_what_is_resolved(
    stack: Stack, alertmanager: AlertmanagerServer
) -> None:
    fire(alertmanager, "told")
    assert wait_for(lambda: told(stack, "told") == ["firing"], SECONDS)

    fire(alertmanager, "told", seconds=0)

    assert wait_for(lambda: told(stack, "told") == ["firing", "resolved"], SECONDS)


def test_the_stacks_own_is_told_to_tell_the_stacks_receiver(stack: Stack) -> None:
    fire(stack.alertmanager, "own")

    assert wait_for(
        lambda: any(
            alert["labels"]["alertname"] == "own"
            for each in stack.receiver.received("alertmanager")
            if each.path == "alertmanager"
            for alert in each.body["alerts"]
        ),
        SECONDS,
    )


def test_amtool_and_the_api_show_what_fires(alertmanager: AlertmanagerServer) -> None:
    fire(alertmanager, "shown")

    assert wait_for(lambda: "shown" in alertmanager.amtool("alert", "query"), SECONDS)
    [alert] = [a for a in alertmanager.alerts() if a["labels"]["alertname"] == "shown"]
    assert alert["annotations"] == {"value": "0.25"}


def test_silences_are_respected_over_a_restart_and_its_port_stays(
    stack: Stack, alertmanager: AlertmanagerServer
) -> None:
    url = alertmanager.url
    reason = ("--author=test", "--comment=maintenance", "--duration=1h")
    silence = alertmanager.amtool("silence", "add", "alertname=silenced", *reason)

    alertmanager.restart()
    fire(alertmanager, "silenced")
    fire(alertmanager, "loud")

    assert url == alertmanager.url
    assert wait_for(lambda: told(stack, "loud") == ["firing"], SECONDS)
    assert told(stack, "silenced") == []
    alertmanager.amtool("silence", "expire", silence)
    assert wait_for(lambda: told(stack, "silenced") == ["firing"], SECONDS)


def test_what_was_told_is_not_told_again_after_a_restart(
    stack: Stack, alertmanager: AlertmanagerServer
) -> None:
    fire(alertmanager, "once")
    assert wait_for(lambda: told(stack, "once") == ["firing"], SECONDS)

    alertmanager.restart()
    fire(alertmanager, "once")
    fire(alertmanager, "after")

    assert wait_for(lambda: told(stack, "after") == ["firing"], SECONDS)
    assert told(stack, "once") == ["firing"]


def test_a_bad_configuration_is_refused_and_it_goes_on(
    stack: Stack, alertmanager: AlertmanagerServer
) -> None:
    with pytest.raises(CommandError, match="not a valid duration"):
        alertmanager.configure(webhook=f"{stack.receiver.url}/{HOOK}", resolve_timeout="soon")

    alertmanager.restart()
    fire(alertmanager, "went-on")
    assert wait_for(lambda: told(stack, "went-on") == ["firing"], SECONDS)


def test_amtool_says_what_it_was_refused(alertmanager: AlertmanagerServer) -> None:
    with pytest.raises(CommandError, match="amtool silence expire nothing"):
        alertmanager.amtool("silence", "expire", "nothing")
