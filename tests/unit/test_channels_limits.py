"""Every service gets what it takes: its limits, through Apprise's own plugins, no network."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from tests.support.channel_worlds import chat
from tests.support.notices import a_flood, a_hostile_notice, a_notice

from governor.adapters.channels.fitting import fitted
from governor.adapters.channels.messages import Message, message

COMMAND = "kubectl describe governancepolicy flywheel -n aiops"


class Answered(requests.Response):
    """What every service takes for success."""

    def __init__(self) -> None:
        super().__init__()
        self.status_code = 200
        self._content = b"ok"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The documents that would have left the machine."""
    documents: list[dict[str, Any]] = []

    def keep(_self: object, **fields: Any) -> Answered:
        documents.append(json.loads(fields.get("data") or json.dumps(fields.get("json"))))
        return Answered()

    monkeypatch.setattr(requests.Session, "request", keep)
    return documents


TELEGRAM = "tgram://123456789:abcdefg_hijklmnop/-1001234567"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
TEAMS = "workflows://host:443/workflow/signature"

FLOODS: dict[str, tuple[str, int]] = {
    "Telegram": (TELEGRAM, 4096),
    "Slack": (SLACK, 35000),
    "Discord": (DISCORD, 2000),
    "Teams": (TEAMS, 1000),
}


def text_of(service: str, document: dict[str, Any]) -> str:
    """What a person reads in the body."""
    if service == "Telegram":
        return str(document["text"])
    if service == "Slack":
        return str(document["attachments"][0]["text"])
    if service == "Discord":
        return str(document["content"])
    return str(document["attachments"][0]["content"]["body"][1]["text"])


@pytest.mark.parametrize("service", FLOODS)
async def test_a_flood_fits(service: str, sent: list[dict[str, Any]]) -> None:
    """One message within the limit, cut at a line, with what is missing and the command."""
    url, limit = FLOODS[service]

    await chat(url).tell(a_flood(500))

    (document,) = sent
    text = text_of(service, document)
    assert limit / 2 < len(text) <= limit
    *lines, missing, command = text.replace("\r", "").replace("\\", "").split("\n")
    assert command == "kubectl get governancepolicies -n aiops"
    assert missing.startswith("… (")
    assert lines[-1].endswith("0.62 is below the red line 0.7")


@pytest.mark.parametrize("service", FLOODS)
async def test_an_ordinary_message_is_not_cut(service: str, sent: list[dict[str, Any]]) -> None:
    """There is room for one finding in each of them, and all of it arrives as it is."""
    await chat(FLOODS[service][0]).tell([a_notice()])

    text = text_of(service, sent[0]).replace("\r", "").replace("\\", "")
    assert text.endswith(message([a_notice()]).body)


@pytest.mark.parametrize("service", FLOODS)
async def test_hostile_texts_do_nothing(service: str, sent: list[dict[str, Any]]) -> None:
    """No mention, tag, or link with another text reaches a service."""
    await chat(FLOODS[service][0]).tell([a_hostile_notice()])

    text = json.dumps(sent[0], ensure_ascii=False)
    for word in ("@channel", "@everyone", "<!here>", "<@U123>", "](http", "<https", "**", "||"):
        assert word not in text
    assert "<b>bold" not in text
    assert "&lt;i" not in text


SHORT: dict[str, tuple[str, int]] = {
    "a text message": ("voipms://password:user@example.org/15551230000/15551231234", 160),
    "a pager": ("dapnet://user:password@DF1ABC", 80),
}


@pytest.mark.parametrize("service", SHORT)
async def test_little_room_tells_what_matters(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong, and the command if there is room for both."""
    url, limit = SHORT[service]
    notifier = chat(url)
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(notifier._service, "send", lambda **fields: told.append(fields) or True)

    await notifier.tell([a_notice()])

    (fields,) = told
    assert len(fields["body"]) <= limit
    assert fields["body"].startswith("[critical] aiops/flywheel autonomy-rate")
    assert (COMMAND in fields["body"]) is (limit >= 160)


LINES = st.lists(st.text(st.characters(exclude_categories=("C",)), max_size=60), max_size=20)


def a_message(lines: Sequence[str]) -> Message:
    return Message(
        title="[critical] aiops/flywheel autonomy-rate: 0.62 is below the red line 0.7",
        lines=tuple(lines),
        command=COMMAND,
        severity="critical",
        resolved=False,
    )


@given(lines=LINES, room=st.integers(min_value=1, max_value=1500), apart=st.booleans())
def test_whatever_the_room_it_fits(lines: list[str], room: int, *, apart: bool) -> None:
    """Lines are whole, in order, from the first; what is kept of the title is its beginning."""
    whole = a_message(lines)

    title, body = fitted(
        whole,
        lambda title, body: len(body) + (0 if apart or not title else len(title) + 1) <= room,
        title_length=40 if apart else 0,
    )

    assert len(body) + (0 if apart or not title else len(title) + 1) <= room
    assert len(title) <= 40 or not apart
    if title:
        *kept, last = body.split("\n")
        assert last == COMMAND
        if kept and kept[-1].startswith("… ("):
            del kept[-1]
        assert kept == list(lines)[: len(kept)]
        assert whole.title.startswith(title.rstrip("…"))
    else:
        assert whole.title.startswith(body.split("\n")[0].rstrip("…"))


def test_a_message_that_fits_is_whole() -> None:
    """Nothing is cut without need."""
    whole = message([a_notice()])

    assert fitted(whole, lambda *_: True, 0) == (whole.title, whole.body)
