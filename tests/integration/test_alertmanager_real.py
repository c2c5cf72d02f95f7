"""A real Alertmanager takes what the notifier posts, and says no as the notifier understands."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from tests.support.channel_worlds import alertmanagers

from governor.adapters.channels.alertmanager import BATCH, AlertmanagerNotifier
from governor.domain.alerts import Alert
from governor.errors import DeliveryError
from governor_local.stack import Stack


@pytest.fixture
async def notifier(stack: Stack) -> AsyncIterator[AlertmanagerNotifier]:
    """At the stack's Alertmanager."""
    notifier = alertmanagers(stack.alertmanager.url)
    yield notifier
    await notifier.close()


def firing(policy: str, check: str = "trust-drift") -> Alert:
    now = datetime.now(UTC)
    return Alert(
        labels={
            "alertname": "trust_drift",
            "cluster": "test",
            "namespace": "aiops",
            "policy": policy,
            "check": check,
            "severity": "warning",
        },
        annotations={"summary": "3 of 40 playbooks", "value": "0.075"},
        starts_at=now - timedelta(hours=3),
        ends_at=now + timedelta(minutes=5),
    )


def fires(stack: Stack, policy: str) -> list[str]:
    labels = (alert["labels"] for alert in stack.alertmanager.alerts())
    return sorted(each["check"] for each in labels if each.get("policy") == policy)


async def test_alerts_fire_and_end(stack: Stack, notifier: AlertmanagerNotifier) -> None:
    """More than a batch of them; posted again they are the same; resolved they are gone."""
    policy = f"policy-{uuid4()}"
    alerts = [firing(policy, f"check-{number:03}") for number in range(2 * BATCH + 1)]
    ended = [replace(alert, ends_at=datetime.now(UTC)) for alert in alerts]

    await notifier.post(alerts)
    await notifier.post(alerts)
    assert fires(stack, policy) == [alert.labels["check"] for alert in alerts]

    await notifier.post(ended)
    assert fires(stack, policy) == []


async def test_an_alert_is_as_it_was_posted(stack: Stack, notifier: AlertmanagerNotifier) -> None:
    """Labels, annotations and the time of its start."""
    alert = firing(f"policy-{uuid4()}")

    await notifier.post([alert])

    (seen,) = [it for it in stack.alertmanager.alerts() if it["labels"] == dict(alert.labels)]
    assert seen["annotations"] == dict(alert.annotations)
    started = datetime.fromisoformat(seen["startsAt"])
    assert abs(started - alert.starts_at) < timedelta(milliseconds=1)


async def test_one_bad_alert_spoils_no_other(stack: Stack, notifier: AlertmanagerNotifier) -> None:
    """Alertmanager says 400, and stores the others of the batch: so does the error."""
    policy = f"policy-{uuid4()}"
    good = firing(policy)
    bad = replace(
        good, labels={**good.labels, "alertname": ""}, ends_at=good.starts_at - timedelta(1)
    )

    with pytest.raises(DeliveryError, match=r"HTTP 400: .*; the valid alerts of the batch"):
        await notifier.post([good, bad])

    assert fires(stack, policy) == ["trust-drift"]


async def test_another_server_at_the_url(stack: Stack) -> None:
    """A Prometheus is no Alertmanager, and the error asks about the url."""
    notifier = alertmanagers(stack.prometheus.url)
    with pytest.raises(DeliveryError, match="no Alertmanager answers so"):
        await notifier.post([firing("policy")])
    await notifier.close()
