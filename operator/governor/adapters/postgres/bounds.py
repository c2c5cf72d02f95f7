"""Takes no more from a server than a check can use.

A row, and the text of an error, may be a gigabyte long, and the driver keeps a message until it
has all of it. So the bytes are counted before they reach the driver.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg

from governor.adapters.postgres.errors import Place
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

LONGEST_ANSWER = 1 << 20
"""Bytes that a server may send within one transaction. A check needs a few thousand."""

if TYPE_CHECKING:  # Only the stubs know that it is generic.
    _DriverConnection = asyncpg.Connection[asyncpg.Record]
else:
    _DriverConnection = asyncpg.Connection


class Gauge(asyncio.Protocol):
    """Stands between a transport and the driver; ends a connection that brings too much."""

    def __init__(self, transport: asyncio.Transport, driver: asyncio.Protocol) -> None:
        """Takes the driver's place at its transport."""
        self._transport = transport
        self._driver = driver
        self._received = 0
        transport.set_protocol(self)

    def restart(self) -> None:
        """Counts from nought: another transaction begins."""
        self._received = 0

    def fault(self, place: Place) -> FaultError | None:
        """Why the connection was ended; None: it was not, here."""
        if self._received <= LONGEST_ANSWER:
            return None
        return FaultError(
            Reason.MALFORMED_ANSWER,
            f"the answer of {place.dsn.address} is longer than {LONGEST_ANSWER} bytes: "
            f"{place.relation_remedy}",
        )

    def data_received(self, data: bytes) -> None:
        """Passes it on, unless it is too much."""
        self._received += len(data)
        if self._received > LONGEST_ANSWER:
            self._transport.abort()
        else:
            self._driver.data_received(data)

    def eof_received(self) -> bool | None:
        """Passes it on."""
        return self._driver.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Passes it on."""
        self._driver.connection_lost(exc)

    def pause_writing(self) -> None:
        """Passes it on."""
        self._driver.pause_writing()

    def resume_writing(self) -> None:
        """Passes it on."""
        self._driver.resume_writing()


class Connection(_DriverConnection):
    """A connection of the driver, with a gauge."""

    __slots__ = ("gauge",)

    def __init__(self, protocol: Any, transport: Any, *others: Any) -> None:
        """As the driver makes its own."""
        super().__init__(protocol, transport, *others)
        self.gauge = Gauge(transport, protocol)
