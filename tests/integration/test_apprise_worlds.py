"""Apprise's JSON target at receivers in every state: nobody waits for one that hangs."""

import asyncio
import json
import logging
import threading

import pytest
from tests.support.channel_worlds import TOKEN, chat, json_chat
from tests.support.http_world import (
    Behaviour,
    answering,
    breaking_off,
    http_world,
    sending,
    stalling,
)
from tests.support.notices import a_flood, a_notice, a_resolution

from governor.adapters.channels.apprise import MOST_HANGING, AppriseNotifier
from governor.adapters.channels.messages import message
from governor.errors import DeliveryError

TAKEN = answering(200, "")
PATIENCE = 20
"""Seconds."""


def hurried(url: str) -> AppriseNotifier:
    """One that gives a message little time."""
    return AppriseNotifier(json_chat(url)._service, seconds=0.3)


async def test_a_message_arrives_as_the_template_has_it() -> None:
    """Title, body and gravity."""
    async with http_world(TAKEN) as world:
        await json_chat(world.url).tell([a_notice()])

    told = json.loads(world.asked[0].body)
    expected = message([a_notice()])
    assert (told["title"], told["message"]) == (expected.title, expected.body)
    assert told["type"] == "failure"


async def test_a_resolution_is_good_news() -> None:
    """Services show it in another colour."""
    async with http_world(TAKEN) as world:
        await json_chat(world.url).tell([a_resolution()])

    assert json.loads(world.asked[0].body)["type"] == "success"


async def test_a_flood_is_one_message() -> None:
    """Five hundred findings, one request."""
    async with http_world(TAKEN) as world:
        await json_chat(world.url).tell(a_flood(500))

    (asked,) = world.asked
    assert json.loads(asked.body)["title"] == "[critical] 500 findings: 500 opened"
    assert len(json.loads(asked.body)["message"]) <= 32768


REFUSALS: dict[str, tuple[Behaviour, str]] = {
    "400": (answering(400, ""), "JSON: HTTP 400"),
    "401": (answering(401, f"no {TOKEN}"), "JSON: HTTP 401"),
    "410": (answering(410, ""), "JSON: HTTP 410"),
    "429": (answering(429, "", Retry_After="9"), "JSON: HTTP 429"),
    "500": (answering(500, f"boom {TOKEN}"), "JSON: HTTP 500"),
    "redirect": (answering(302, "", Location="http://127.0.0.1:9/"), "JSON: HTTP 302"),
    "garbage": (
        sending(b"SSH-2.0-OpenSSH\r\n\r\n"),
        "JSON: the service can't be reached, or does not answer",
    ),
    "hung up": (breaking_off(b""), "JSON: the service can't be reached, or does not answer"),
}


@pytest.mark.parametrize("world", REFUSALS)
async def test_a_refusal_says_why_and_nothing_more(
    world: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The URL's token is in no error, no log of any level, and not on the console."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="governor")
    behaviour, words = REFUSALS[world]
    async with http_world(behaviour) as server:
        with pytest.raises(DeliveryError) as caught:
            await json_chat(server.url).tell([a_notice()])

    assert str(caught.value) == words
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert server.asked[0].headers["x-key"] == TOKEN
    assert TOKEN not in "".join((caplog.text, *capfd.readouterr()))


async def test_success_is_not_logged_either(caplog: pytest.LogCaptureFixture) -> None:
    """Requests are logged by what Apprise speaks through, with their path."""
    caplog.set_level(logging.DEBUG)
    async with http_world(TAKEN) as world:
        await json_chat(world.url).tell([a_notice()])

    assert TOKEN in world.asked[0].path
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [(None, "nothing was sent"), (False, "the message was refused")],
)
async def test_what_apprise_returns(
    answer: bool | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only True is a delivery."""
    notifier = json_chat("http://127.0.0.1:9")
    monkeypatch.setattr(notifier._service, "notify", lambda **_: answer)

    with pytest.raises(DeliveryError, match=words):
        await notifier.tell([a_notice()])


async def test_what_apprise_raises_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of plugins quote what they were given."""
    notifier = json_chat("http://127.0.0.1:9")

    def fail(**_: object) -> bool:
        raise KeyError(TOKEN)

    monkeypatch.setattr(notifier._service, "notify", fail)

    with pytest.raises(DeliveryError) as caught:
        await notifier.tell([a_notice()])
    assert str(caught.value) == "JSON: it failed with KeyError"


async def test_one_that_hangs_is_given_up_and_blocks_nobody() -> None:
    """The event loop goes on, another channel delivers, and the threads are bounded."""
    async with http_world(stalling()) as hanging, http_world(TAKEN) as healthy:
        stuck, other = hurried(hanging.url), json_chat(healthy.url)
        for _ in range(MOST_HANGING):
            with pytest.raises(DeliveryError, match=r"no answer within 0\.3s"):
                await stuck.tell([a_notice()])
        with pytest.raises(DeliveryError, match=f"{MOST_HANGING} messages before this one hang"):
            await stuck.tell([a_notice()])
        await other.tell([a_notice()])
        async with asyncio.timeout(PATIENCE):
            while len(hanging.asked) < MOST_HANGING:  # a thread may take longer than was waited
                hanging.heard.clear()
                await hanging.heard.wait()

    assert len(hanging.asked) == MOST_HANGING
    assert len(healthy.asked) == 1


async def test_the_loop_runs_while_a_message_is_sent() -> None:
    """The receiver is served by this very loop: a blocked one could not answer."""
    async with http_world(TAKEN) as world:
        notifier = json_chat(world.url)
        await asyncio.gather(*(notifier.tell([a_notice()]) for _ in range(MOST_HANGING)))

    assert len(world.asked) == MOST_HANGING


async def test_a_channel_recovers_once_its_messages_are_over() -> None:
    """What hung frees its place when the connection ends."""
    async with http_world(stalling()) as world:
        notifier = hurried(world.url)
        for _ in range(MOST_HANGING):
            with pytest.raises(DeliveryError):
                await notifier.tell([a_notice()])
        await world.close()
        world.behaviour = TAKEN
        async with asyncio.timeout(10):
            while notifier._under_way:
                await asyncio.to_thread(_join_one)
        await AppriseNotifier(notifier._service).tell([a_notice(message="again")])

    assert "again" in json.loads(world.asked[-1].body)["message"]


def _join_one() -> None:
    """Waits for a thread that sends, if there is one."""
    for thread in threading.enumerate():
        if thread.name == "apprise":
            thread.join(1)
            return


def test_what_apprise_can_t_put_into_words_goes_nowhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logging would print its traceback, arguments included."""
    caplog.set_level(logging.DEBUG)

    logging.getLogger("apprise").warning("sent to %d", TOKEN)

    assert TOKEN not in "".join((caplog.text, *capfd.readouterr()))


async def test_a_service_that_does_not_resolve() -> None:
    """Named by its kind, not by its address."""
    with pytest.raises(DeliveryError) as caught:
        await chat(f"mmost://receiver.invalid/{TOKEN}").tell([a_notice()])

    assert str(caught.value) == "Mattermost: the service can't be reached, or does not answer"
