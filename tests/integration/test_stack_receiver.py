"""The stack's receiver: takes what is well-formed, keeps all of it, misbehaves as it is told."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apprise
import httpx
import pytest

from governor_local.receiver import Receiver
from governor_local.stack import Stack

EVENT = {
    "specversion": "1.0",
    "id": "7d9f3f0c",
    "source": "/clusters/c/namespaces/n/governancepolicies/p",
    "type": "dev.aiops.governance.finding.opened.v1",
    "time": "2026-11-22T12:00:00.5Z",
    "data": {"Value": 1},
}
WEBHOOK = {"version": "4", "status": "firing", "alerts": [{"labels": {"alertname": "a"}}]}
MESSAGE = {"version": "1.0", "title": "t", "message": "m", "type": "info", "attachments": []}

STRUCTURED = "application/cloudevents+json; charset=utf-8"


@pytest.fixture(scope="module")
def receiver(stack: Stack) -> Iterator[Receiver]:
    """One of this module's own: the stack's hears from other tests."""
    receiver = Receiver(stack.processes, name="receiver-under-test")
    receiver.start()
    yield receiver
    receiver.stop()


def post(
    receiver: Receiver,
    at: str,
    body: Any = MESSAGE,
    *,
    content_type: str = "application/json",
    seconds: float = 20,
    **headers: str,
) -> httpx.Response:
    return httpx.post(
        f"{receiver.url}/{at}",
        json=body,
        headers={"Content-Type": content_type, **headers},
        trust_env=False,
        timeout=seconds,
    )


@pytest.mark.parametrize(
    ("at", "content_type", "body"),
    [
        ("alertmanager/taken", "application/json", WEBHOOK),
        ("cloudevents/taken", STRUCTURED, EVENT),
        ("chat/taken", "application/json", MESSAGE),
    ],
)
def test_what_is_well_formed_is_taken_and_kept(
    receiver: Receiver, at: str, content_type: str, body: Any
) -> None:
    answer = post(receiver, at, body, content_type=content_type)

    [kept] = receiver.received(at)
    assert answer.status_code == 204
    assert (kept.path, kept.body, kept.faults) == (at, body, [])
    assert kept.headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    ("at", "content_type", "body", "fault"),
    [
        ("cloudevents/a", "application/json", EVENT, "Content-Type is not"),
        ("cloudevents/b", STRUCTURED, [EVENT], "not a JSON object"),
        ("cloudevents/c", STRUCTURED, {**EVENT, "id": ""}, "the attribute id"),
        ("cloudevents/d", STRUCTURED, {**EVENT, "source": None}, "the attribute source"),
        ("cloudevents/e", STRUCTURED, {**EVENT, "specversion": "0.3"}, "specversion is not 1.0"),
        ("cloudevents/f", STRUCTURED, {**EVENT, "finding_id": "x"}, "'finding_id' is no name"),
        ("cloudevents/g", STRUCTURED, {**EVENT, "time": "2026-11-22T12:00:00"}, "time is not"),
        ("cloudevents/h", STRUCTURED, {**EVENT, "time": 1}, "time is not"),
        ("alertmanager/a", "application/json", {**WEBHOOK, "version": "3"}, "not version 4"),
        ("alertmanager/b", "application/json", {**WEBHOOK, "alerts": []}, "alerts is not"),
        ("chat/a", "application/json", {**MESSAGE, "title": None}, "not an object with"),
        ("chat/b", "application/json", {**MESSAGE, "message": " \n"}, "the message is empty"),
        ("chat/c", "application/json", "text", "not an object with"),
    ],
)
def test_what_is_ill_formed_is_answered_400_and_not_received(
    receiver: Receiver, at: str, content_type: str, body: Any, fault: str
) -> None:
    answer = post(receiver, at, body, content_type=content_type)

    assert answer.status_code == 400
    assert fault in answer.text
    assert receiver.received(at) == []
    [attempt] = receiver.attempts(at)
    assert answer.text.splitlines() == attempt.faults


def test_what_is_no_json_is_kept_as_text(receiver: Receiver) -> None:
    httpx.post(f"{receiver.url}/chat/text", content=b"{broken", trust_env=False, timeout=30)

    assert [attempt.body for attempt in receiver.attempts("chat/text")] == ["{broken"]


@pytest.mark.parametrize(("status", "retry_after"), [(429, "7"), (410, None), (500, None)])
def test_a_path_answers_with_the_status_that_it_was_told(
    receiver: Receiver, status: int, retry_after: str | None
) -> None:
    at = f"chat/{status}"
    receiver.behave(at, status, retry_after=retry_after)

    answer = post(receiver, at)
    receiver.behave(at, "accept")
    post(receiver, at)

    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert [attempt.answer for attempt in receiver.attempts(at)] == [status, 204]
    assert len(receiver.received(at)) == 1


@pytest.mark.parametrize("how", ["refuse", "garbage"])
def test_a_path_breaks_off_and_the_others_go_on(receiver: Receiver, how: Any) -> None:
    receiver.behave(f"chat/{how}", how)

    with pytest.raises(httpx.RemoteProtocolError):
        post(receiver, f"chat/{how}")
    assert post(receiver, "chat/goes-on").status_code == 204


def test_a_path_hangs_until_it_is_let_go(receiver: Receiver) -> None:
    receiver.behave("chat/hanging", "hang")

    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(post, receiver, "chat/hanging")
        while not receiver.attempts("chat/hanging"):
            time.sleep(0.01)
        assert post(receiver, "chat/goes-on").status_code == 204
        assert not hanging.done()
        receiver.behave("chat/hanging", "accept")
        assert isinstance(hanging.exception(), httpx.RemoteProtocolError)

    assert post(receiver, "chat/hanging").status_code == 204


def test_a_path_behaves_as_the_nearest_above_it(receiver: Receiver) -> None:
    receiver.behave("chat/team", 500)
    receiver.behave("chat/team/quiet", 410)
    paths = ("chat/team", "chat/team/loud", "chat/team/quiet", "chat/team/quiet/x", "chat/teams")

    assert [post(receiver, at).status_code for at in paths] == [500, 500, 410, 410, 204]
    assert [each.path for each in receiver.attempts("chat/team")] == list(paths[:-1])


def test_what_was_received_is_kept_over_a_restart(receiver: Receiver) -> None:
    post(receiver, "chat/kept")
    url = receiver.url

    receiver.kill()
    receiver.start()

    assert url == receiver.url
    assert [each.body for each in receiver.received("chat/kept")] == [MESSAGE]


def test_headers_that_may_be_secret_are_kept_as_digests(receiver: Receiver) -> None:
    post(receiver, "chat/secret", Authorization="Bearer open-sesame")

    [kept] = receiver.received("chat/secret")
    digest = hashlib.sha256(b"Bearer open-sesame").hexdigest()
    assert kept.headers["Authorization"] == f"sha256:{digest}"
    assert "open-sesame" not in receiver.file.read_text()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's business
def test_apprise_reaches_a_chat_by_its_url(receiver: Receiver) -> None:
    chat = apprise.Apprise()
    chat.add(receiver.apprise_url("chat/apprise"))

    assert chat.notify(title="Hallucination", body="0.25 is above the red line 0.1")
    [kept] = receiver.received("chat/apprise")
    assert kept.body["title"] == "Hallucination"
    assert kept.body["message"] == "0.25 is above the red line 0.1"


@pytest.mark.parametrize("at", ["", "chats", "behaviour"])
def test_no_other_path_takes_anything(receiver: Receiver, at: str) -> None:
    assert post(receiver, at).status_code == 404
