"""Tells Alertmanagers, again and again, what fires now and what ended."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from governor.app.channels.messenger import Messenger
from governor.app.channels.outbox import Admit
from governor.app.channels.pace import Pace
from governor.app.ports import Clock
from governor.app.resources import forever
from governor.domain.alerts import Alert
from governor.domain.rounds import Said
from governor.errors import DeliveryError

Collect = Callable[[datetime], Sequence[Alert]]
"""What the channel should be told at that time."""


class AlertPoster:
    """One Alertmanager channel's rounds: at their pace, and soon after a change."""

    def __init__(
        self, messenger: Messenger, admit: Admit, *, collect: Collect, clock: Clock, pace: Pace
    ) -> None:
        self.messenger = messenger
        self._admit = admit
        self._collect = collect
        self._clock = clock
        self._pace = pace
        self._said = Said()
        self._due = 0.0
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """What is told changed: the next round comes soon."""
        self._poked.set()

    async def run(self) -> None:
        """Posts until cancelled."""
        await forever(self._turn, 0)

    async def _turn(self) -> None:
        """Waits for the next round, and posts it."""
        await self._wait()
        self._due = asyncio.get_running_loop().time() + self._pace.posting
        now = self._clock.now()
        alerts = [alert for alert in self._collect(now) if self._admitted(alert)]
        self._said = self._said.next(alerts, now)
        whole = (*alerts, *self._said.ended.values())
        if not whole:
            return
        try:
            await self.messenger.post(whole)
        except DeliveryError:
            if self.messenger.backoff.failing:
                self._due = min(self._due, self.messenger.backoff.until)
        else:
            self._said = self._said.heard()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._due):
                await self._poked.wait()
                await asyncio.sleep(self._pace.poking)
        while self.messenger.backoff.until > asyncio.get_running_loop().time():
            await self.messenger.rest(self.messenger.backoff.until)
        self._poked.clear()

    def _admitted(self, alert: Alert) -> bool:
        """Whether its policy may still use the channel."""
        try:
            self._admit(alert.labels["namespace"])
        except DeliveryError:
            return False
        return True
