"""Alertmanagers in every state: each is told by itself, and each failure is named."""

import asyncio
import json
import logging
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from tests.support.channel_worlds import TOKEN, alertmanagers, channel
from tests.support.http_world import (
    Asked,
    Behaviour,
    answer,
    answering,
    answering_json,
    breaking_off,
    http_world,
    sending,
    slowly,
    stalling,
)

from governor.adapters.channels.alertmanager import BATCH, SECONDS, AlertmanagerNotifier
from governor.domain.alerts import Alert
from governor.errors import DeliveryError, PartlyDeliveredError

TAKEN = answering(200, "")
SINCE = datetime(2026, 11, 22, 9, 15, 0, 250_000, tzinfo=UTC)
FIRING = Alert(
    labels={"alertname": "trust_drift", "namespace": "aiops", "policy": "flywheel"},
    annotations={"summary": "3 of 40 playbooks"},
    starts_at=SINCE,
    ends_at=SINCE + timedelta(minutes=5),
)


def alerts(count: int) -> list[Alert]:
    return [replace(FIRING, labels={**FIRING.labels, "check": f"c{n}"}) for n in range(count)]


def checks(asked: Asked) -> list[str]:
    return [alert["labels"]["check"] for alert in json.loads(asked.body)]


async def refusal_of(notifier: AlertmanagerNotifier, count: int = 1) -> str:
    with pytest.raises(DeliveryError) as caught:
        await notifier.post(alerts(count))
    await notifier.close()
    return str(caught.value)


async def test_an_alert_is_told_as_the_api_wants_it() -> None:
    """Path prefix, token, labels, annotations and times."""
    async with http_world(TAKEN) as world:
        notifier = alertmanagers(f"{world.url}/alerts/")
        await notifier.post([FIRING])
        await notifier.close()

    (asked,) = world.asked
    assert (asked.method, asked.path) == ("POST", "/alerts/api/v2/alerts")
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(asked.body) == [
        {
            "labels": dict(FIRING.labels),
            "annotations": {"summary": "3 of 40 playbooks"},
            "startsAt": "2026-11-22T09:15:00.250000Z",
            "endsAt": "2026-11-22T09:20:00.250000Z",
        }
    ]


async def test_many_alerts_go_in_batches_to_every_one() -> None:
    """Five hundred and one alerts, each told once to each Alertmanager."""
    async with http_world(TAKEN) as one, http_world(TAKEN) as other:
        notifier = alertmanagers(one.url, other.url)
        await notifier.post(alerts(5 * BATCH + 1))
        await notifier.close()

    for world in (one, other):
        assert len(world.asked) == 6
        told = [check for asked in world.asked for check in checks(asked)]
        assert told == [f"c{n}" for n in range(5 * BATCH + 1)]


async def test_nothing_is_posted_of_nothing() -> None:
    """No alerts, no request."""
    async with http_world(TAKEN) as world:
        notifier = alertmanagers(world.url)
        await notifier.post([])
        await notifier.close()

    assert world.asked == []


async def test_one_that_hangs_delays_no_other() -> None:
    """The others have everything long before its time is up; the error names only it."""
    has_all = asyncio.Event()

    async def take(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await TAKEN(asked, writer)
        if f"c{3 * BATCH - 1}" in checks(asked):
            has_all.set()

    async with http_world(stalling()) as hanging, http_world(take) as healthy:
        notifier = alertmanagers(hanging.url, healthy.url)
        posting = asyncio.create_task(notifier.post(alerts(3 * BATCH)))
        async with asyncio.timeout(SECONDS):
            await has_all.wait()
        assert not posting.done()
        with pytest.raises(DeliveryError) as caught:
            await posting
        await notifier.close()

    said = str(caught.value)
    assert said == f"{hanging.url.removeprefix('http://')}: no whole answer within 5s"
    assert len(hanging.asked) == 1, "one that does not answer gets no more batches"


async def test_every_failure_is_named() -> None:
    """Two that fail, each in its way, and one that doesn't."""
    async with http_world(TAKEN) as healthy:
        async with http_world(answering(503, "")) as busy, http_world(TAKEN) as gone:
            pass
        async with http_world(answering(503, "")) as busy:
            said = await refusal_of(alertmanagers(gone.url, healthy.url, busy.url))

    first, second = said.split("; ")
    assert first.startswith(f"{gone.url.removeprefix('http://')}: Alertmanager can't be reached")
    assert second == f"{busy.url.removeprefix('http://')}: HTTP 503"
    assert len(healthy.asked) == 1


async def test_that_somebody_was_told_is_said() -> None:
    """One replica is enough to wake people; where each of them failed, nobody was told."""
    async with http_world(TAKEN) as healthy, http_world(answering(503, "")) as busy:
        for urls, kind in (
            ((busy.url, healthy.url), PartlyDeliveredError),
            ((busy.url, busy.url + "/2"), DeliveryError),
        ):
            notifier = alertmanagers(*urls)
            with pytest.raises(DeliveryError) as caught:
                await notifier.post([FIRING])
            await notifier.close()
            assert type(caught.value) is kind


HTML = "<!doctype html><title>Sign in</title>"

REFUSALS: dict[str, tuple[Behaviour, str]] = {
    "400": (
        answering_json(400, "start time must be before end time"),
        "HTTP 400: start time must be before end time; the valid alerts of the batch are stored",
    ),
    "400 as an object": (
        answering_json(400, {"code": 601, "message": "labels in body is required"}),
        "HTTP 400: labels in body is required; the valid",
    ),
    "400 of something else": (answering(400, HTML), "HTTP 400; the valid alerts"),
    "400 that quotes the token": (answering_json(400, f"bad {TOKEN}"), "HTTP 400: bad ***;"),
    "401": (answering(401, ""), "HTTP 401: it wants other credentials"),
    "403": (answering(403, ""), "HTTP 403: these credentials may not post"),
    "404": (answering(404, HTML), "HTTP 404: no Alertmanager answers so"),
    "429": (answering(429, ""), "HTTP 429"),
    "500": (answering(500, f"boom {TOKEN}"), "HTTP 500"),
    "a page": (answering(200, HTML), "HTTP 200: no Alertmanager answers so"),
    "garbage": (sending(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), "the answer is no whole HTTP"),
    "half an answer": (breaking_off(answer(200, "{}")[:-1]), "the answer is no whole HTTP"),
    "hung up": (breaking_off(b""), "Alertmanager can't be reached"),
    "redirect": (
        answering(302, "", Location="https://login.example.com/start"),
        "HTTP 302 redirects, which is not followed",
    ),
}


@pytest.mark.parametrize("world", REFUSALS)
async def test_a_refusal_says_why(world: str, caplog: pytest.LogCaptureFixture) -> None:
    """Host and reason, and no secret, in the error as in the logs."""
    behaviour, words = REFUSALS[world]
    caplog.set_level(logging.DEBUG)
    async with http_world(behaviour) as server:
        said = await refusal_of(alertmanagers(server.url))

    assert said.startswith(f"{server.url.removeprefix('http://')}: {words}"), said
    assert TOKEN not in said
    assert TOKEN not in caplog.text


async def test_a_refused_batch_holds_up_no_other() -> None:
    """The batches after it are told all the same, and the refusal is not forgotten."""

    async def refuse_the_first(asked: Asked, writer: Any) -> None:
        behaviour = answering_json(400, "bad") if "c0" in checks(asked) else TAKEN
        await behaviour(asked, writer)

    async with http_world(refuse_the_first) as world:
        said = await refusal_of(alertmanagers(world.url), 3 * BATCH)

    assert "HTTP 400: bad" in said
    assert len(world.asked) == 3


async def test_posts_outlive_one_that_was_cut_short() -> None:
    """A cancelled post leaves nothing behind that the next would trip over."""
    async with http_world(slowly(TAKEN, 0.2)) as world:
        notifier = alertmanagers(world.url)
        posting = asyncio.create_task(notifier.post([FIRING]))
        await world.heard.wait()
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
        await notifier.post([FIRING])
        await notifier.close()

    assert len(world.asked) == 2


async def test_tls_and_basic_authentication() -> None:
    """By the authority that the channel names, as the user that it names."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    secrets = {
        "login": {"username": b"ana", "password": b"\xc3\xa4"},
        "trust": {"ca.crt": authority.cert_pem.bytes()},
    }
    async with http_world(TAKEN, tls=context, host="localhost") as world:
        fields = {"urls": [world.url], "basicSecretRef": {"name": "login"}}
        trusting = channel(
            "alertmanager",
            secrets,
            **fields,
            tls={"caSecretRef": {"name": "trust", "key": "ca.crt"}},
        )
        public = channel("alertmanager", secrets, **fields)
        assert isinstance(trusting, AlertmanagerNotifier)
        assert isinstance(public, AlertmanagerNotifier)
        await trusting.post([FIRING])
        await trusting.close()
        said = await refusal_of(public)

    assert world.asked[0].headers["authorization"] == "Basic YW5hOsOk"
    assert "certificate refused" in said
