"""The seam between checks and requests, and how one request is made."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

from governor.adapters.prometheus.answers import data_of, version_of
from governor.adapters.web.allowances import Allowance
from governor.adapters.web.answers import Answer
from governor.adapters.web.exchange import Exchange
from governor.values.outcomes import FaultError

_SERVER_SHARE = 0.9
"""Of the deadline, what the server may use: so that its own word comes back in time."""

_POST_REFUSED = (
    HTTPStatus.FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_IMPLEMENTED,
)
"""How servers and proxies that take only GET refuse a POST. A 403 may mean just that, too."""

_GET_REFUSED = (*_POST_REFUSED, HTTPStatus.REQUEST_URI_TOO_LONG)

GET_SECONDS = 600.0
"""So long a server that refused a POST is asked by GET at once."""

_QUERY = "api/v1/query"

_NO_BUILD_INFORMATION = (
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
)
"""How proxies that let only queries through refuse `/api/v1/status/buildinfo`."""


class QueryRunner(Protocol):
    """Knows how to have an instant query answered."""

    async def instant(self, expression: str, at: datetime) -> object:
        """The answer's `data`, complete and without warnings.

        Raises:
            FaultError: why there is none.
        """

    async def version(self) -> str:
        """The server's version; `unknown` where it answers queries but does not tell.

        Raises:
            FaultError: why it can't be reached.
        """

    async def close(self) -> None:
        """Lets go of every connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one query."""

    data: object
    """Complete and without warnings."""
    seconds: float
    """From sending to the answer's end."""
    size: int
    """Bytes of the answer."""


class Requests:
    """Sends a query, whether one check's or a batch, in one request."""

    def __init__(
        self,
        exchange: Exchange,
        redact: Callable[[str], str],
        *,
        partial: bool = False,
    ) -> None:
        """Queries one server.

        Args:
            exchange: with the server.
            redact: takes the secrets out of a text.
            partial: whether an answer may stand that lacks the data of some store.
        """
        self._exchange = exchange
        self._redact = redact
        self._partial = partial
        self._get_until = 0.0
        """In the event loop's time."""

    @property
    def deadline_seconds(self) -> float:
        """How long one request may take."""
        return self._exchange.deadline_seconds

    async def ask(
        self, expression: str, at: datetime, *, allowance: Allowance | None = None
    ) -> Reply:
        """The answer to a query.

        Args:
            expression: in PromQL.
            at: what `time()` is in it.
            allowance: the time that it may take. Default: the deadline.

        Raises:
            UnsentError: it was not sent.
            FaultError: why there is none.
        """
        allowance = allowance or Allowance(self.deadline_seconds)
        fields = {
            "query": expression,
            "time": f"{at.timestamp():.3f}",
            "timeout": f"{allowance.left * _SERVER_SHARE:.3f}",
            # Thanos' own. It would else answer with what it has; others ignore it.
            "partial_response": str(self._partial).lower(),
        }
        answer = await self._query(fields, allowance)
        return Reply(data=self._read(answer), seconds=answer.seconds, size=len(answer.body))

    async def version(self) -> str:
        answer = await self._exchange.ask("GET", "api/v1/status/buildinfo")
        if answer.status in _NO_BUILD_INFORMATION:
            self._read(await self._query({"query": "1"}, Allowance(self.deadline_seconds)))
            return "unknown"
        return version_of(self._read(answer))

    async def close(self) -> None:
        await self._exchange.close()

    async def _query(self, fields: Mapping[str, str], allowance: Allowance) -> Answer:
        """The answer to a POST; where that is refused, to a GET, within the same allowance.

        Urls are shorter than forms, and logs keep them: so POST is tried anew now and then.
        """
        now = asyncio.get_running_loop().time()
        posting = now >= self._get_until
        if posting:
            answer = await self._exchange.ask("POST", _QUERY, form=fields, allowance=allowance)
            if answer.status not in _POST_REFUSED:
                return answer
        answer = await self._exchange.ask("GET", _QUERY, query=fields, allowance=allowance)
        if answer.status in _GET_REFUSED:
            self._get_until = 0.0
        elif posting:
            self._get_until = now + GET_SECONDS
        return answer

    def _read(self, answer: Answer) -> object:
        """Words of a server may repeat what was sent to it: no secret goes on from here."""
        try:
            return data_of(answer, partial=self._partial)
        except FaultError as error:
            raise FaultError(error.fault.reason, self._redact(error.fault.message)) from None
