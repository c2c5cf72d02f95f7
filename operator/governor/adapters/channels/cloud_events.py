"""Posts CloudEvents to a webhook, one request an event."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from governor.adapters.channels.envelope import CONTENT_TYPE, envelope
from governor.adapters.channels.wording import host_of
from governor.adapters.web.answers import Answer, Place
from governor.adapters.web.exchange import Exchange
from governor.adapters.web.trust import Trust
from governor.domain.judging import one_line
from governor.domain.notices import Notice
from governor.errors import BusyError, DeliveryError, RejectedError, RetiredError
from governor.values.outcomes import FaultError

SECONDS = 10.0
"""The whole time of one request."""

LONGEST_REST = 3600.0
"""Seconds: whoever says to come back later than that is asked again by then."""

_PLACE = Place(name="the receiver", field="spec.cloudEvents.url", owner="channel")
_REDIRECTS = range(300, 400)
_TAKEN = range(200, 300)
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_SHORTEST_REST = 1.0

_REMEDIES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "it wants other credentials than the channel's headers give",
    HTTPStatus.FORBIDDEN: "these credentials may not post events",
    HTTPStatus.NOT_FOUND: "nothing is at the channel's url",
}

_FINAL: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "it does not take this event",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "it takes only shorter events",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: f"it does not take {CONTENT_TYPE}",
    HTTPStatus.UNPROCESSABLE_ENTITY: "it does not take this event",
}


class CloudEventsNotifier:
    """Implements `app.ports.channels.Notifier`.

    Several notices are several requests, in order; the first that fails ends the call.
    Whoever tells them again tells those before it twice, under the ids they had.
    """

    def __init__(
        self,
        *,
        url: str,
        headers: Mapping[str, str],
        trust: Trust,
        redact: Callable[[str], str],
    ) -> None:
        """Posts to that url.

        Args:
            url: of the webhook.
            headers: to send, credentials included.
            trust: whom to believe, and who to be.
            redact: takes the secrets out of a text.
        """
        self._url = url
        self._redact = redact
        self._exchange = Exchange(
            url=url,
            headers={"Content-Type": CONTENT_TYPE, **headers},
            trust=trust,
            deadline_seconds=SECONDS,
            place=_PLACE,
        )

    async def tell(self, notices: Sequence[Notice]) -> None:
        """As the port says."""
        for notice in notices:
            await self._post(envelope(notice))

    async def close(self) -> None:
        """As the port says."""
        await self._exchange.close()

    async def _post(self, body: bytes) -> None:
        host = host_of(self._url)
        try:
            answer = await self._exchange.ask("POST", self._url, content=body)
        except FaultError as error:
            said = one_line(self._redact(error.fault.message))
            raise DeliveryError(f"{host}: {said}") from None
        if answer.status not in _TAKEN:
            raise _refusal(answer, host)


def _refusal(answer: Answer, host: str) -> DeliveryError:
    """Why an event was not taken. A receiver's own words stay out: they may quote a header."""
    code = f"{host}: HTTP {answer.status}"
    if answer.status == HTTPStatus.GONE:
        return RetiredError(f"{code}: it takes nothing any more; remove the channel")
    if answer.status in _BUSY:
        return _busy(answer, code)
    if answer.status in _REDIRECTS:
        return DeliveryError(f"{host}: {_PLACE.redirected(answer)}")
    if answer.status in _FINAL:
        return RejectedError(f"{code}: {_FINAL[answer.status]}")
    remedy = _REMEDIES.get(answer.status)
    return DeliveryError(f"{code}: {remedy}" if remedy else code)


def _busy(answer: Answer, code: str) -> DeliveryError:
    rest = rest_seconds(answer.retry_after, datetime.now(UTC))
    if rest is None:
        return DeliveryError(f"{code}: it is busy")
    return BusyError(f"{code}: it is busy for {rest:.0f}s", retry_after=rest)


def rest_seconds(retry_after: str | None, now: datetime) -> float | None:
    """How long to stay away: 1 second to an hour; None where a server does not say.

    Args:
        retry_after: the header, as seconds or as an HTTP date.
        now: what a date is counted from.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(max(float(text), _SHORTEST_REST), LONGEST_REST)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # No date, or one with an absurd year or zone.
        return None
    if then.tzinfo is None:  # The parser's way to say -0000, which is UTC here.
        then = then.replace(tzinfo=UTC)
    return min(max((then - now).total_seconds(), _SHORTEST_REST), LONGEST_REST)
