"""Has one deleted policy's last log told, by the lanes that living policies have."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from governor.api.log import Entry, Target
from governor.api.status import PolicyStatus
from governor.app.courier import Courier
from governor.app.ports import Orphan, OrphanStore
from governor.app.services import Services
from governor.domain import log
from governor.domain.plans import Feedback
from governor.errors import StoreError

FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 60.0

WRITTEN_WITHIN = 60.0
"""Seconds in which it is written down what was told."""

GIVEN_UP_AFTER = timedelta(days=1)
"""What only channels or Events are yet to be told of a policy that went so long ago is dropped:
its namespace may be one that no channel will ever allow again."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


async def surely(step: Callable[[], Awaitable[T]]) -> T:
    """What a step gives, tried again while the API server does not do it."""
    backoff = FIRST_BACKOFF
    while True:
        try:
            return await step()
        except StoreError as error:
            _log.warning(
                "what a deleted policy left can't be kept now",
                extra={"error": str(error), "retry_seconds": backoff},
            )
        await asyncio.sleep(backoff)
        backoff = min(2 * backoff, LONGEST_BACKOFF)


class Heir:
    """Tells what one orphan has left, then removes it."""

    def __init__(
        self, orphan: Orphan, store: OrphanStore, services: Services, *, since: datetime
    ) -> None:
        """Tells nothing yet.

        Args:
            orphan: as it is kept.
            store: where it is kept.
            services: what the runs of all policies share.
            since: when its policy was known to be gone.
        """
        self._orphan = orphan
        self._store = store
        self._services = services
        self._since = since
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._courier = Courier(
            orphan.key, services, on_news=self._wake.set, muted=lambda _, __: False
        )
        self._courier.recall(orphan.specs)

    async def run(self) -> None:
        """Tells until all is told, finished, or cancelled."""
        pending: Sequence[Entry] = log.sift(self._orphan.key.uid, self._orphan.pending)
        self._courier.inspect(PolicyStatus(pending=self._orphan.pending))
        telling = asyncio.create_task(self._courier.run(), name="courier of a deleted policy")
        telling.add_done_callback(lambda _: self._wake.set())
        try:
            while pending:
                self._services.telemetry.left(self._orphan.key, pending)
                self._courier.owe(PolicyStatus(pending=tuple(pending)))
                with suppress(TimeoutError):
                    async with asyncio.timeout(WRITTEN_WITHIN):
                        await self._wake.wait()
                self._wake.clear()
                finished = telling.done()
                pending = await self._noted(pending)
                if pending and finished:  # it is kept, and another tells it
                    return telling.result()
            await surely(lambda: self._store.remove(self._orphan.key.uid))
        finally:
            self._services.telemetry.left(self._orphan.key, ())
            telling.cancel()
            self._ended.set()

    async def finish(self) -> None:
        """What can still be told is told and written down; returns when `run` has ended."""
        self._courier.finish()
        await self._ended.wait()

    async def _noted(self, pending: Sequence[Entry]) -> Sequence[Entry]:
        """The log without what was told, once that is written down."""
        news = self._courier.news
        heard = Feedback(delivered=frozenset(news.delivered), adopted=dict(news.adopted))
        left = log.adopt(log.clear(pending, heard.delivered), heard.adopted)
        if self._services.clock.now() - self._since >= GIVEN_UP_AFTER:
            left = self._without_loose(left)
        if left and left != tuple(pending):
            kept = Orphan(key=self._orphan.key, pending=left, specs=self._orphan.specs)
            await surely(lambda: self._store.put(kept))
        self._courier.forget(heard)
        return left

    def _without_loose(self, pending: Sequence[Entry]) -> tuple[Entry, ...]:
        over = [
            log.Delivered(entry=entry.id, target=target)
            for entry in pending
            for target in entry.targets
            if target not in (Target.SINK, Target.DISPATCH)
        ]
        for _ in over:
            self._services.telemetry.delivered("orphan", "dropped")
        return log.clear(pending, over)
