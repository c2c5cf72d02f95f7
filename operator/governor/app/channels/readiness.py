"""Says in a channel's status whether it takes what it is told. It never gates telling."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from governor.api.channel import ChannelSpec, ChannelStatus
from governor.app.channels.messenger import AnyNotifier
from governor.app.channels.pace import Pace
from governor.app.ports import Clock, StatusStore, Telemetry
from governor.app.resources import Entry, StatusWriter
from governor.app.resources.bugs import whereabouts
from governor.domain.channels import Failed, News, told, worth_writing
from governor.errors import StoreError

ChannelEntry = Entry[ChannelSpec, AnyNotifier]

_log = logging.getLogger(__name__)


class Readiness:
    """Writes the statuses of channels, each in a task of its own."""

    def __init__(
        self,
        *,
        news: Callable[[ChannelEntry], Awaitable[News]],
        store: StatusStore,
        clock: Clock,
        telemetry: Telemetry,
        pace: Pace,
    ) -> None:
        """Nothing is written before `watch`.

        Args:
            news: what was last learned of a channel.
            store: holds the GovernanceChannels.
            clock: for conditions.
            telemetry: told whether a channel is ready.
            pace: how often a status is written.
        """
        self._news = news
        self._writer = StatusWriter(store, ChannelStatus, worth_writing)
        self._clock = clock
        self._telemetry = telemetry
        self._pace = pace

    async def watch(self, entry: ChannelEntry) -> None:
        """Tells what is new whenever the entry says so; until cancelled."""
        while True:
            entry.look_now.clear()
            well = False
            try:
                well = await self._tell(entry)
            except StoreError as error:
                _log.warning("the status of channel %s could not be written: %s", entry.name, error)
            except Exception as error:  # noqa: BLE001 - it must go on
                _log.error("channel %s could not be looked at: %s", entry.name, whereabouts(error))
            await asyncio.sleep(self._pace.writing)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if well else self._pace.retrying):
                    await entry.look_now.wait()

    async def _tell(self, entry: ChannelEntry) -> bool:
        """Whether the channel is ready, which the status says from now on.

        Raises:
            StoreError: it could not be written now.
        """
        news, now = await self._news(entry), self._clock.now()
        ready = not isinstance(news, Failed)
        self._telemetry.channel_ready(entry.name, ready)
        await self._writer.write(
            entry, lambda before: told(before, news, generation=entry.generation, now=now)
        )
        return ready
