"""Building a notifier: every bad Secret and url is refused before it is used."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.channel_worlds import channel

from governor.adapters.channels.apprise import AppriseNotifier
from governor.adapters.channels.making import Notifiers
from governor.api.channel import ChannelSpec, CloudEventsChannel
from governor.api.namespaces import AllowedNamespaces
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

PLANTED = "planted"
URL = "https://events.example.org/governance"
HEADERS = {"headersSecretRef": {"name": "access", "key": "value"}, "url": URL}
BEARER = {"bearerSecretRef": {"name": "access", "key": "value"}, "urls": ["http://am:9093"]}
CHAT = {"secretRef": {"name": "access", "key": "value"}}


def fault_of(kind: str, fields: Mapping[str, Any], value: bytes | None) -> str:
    secrets = {} if value is None else {"access": {"value": value}}
    with pytest.raises(FaultError) as caught:
        channel(kind, secrets, **fields)
    assert caught.value.fault.reason is Reason.SECRET_INVALID
    return caught.value.fault.message


BAD_HEADERS: dict[str, tuple[bytes | None, str]] = {
    "no Secret": (None, "there is no Secret access"),
    "empty": (b"\n\n", "is empty"),
    "blank": (b"  \n \t", "is empty"),
    "no colon": (b"Authorization planted", "line 1 must be `Name: value`"),
    "no value": (b"X-One: 1\nAuthorization:", "line 2 must be `Name: value`"),
    "no name": (b": planted", "line 1 must be `Name: value`"),
    "a space in the name": (b"X Planted: 1", "line 1 must be `Name: value`"),
    "a request smuggled in": (b"X-One: planted\rHost: evil", "line 1 must have a value"),
    "a NUL": (b"X-One: planted\0", "line 1 must have a value"),
    "another script": ("X-One: plantedä".encode(), "line 1 must have a value"),
    "not UTF-8": (b"X-One: planted\xff", "UTF-8"),
    "the host": (b"X-One: 1\nHOST: planted", "line 2 must not set HOST"),
    "a length": (b"content-length: 1", "line 1 must not set content-length"),
    "an encoding": (b"Transfer-Encoding: planted", "must not set Transfer-Encoding"),
    "a type": (b"Content-Type: planted", "must not set Content-Type"),
    "twice": (b"X-One: 1\nx-one: planted", "line 2 repeats a header"),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_bad_headers_are_secret_invalid(case: str) -> None:
    """The message names Secret, key, line and remedy, and never tells a value."""
    value, words = BAD_HEADERS[case]

    said = fault_of("cloudEvents", HEADERS, value)

    assert "Secret access" in said
    assert words in said
    assert PLANTED not in said


BAD_CHATS: dict[str, tuple[bytes | None, str]] = {
    "no Secret": (None, "there is no Secret access"),
    "empty": (b"", "is empty"),
    "blank": (b"   \n", "must hold an Apprise URL"),
    "no URL": (b"planted", "must hold an Apprise URL"),
    "a kind that nobody knows": (b"planted://planted/planted", "must hold an Apprise URL"),
    "an address of no service": (b"https://planted.example.org/x", "must hold an Apprise URL"),
    "two on lines": (b"json://planted\njson://planted", "exactly one"),
    "two with a comma": (b"json://planted,json://planted", "exactly one"),
    "two in a line": (b"json://planted json://planted", "exactly one"),
    "not UTF-8": (b"json://planted\xff", "UTF-8"),
    "half of a kind": (b"tgram://planted", "it can't be read"),
    "a part that is wrong": (b"slack://planted/planted", "lacks a part"),
    "a wrong option": (b"json://planted?method=planted", "lacks a part"),
    "several targets": (b"mailto://u:planted@example.org?to=a@b.cc,d@e.cc", "several targets"),
    "several chats": (b"tgram://123456789:abcdefg_planted/11/22", "several targets"),
    "the desktop": (b"dbus://", "of the network"),
    "another desktop": (b"gnome://", "of the network"),
    "a Mac": (b"macosx://", "of the network"),
    "Windows": (b"windows://", "of the network"),
    "this machine's log": (b"syslog://planted", "of the network"),
    "keys in files": (b"vapid://planted@example.org/planted@example.org", "of the network"),
    "a template in a file": (
        b"slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#planted?template=/etc/passwd",
        "leave out template",
    ),
    "a key in a file": (b"fcm://planted/x/?keyfile=/etc/planted", "leave out keyfile"),
    "a signature": (b"mailto://u:planted@example.org?PGP=sign", "leave out keyfile, pgp"),
    "a kind without its library": (b"mqtt://planted/topic", "needs a library"),
}


@pytest.mark.parametrize("case", BAD_CHATS)
def test_a_bad_apprise_url_is_secret_invalid(
    case: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """No part of it is told: not in the message, not in a log, not on a console."""
    caplog.set_level(logging.DEBUG)
    value, words = BAD_CHATS[case]

    said = fault_of("apprise", CHAT, value)

    assert "Secret access" in said
    assert words in said
    written = "".join((said, caplog.text, *capfd.readouterr()))
    assert PLANTED not in written


GOOD_CHATS = [
    b"json://planted:8080/path",
    b"tgram://123456789:abcdefg_hijklmnop/-1001234567\n",
    b"slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
    b"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
    b"mailto://user:password@example.org?to=oncall@example.org",
    b"whatsapp://token@12345678901234/15551234567?template=approved",
]


@pytest.mark.parametrize("value", GOOD_CHATS)
def test_what_goes_over_the_network_is_taken(value: bytes) -> None:
    """Also with a template that is the name of one, and as the service itself writes it."""
    assert isinstance(channel("apprise", {"access": {"value": value}}, **CHAT), AppriseNotifier)


def test_a_url_can_ask_for_no_redirects_and_for_no_long_waits() -> None:
    """What the operator bounds stays bounded."""
    notifier = channel(
        "apprise", {"access": {"value": b"json://h/?redirect=yes&rto=600&cto=0&retry=5"}}, **CHAT
    )

    assert isinstance(notifier, AppriseNotifier)
    service = notifier._service
    assert not service.redirects
    assert service.request_timeout == (10.0, 10.0)


def test_a_bad_token_is_secret_invalid() -> None:
    """As for sources."""
    said = fault_of("alertmanager", BEARER, b"planted\nX-Evil: 1")

    assert said == "Secret access: key value must hold one line without control characters"


def test_a_url_that_no_schema_held_back() -> None:
    """Its credentials are not told."""
    everybody = AllowedNamespaces.model_validate({"from": "All"})
    spec = ChannelSpec.model_construct(
        allowed_namespaces=everybody,
        cloud_events=CloudEventsChannel.model_construct(url=f"https://ana:{PLANTED}@events"),
    )
    with pytest.raises(FaultError) as caught:
        Notifiers().make("oncall", spec, {})

    assert "use headersSecretRef" in caught.value.fault.message
    assert PLANTED not in caught.value.fault.message


def test_a_channel_of_no_kind() -> None:
    """Nothing is guessed where no schema held it back."""
    everybody = AllowedNamespaces.model_validate({"from": "All"})
    with pytest.raises(FaultError, match="set one of them"):
        Notifiers().make("odd", ChannelSpec.model_construct(allowed_namespaces=everybody), {})
