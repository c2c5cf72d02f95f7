"""The seam between checks and requests: today one request a query, later batches."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

from governor.adapters.prometheus.answers import data_of, version_of
from governor.adapters.web.answers import Answer
from governor.adapters.web.exchange import Exchange
from governor.values.outcomes import FaultError

_SERVER_SHARE = 0.9
"""Of the deadline, what the server may use: so that its own word comes back in time."""

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


class SingleQueryRunner:
    """A QueryRunner that sends each query in a request of its own."""

    def __init__(self, exchange: Exchange, redact: Callable[[str], str]) -> None:
        self._exchange = exchange
        self._redact = redact

    async def instant(self, expression: str, at: datetime) -> object:
        form = {
            "query": expression,
            "time": f"{at.timestamp():.3f}",
            "timeout": f"{self._exchange.deadline_seconds * _SERVER_SHARE:.3f}",
        }
        return self._read(await self._exchange.ask("POST", "api/v1/query", form=form))

    async def version(self) -> str:
        answer = await self._exchange.ask("GET", "api/v1/status/buildinfo")
        if answer.status in _NO_BUILD_INFORMATION:
            self._read(await self._exchange.ask("POST", "api/v1/query", form={"query": "1"}))
            return "unknown"
        return version_of(self._read(answer))

    async def close(self) -> None:
        await self._exchange.close()

    def _read(self, answer: Answer) -> object:
        """Words of a server may repeat what was sent to it: no secret goes on from here."""
        try:
            return data_of(answer)
        except FaultError as error:
            raise FaultError(error.fault.reason, self._redact(error.fault.message)) from None
