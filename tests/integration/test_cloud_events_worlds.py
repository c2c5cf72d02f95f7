"""CloudEvents receivers in every state: what is done, what is tried again, and what never."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.support.channel_worlds import TOKEN, cloud_events
from tests.support.http_world import (
    Asked,
    Behaviour,
    HttpWorld,
    answering,
    breaking_off,
    http_world,
    sending,
    stalling,
)
from tests.support.notices import a_notice, a_reminder, a_resolution

from governor.adapters.channels import cloud_events as adapter
from governor.errors import BusyError, DeliveryError, RejectedError, RetiredError

TAKEN = answering(204, "")


async def raised_by(behaviour: Behaviour) -> DeliveryError:
    async with http_world(behaviour) as world:
        notifier = cloud_events(world.url)
        with pytest.raises(DeliveryError) as caught:
            await notifier.tell([a_notice()])
        await notifier.close()
    assert str(caught.value).startswith(world.url.removeprefix("http://") + ": ")
    return caught.value


def events(world: HttpWorld) -> list[dict[str, Any]]:
    return [json.loads(asked.body) for asked in world.asked]


async def test_an_event_is_told_in_structured_mode() -> None:
    """At the very url, with the Secret's headers, as the specification wants it."""
    async with http_world(TAKEN) as world:
        notifier = cloud_events(f"{world.url}/hooks/governance")
        await notifier.tell([a_notice()])
        await notifier.close()

    (asked,) = world.asked
    assert (asked.method, asked.path) == ("POST", "/hooks/governance")
    assert asked.headers["content-type"] == "application/cloudevents+json"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["x-tenant"] == "aiops"
    assert events(world)[0]["id"] == str(a_notice().id)


async def test_a_channel_without_headers_sends_none_of_its_own() -> None:
    """Nobody has to keep a Secret for a receiver that wants none."""
    async with http_world(TAKEN) as world:
        notifier = cloud_events(world.url, {}, headersSecretRef=None)
        await notifier.tell([a_notice()])
        await notifier.close()

    assert "authorization" not in world.asked[0].headers


async def test_several_are_told_one_by_one_in_order() -> None:
    """Each is an event of its own type and id."""
    notices = [a_notice(), a_reminder(), a_resolution()]
    async with http_world(TAKEN) as world:
        notifier = cloud_events(world.url)
        await notifier.tell(notices)
        await notifier.close()

    told = [(event["id"], event["type"]) for event in events(world)]
    assert told == [
        (str(it.id), f"dev.aiops.governance.finding.{word}.v1")
        for it, word in zip(notices, ("opened", "reminded", "resolved"), strict=True)
    ]


async def test_the_first_that_fails_ends_the_call() -> None:
    """What comes after it is not told before it."""

    async def refuse_the_second(asked: Asked, writer: Any) -> None:
        second = json.loads(asked.body)["type"].endswith("reminded.v1")
        await (answering(500, "") if second else TAKEN)(asked, writer)

    async with http_world(refuse_the_second) as world:
        notifier = cloud_events(world.url)
        with pytest.raises(DeliveryError):
            await notifier.tell([a_notice(), a_reminder(), a_resolution()])
        await notifier.close()

    assert len(world.asked) == 2


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_success_is_done(status: int) -> None:
    """Whatever is said with it."""
    async with http_world(answering(status, "<html>" if status != 204 else "")) as world:
        notifier = cloud_events(world.url)
        await notifier.tell([a_notice()])
        await notifier.close()


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_what_can_never_pass_is_rejected(status: int) -> None:
    """For good, and the receiver lives on."""
    error = await raised_by(answering(status, f"no {TOKEN}"))

    assert isinstance(error, RejectedError)
    assert not isinstance(error, RetiredError)
    assert f"HTTP {status}: it" in str(error)
    assert TOKEN not in str(error)


async def test_gone_is_retired() -> None:
    """It will never take anything again."""
    error = await raised_by(answering(410, ""))

    assert isinstance(error, RetiredError)
    assert "remove the channel" in str(error)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_one_says_when(status: int) -> None:
    """In seconds."""
    error = await raised_by(answering(status, "", Retry_After="17"))

    assert isinstance(error, BusyError)
    assert error.retry_after == 17
    assert f"HTTP {status}: it is busy for 17s" in str(error)


async def test_a_busy_one_names_a_time() -> None:
    """As an HTTP date."""
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)

    error = await raised_by(answering(503, "", Retry_After=then))

    assert isinstance(error, BusyError)
    assert 60 < error.retry_after <= 100


PASSING: dict[str, tuple[Behaviour, str]] = {
    "401": (answering(401, ""), "HTTP 401: it wants other credentials"),
    "403": (answering(403, ""), "HTTP 403: these credentials"),
    "404": (answering(404, ""), "HTTP 404: nothing is at the channel's url"),
    "408": (answering(408, ""), "HTTP 408"),
    "409": (answering(409, ""), "HTTP 409"),
    "429 without a time": (answering(429, ""), "HTTP 429: it is busy"),
    "429 with garbage": (answering(429, "", Retry_After="soon"), "HTTP 429: it is busy"),
    "500": (answering(500, f"boom {TOKEN}"), "HTTP 500"),
    "502": (answering(502, ""), "HTTP 502"),
    "redirect": (
        answering(307, "", Location=f"https://{TOKEN}.example.com/{TOKEN}"),
        "HTTP 307 redirects, which is not followed",
    ),
    "not modified": (sending(b"HTTP/1.1 304 No\r\n\r\n"), "HTTP 304 redirects,"),
    "garbage": (sending(b"\x16\x03\x01 no HTTP \r\n\r\n"), "the answer is no whole HTTP"),
    "hung up": (breaking_off(b""), "the receiver can't be reached"),
}


@pytest.mark.parametrize("world", PASSING)
async def test_what_may_pass_is_tried_again(world: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither final nor with a time; with a reason, and without a secret."""
    caplog.set_level(logging.DEBUG, logger="governor")
    behaviour, words = PASSING[world]

    error = await raised_by(behaviour)

    assert type(error) is DeliveryError
    assert words in str(error)
    assert TOKEN not in str(error)
    assert TOKEN not in caplog.text


async def test_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its time."""
    monkeypatch.setattr(adapter, "SECONDS", 0.5)
    started = time.monotonic()

    error = await raised_by(stalling())

    assert type(error) is DeliveryError
    assert "no whole answer within 0.5s" in str(error)
    assert time.monotonic() - started < 10


async def test_a_name_that_does_not_resolve() -> None:
    """The field to correct is named."""
    notifier = cloud_events("http://events.invalid/x")
    with pytest.raises(DeliveryError, match=r"correct spec\.cloudEvents\.url"):
        await notifier.tell([a_notice()])
    await notifier.close()


async def test_a_secret_within_a_redirect_stays_there(caplog: pytest.LogCaptureFixture) -> None:
    """Headers that were sent are in no log, at no level."""
    caplog.set_level(logging.DEBUG)
    for library in ("httpx", "httpcore"):  # a test of logging may have quietened them
        caplog.set_level(logging.DEBUG, logger=library)
    async with http_world(TAKEN) as world:
        notifier = cloud_events(world.url)
        await notifier.tell([a_notice()])
        await notifier.close()

    assert caplog.text
    assert TOKEN not in caplog.text
