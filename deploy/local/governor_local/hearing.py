"""What those who are told have heard: Alertmanager, the chat and the event bus."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from governor_local.stack import Stack
from governor_local.world.expected import Finding

CHANNELS = frozenset({"oncall", "team-chat", "event-bus"})
"""The channels of the samples."""

_OPENED = "dev.aiops.governance.finding.opened.v1"


def heard(stack: Stack, finding: Finding, since: datetime) -> frozenset[str]:
    """The channels that said since then that such a finding is open."""
    policy, check, event_type = finding
    told = {
        "oncall": any(
            (f"{labels['namespace']}/{labels['policy']}", labels.get("check", ""))
            == (policy, check)
            for labels in (alert["labels"] for alert in stack.alertmanager.alerts())
            if labels["alertname"] == event_type
        ),
        "team-chat": any(_is_about(message, finding) for message in chat_messages(stack, since)),
        "event-bus": any(opened_events(stack, finding, since)),
    }
    return frozenset(name for name, has in told.items() if has)


def chat_messages(stack: Stack, since: datetime) -> Sequence[str]:
    """Each message as a chat shows it: the title, a blank line, the text."""
    return [
        f"{each.body['title']}\n\n{each.body['message']}"
        for each in stack.receiver.received("chat")
        if each.at >= since
    ]


def messages_about(stack: Stack, finding: Finding, since: datetime) -> Sequence[str]:
    """The messages that say that such a finding is open, alone or among others."""
    return [message for message in chat_messages(stack, since) if _is_about(message, finding)]


def opened_events(stack: Stack, finding: Finding, since: datetime) -> Iterator[Mapping[str, Any]]:
    """The CloudEvents that say that such a finding opened."""
    for each in stack.receiver.received("cloudevents"):
        data = each.body["data"]
        of = (f"{data['namespace']}/{data['policy']}", data["check"], data["eventType"])
        if each.at >= since and each.body["type"] == _OPENED and of == finding:
            yield each.body


def what_is_open(message: str) -> str:
    """The part that says what is open; a digest may say of others that they are resolved."""
    return "" if message.startswith("[resolved]") else message.partition("\nResolved:")[0]


def _is_about(message: str, finding: Finding) -> bool:
    policy, check, _ = finding
    return f"{policy} {check}".rstrip() + ":" in what_is_open(message)
