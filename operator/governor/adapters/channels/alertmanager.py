"""Tells every Alertmanager of a cluster, each by itself, over its API v2.

API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from governor.adapters.channels.wording import host_of
from governor.adapters.web.answers import Answer, Place
from governor.adapters.web.exchange import Exchange
from governor.adapters.web.trust import Trust
from governor.domain.alerts import Alert
from governor.domain.judging import one_line
from governor.errors import DeliveryError, PartlyDeliveredError
from governor.values.moments import rfc3339
from governor.values.outcomes import FaultError

BATCH = 100
"""Alerts a request."""

SECONDS = 5.0
"""The whole time of one request."""

_PLACE = Place(name="Alertmanager", field="spec.alertmanager.urls", owner="channel")
_REDIRECTS = range(300, 400)

_NONE_THERE = "no Alertmanager answers so: does the url lead to one?"

_REMEDIES: Mapping[int, str] = {
    HTTPStatus.OK: _NONE_THERE,
    HTTPStatus.UNAUTHORIZED: "it wants other credentials than the channel's Secret gives",
    HTTPStatus.FORBIDDEN: "these credentials may not post alerts",
    HTTPStatus.NOT_FOUND: _NONE_THERE,
    HTTPStatus.METHOD_NOT_ALLOWED: _NONE_THERE,
}


class AlertmanagerNotifier:
    """Implements `app.ports.channels.AlertNotifier`."""

    def __init__(
        self,
        *,
        urls: Sequence[str],
        headers: Mapping[str, str],
        trust: Trust,
        redact: Callable[[str], str],
    ) -> None:
        """Posts to each of the urls.

        Args:
            urls: of the Alertmanagers.
            headers: to send, credentials included.
            trust: whom to believe, and who to be.
            redact: takes the secrets out of a text.
        """
        self._redact = redact
        self._exchanges = {
            url: Exchange(
                url=url,
                headers={"Content-Type": "application/json", **headers},
                trust=trust,
                deadline_seconds=SECONDS,
                place=_PLACE,
            )
            for url in urls
        }

    async def post(self, alerts: Sequence[Alert]) -> None:
        """As the port says. Alertmanagers are told at once, batches one after the other.

        An Alertmanager that does not answer gets no more batches; one that refuses a batch
        gets the others.
        """
        bodies = [
            json.dumps([_told(alert) for alert in alerts[start : start + BATCH]]).encode()
            for start in range(0, len(alerts), BATCH)
        ]
        failures = await asyncio.gather(
            *(self._post(exchange, bodies) for exchange in self._exchanges.values())
        )
        said = [
            f"{host_of(url)}: {failure}"
            for url, failure in zip(self._exchanges, failures, strict=True)
            if failure is not None
        ]
        if said:
            kind = PartlyDeliveredError if None in failures else DeliveryError
            raise kind("; ".join(said))

    async def close(self) -> None:
        """As the port says."""
        await asyncio.gather(*(exchange.close() for exchange in self._exchanges.values()))

    async def _post(self, exchange: Exchange, bodies: Sequence[bytes]) -> str | None:
        """Why one Alertmanager did not take all of it; None: it did."""
        refusal = None
        for body in bodies:
            try:
                answer = await exchange.ask("POST", "api/v2/alerts", content=body)
            except FaultError as error:
                return one_line(self._redact(error.fault.message))
            refusal = self._refusal(answer) or refusal
        return refusal

    def _refusal(self, answer: Answer) -> str | None:
        """Why a batch was not taken; None: it was."""
        if answer.status == HTTPStatus.OK and _empty_or_json(answer.body):
            return None
        if answer.status in _REDIRECTS:
            return _PLACE.redirected(answer)
        code = f"HTTP {answer.status}"
        if answer.status == HTTPStatus.BAD_REQUEST:
            said = one_line(self._redact(_said(answer.body)))
            why = f"{code}: {said}" if said else code
            return f"{why}; the valid alerts of the batch are stored all the same"
        remedy = _REMEDIES.get(answer.status)
        return f"{code}: {remedy}" if remedy else code


def _told(alert: Alert) -> Mapping[str, Any]:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": rfc3339(alert.ends_at),
    }


def _empty_or_json(body: bytes) -> bool:
    """Alertmanager answers nothing; a page is that of a proxy which wants somebody to sign in."""
    try:
        return not body.strip() or json.loads(body) is not None
    except (ValueError, RecursionError):
        return False


def _said(body: bytes) -> str:
    """Alertmanager's own words for a refusal; empty where it is not Alertmanager that speaks."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = said.get("message") if isinstance(said, dict) else said
    return message if isinstance(message, str) else ""
