"""Tells one channel, through whatever its spec and its Secret make of it at the time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import cast

from governor.app.channels.backoff import Backoff
from governor.app.channels.pace import Pace
from governor.app.ports import AlertNotifier, Notifier
from governor.app.resources.bugs import whereabouts
from governor.domain.alerts import Alert
from governor.domain.notices import Notice
from governor.errors import BusyError, DeliveryError, RejectedError, RetiredError
from governor.values.outcomes import FaultError

AnyNotifier = Notifier | AlertNotifier

Borrow = Callable[[], AbstractAsyncContextManager[AnyNotifier]]
"""The channel's notifier as it is now; entering raises FaultError or DeliveryError."""

OnResult = Callable[[DeliveryError | None], None]
"""Called with what came of every attempt to reach the channel; None: it was told."""

_log = logging.getLogger(__name__)


class UnpreparedError(DeliveryError):
    """There is no notifier: the channel was not even asked."""


class Messenger:
    """One attempt at a time has a deadline; failures make all wait; a retired channel is over."""

    def __init__(self, name: str, *, borrow: Borrow, on_result: OnResult, pace: Pace) -> None:
        self.backoff = Backoff(pace)
        self._name = name
        self._borrow = borrow
        self._on_result = on_result
        self._pace = pace
        self._over: DeliveryError | None = None
        self._renewed = asyncio.Event()

    def renew(self) -> None:
        """The channel's spec or Secret changed: what was known of it counts no more."""
        self._over = None
        self.backoff.well()
        self._wake()

    def end(self) -> None:
        """The channel is gone, or is told in another way now."""
        self._over = DeliveryError(
            f"GovernanceChannel {self._name} was deleted, or made one of another kind"
        )
        self._wake()

    def check(self) -> None:
        """Returns if the channel may be told.

        Raises:
            RetiredError: it said that it takes nothing any more.
            DeliveryError: it is gone.
        """
        if self._over is not None:
            # A new one: an error that is raised again and again drags all its tracebacks along.
            raise type(self._over)(str(self._over))

    async def rest(self, until: float) -> None:
        """Waits until that time of the event loop, or until the channel changes."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._renewed.wait()

    async def tell(self, notices: Sequence[Notice]) -> None:
        """One message, at once; raises as `Notifier.tell` does."""
        await self._attempt(lambda it: cast(Notifier, it).tell(notices), self._pace.message)

    async def post(self, alerts: Sequence[Alert]) -> None:
        """One round of alerts, at once; raises as `AlertNotifier.post` does."""
        await self._attempt(lambda it: cast(AlertNotifier, it).post(alerts), self._pace.round)

    async def _attempt(self, use: Callable[[AnyNotifier], Awaitable[None]], seconds: float) -> None:
        self.check()
        renewed = self._renewed
        error = await self._outcome(use, seconds)
        if renewed is self._renewed:  # else it was another channel that answered
            self._note(error)
        if error is not None:
            raise error

    async def _outcome(
        self, use: Callable[[AnyNotifier], Awaitable[None]], seconds: float
    ) -> DeliveryError | None:
        try:
            async with asyncio.timeout(seconds), self._borrow() as notifier:
                await use(notifier)
        except DeliveryError as error:
            return error
        except FaultError as error:
            return UnpreparedError(error.fault.message)
        except TimeoutError:
            return DeliveryError(f"no answer within {seconds:g}s")
        except Exception as error:  # noqa: BLE001 - its words may quote a secret
            _log.error("channel %s could not be told: %s", self._name, whereabouts(error))
            return DeliveryError(f"the operator failed to tell: {type(error).__name__}")
        return None

    def _note(self, error: DeliveryError | None) -> None:
        match error:
            case None:
                self.backoff.well()
            case RetiredError():
                self._over = error
                self._wake()
            case RejectedError():
                pass  # The channel is well, and will never take this one message.
            case BusyError(retry_after=seconds):
                self.backoff.failed(seconds)
            case _:
                self.backoff.failed()
        if not isinstance(error, UnpreparedError):
            self._on_result(error)

    def _wake(self) -> None:
        """Ends every rest; attempts under way are of the time before."""
        self._renewed.set()
        self._renewed = asyncio.Event()
