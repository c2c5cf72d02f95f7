"""Channels of every kind, as a manifest has them, at a server of the test's own."""

from typing import Any

from governor.adapters.channels.alertmanager import AlertmanagerNotifier
from governor.adapters.channels.apprise import AppriseNotifier
from governor.adapters.channels.cloud_events import CloudEventsNotifier
from governor.adapters.channels.making import Notifiers
from governor.api.channel import ChannelSpec
from governor.app.ports import AlertNotifier, Notifier

TOKEN = "planted-token-4711"
"""In every Secret: it must be found nowhere but at the receiver."""

SECRETS = {
    "access": {
        "token": f"{TOKEN}\n".encode(),
        "headers": f"Authorization: Bearer {TOKEN}\nX-Tenant: aiops\n".encode(),
    }
}


def channel(kind: str, secrets: Any = None, **fields: Any) -> Notifier | AlertNotifier:
    """A notifier of the one kind, made from a whole spec."""
    spec = ChannelSpec.model_validate({"allowedNamespaces": {"from": "All"}, kind: fields})
    return Notifiers().make("oncall", spec, SECRETS if secrets is None else secrets)


def alertmanagers(*urls: str, **fields: Any) -> AlertmanagerNotifier:
    """Told with a bearer token."""
    bearer = {"bearerSecretRef": {"name": "access", "key": "token"}}
    made = channel("alertmanager", urls=list(urls), **(bearer | fields))
    assert isinstance(made, AlertmanagerNotifier)
    return made


def cloud_events(url: str, secrets: Any = None, **fields: Any) -> CloudEventsNotifier:
    """Told with a bearer token among the headers."""
    headers = {"headersSecretRef": {"name": "access", "key": "headers"}}
    made = channel("cloudEvents", secrets, url=url, **(headers | fields))
    assert isinstance(made, CloudEventsNotifier)
    return made


def chat(apprise_url: str) -> AppriseNotifier:
    """Told by Apprise."""
    secrets = {"chat": {"url": apprise_url.encode()}}
    made = channel("apprise", secrets, secretRef={"name": "chat", "key": "url"})
    assert isinstance(made, AppriseNotifier)
    return made


def json_chat(url: str) -> AppriseNotifier:
    """Apprise's JSON target at a server, the token in its user, password, path and headers."""
    host = url.removeprefix("http://")
    return chat(f"json://{TOKEN}:{TOKEN}@{host}/{TOKEN}?+X-Key={TOKEN}")
