"""What the demo hears of a finding, told by the real notifiers of the sample channels."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import yaml
from tests.support.notices import a_notice, a_reminder, a_resolution

from governor.adapters.channels import Notifiers
from governor.adapters.channels.alertmanager import AlertmanagerNotifier
from governor.api.channel import ChannelSpec
from governor.domain.alerts import Alert
from governor.domain.notices import Notice
from governor_local import hearing, manifests
from governor_local.observing import wait_for
from governor_local.stack import Stack
from governor_local.world.expected import Finding

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's business

Channels = Mapping[str, Any]


@pytest.fixture(scope="module")
async def channels(stack: Stack) -> AsyncIterator[Channels]:
    """The notifiers of the samples, by the channel's name."""
    samples = manifests.local_samples(stack.binaries.kubectl, manifests.Addresses.of(stack))
    secrets = {
        "team-chat": {"url": stack.receiver.apprise_url().encode()},
        "event-bus": {"headers": b"Authorization: Bearer open-sesame"},
    }
    made = {
        name: Notifiers().make(name, ChannelSpec.model_validate(document["spec"]), secrets)
        for document in yaml.safe_load_all(samples)
        if document["kind"] == "GovernanceChannel"
        for name in [document["metadata"]["name"]]
    }
    yield made
    for notifier in made.values():
        await notifier.close()


@pytest.fixture
def policy() -> str:
    """A name that no other test tells of."""
    return f"flywheel-{uuid4().hex[:8]}"


def finding(policy: str) -> Finding:
    return f"aiops/{policy}", "autonomy-rate", "slo_autonomy_rate_violation"


def alert(policy: str) -> Alert:
    notice, now = a_notice(), datetime.now(UTC)
    labels = {"alertname": notice.event_type, "namespace": "aiops", "check": notice.check}
    return Alert(
        labels={**labels, "policy": policy},
        annotations={},
        starts_at=now,
        ends_at=now + timedelta(minutes=5),
    )


async def tell(channel: Any, *notices: Notice) -> datetime:
    """Tells one message; gives a moment just before."""
    before = datetime.now(UTC)
    await channel.tell(notices)
    return before


def test_there_is_one_channel_of_each_kind(channels: Channels) -> None:
    assert channels.keys() == hearing.CHANNELS
    assert isinstance(channels["oncall"], AlertmanagerNotifier)


async def test_alertmanager_is_heard_of_while_an_alert_fires(
    stack: Stack, channels: Channels, policy: str
) -> None:
    assert hearing.heard(stack, finding(policy), datetime.now(UTC)) == frozenset()

    await channels["oncall"].post([alert(policy)])

    def heard() -> frozenset[str]:
        return hearing.heard(stack, finding(policy), datetime.now(UTC))

    assert wait_for(lambda: heard() == {"oncall"}, 20)


async def test_a_chat_and_the_event_bus_are_heard_of_what_opened(
    stack: Stack, channels: Channels, policy: str
) -> None:
    notice = a_notice(policy=policy)
    since = await tell(channels["team-chat"], notice)
    await tell(channels["event-bus"], notice)

    assert hearing.heard(stack, finding(policy), since) == {"team-chat", "event-bus"}
    [message] = hearing.messages_about(stack, finding(policy), since)
    assert message.splitlines()[0].startswith(f"[critical] aiops/{policy} autonomy-rate: 0.62")
    [event] = hearing.opened_events(stack, finding(policy), since)
    assert event["id"] == str(notice.id)
    assert hearing.heard(stack, finding(policy), datetime.now(UTC)) == frozenset()


async def test_a_digest_is_heard_of_what_is_open_in_it_only(
    stack: Stack, channels: Channels, policy: str
) -> None:
    others = [a_notice(policy=f"{policy}-other"), a_resolution(policy=f"{policy}-ended")]
    since = await tell(channels["team-chat"], *others, a_reminder(policy=policy))

    def heard(policy: str) -> frozenset[str]:
        return hearing.heard(stack, finding(policy), since)

    assert heard(policy) == heard(f"{policy}-other") == {"team-chat"}
    assert heard(f"{policy}-ended") == frozenset()


async def test_what_is_resolved_is_not_heard_of(
    stack: Stack, channels: Channels, policy: str
) -> None:
    notice = a_resolution(policy=policy)
    since = await tell(channels["team-chat"], notice)
    await tell(channels["event-bus"], notice)

    assert [*hearing.chat_messages(stack, since)] != []
    assert hearing.heard(stack, finding(policy), since) == frozenset()
