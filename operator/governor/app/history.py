"""Every value on its way to the database: in batches, bounded, and in nobody's way.

    a run that happened → note → queue → COPY, every few seconds → governance_measurements

Nothing waits for it. What can't be stored is shed, the oldest first, and counted; findings
go another way and are never shed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from governor.app.delivering import Complaints
from governor.app.ports import Clock, Measurements, ObjectKey, Telemetry
from governor.app.subjects import Understood
from governor.domain.episodes import Run
from governor.domain.measurements import MeasurementRecord, recorded
from governor.errors import DeliveryError, RejectedError

CAPACITY = 50_000
"""So many values may wait: ten thousand policies of five checks for a minute, most for days."""
BATCH = 1_000
"""So many go in one transaction: making them ready takes the event loop some 10 ms."""
FLUSH_SECONDS = 5.0
LONGEST_BACKOFF = 60.0
UPKEEP_SECONDS = 3600.0
"""Between two looks at which days there is room for, and which are too old."""
UPKEEP_RETRY_SECONDS = 60.0

QUEUE_FULL, TOO_OLD, NO_PARTITION, REJECTED, TERM_ENDED = SHED = (
    "queue_full",
    "too_old",
    "no_partition",
    "rejected",
    "term_ended",
)
"""Why a value is not stored: the label `reason` of governor_measurements_shed_total."""

_TABLE, _PARTITIONS = "measurements", "partitions of measurements"
_log = logging.getLogger(__name__)


class History:
    """The values of one term of leading."""

    def __init__(
        self,
        measurements: Measurements,
        clock: Clock,
        telemetry: Telemetry,
        *,
        days: int,
        capacity: int = CAPACITY,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        """Keeps nothing yet.

        Args:
            measurements: where values are stored.
            clock: the wall clock.
            telemetry: told what was stored and what was shed.
            days: so long values are kept; at least 1.
            capacity: so many may wait.
            flush_seconds: so often what waits is stored.
        """
        self._measurements = measurements
        self._clock = clock
        self._telemetry = telemetry
        self._days = days
        self._capacity = capacity
        self._flush_seconds = flush_seconds
        self._waiting: deque[MeasurementRecord] = deque()
        self._flushing = asyncio.Lock()
        self._full = asyncio.Event()
        self._complaints = Complaints()
        self._has_room = False
        self._upkeep_at = float("-inf")

    def note(self, key: ObjectKey, understood: Understood, runs: Sequence[Run]) -> None:
        """Takes what runs of a policy measured; returns at once."""
        if understood.policy is None or not runs:
            return
        generation, policy = understood.generation, understood.policy
        self._waiting.extend(recorded(key.namespace, key.name, key.uid, generation, policy, runs))
        self._shed_overflow()
        if len(self._waiting) >= BATCH:
            self._full.set()

    @property
    def waiting(self) -> Sequence[MeasurementRecord]:
        """What is not stored yet, oldest first."""
        return tuple(self._waiting)

    async def run(self) -> None:
        """Stores what waits until cancelled; then what is left is shed."""
        pause = self._flush_seconds
        try:
            while True:
                await self._pause(pause)
                pause = self._flush_seconds if await self._turn() else _longer(pause)
        finally:
            self._shed(TERM_ENDED, len(self._waiting))
            self._waiting.clear()
            self._telemetry.measurements_waiting(0)

    async def settle(self, seconds: float) -> None:
        """Stores what waits, if it can be done within so many seconds."""
        if not self._has_room:
            return
        with suppress(DeliveryError, TimeoutError):
            async with asyncio.timeout(seconds), self._flushing:
                await self._flush()

    async def _pause(self, seconds: float) -> None:
        """Until the next turn; a full batch does not wait, unless the last turn failed."""
        if seconds > self._flush_seconds:
            await asyncio.sleep(seconds)
            return
        self._full.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._full.wait()

    async def _turn(self) -> bool:
        """Whether the database took what there was."""
        try:
            async with self._flushing:
                await self._keep_up()
                await self._flush()
        except Exception as error:  # noqa: BLE001 - a bug here must not end the term
            self._complaints.failed(_TABLE, error)
            return False
        finally:
            self._telemetry.measurements_waiting(len(self._waiting))
        return True

    async def _keep_up(self) -> None:
        """Makes room for the days to come, and drops those that are over, now and then.

        Raises:
            DeliveryError: there never was room, so that values are better off waiting.
        """
        now = asyncio.get_running_loop().time()
        if now < self._upkeep_at:
            return
        self._upkeep_at = now + UPKEEP_RETRY_SECONDS
        try:
            made = await self._measurements.make_room(self._days)
            self._has_room = True
            dropped = await self._measurements.drop_old(self._days)
        except DeliveryError as error:
            if not self._has_room:
                self._upkeep_at = now
                raise
            self._complaints.failed(_PARTITIONS, error)
            return
        self._upkeep_at = now + UPKEEP_SECONDS
        self._complaints.delivered(_PARTITIONS)
        if made or dropped:
            _log.info("partitions of measurements", extra={"made": made, "dropped": dropped})

    async def _flush(self) -> None:
        """Stores all that waits.

        Raises:
            DeliveryError: not now; it waits on.
        """
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._store(batch)
            except RejectedError as error:
                self._complaints.failed(_TABLE, error)
                self._shed(REJECTED, len(batch))
            except BaseException:
                self._waiting.extendleft(reversed(batch))
                self._shed_overflow()
                raise
            else:
                self._complaints.delivered(_TABLE)

    async def _store(self, batch: Sequence[MeasurementRecord]) -> None:
        oldest = (self._clock.now() - timedelta(days=self._days)).date()
        fresh = [record for record in batch if record.slot.date() >= oldest]
        self._shed(TOO_OLD, len(batch) - len(fresh))
        if not fresh:
            return
        added = await self._measurements.add(fresh)
        self._telemetry.measurements_stored(added.stored)
        if added.homeless:
            self._shed(NO_PARTITION, added.homeless)
            self._no_partition(added.homeless_day)

    def _no_partition(self, day: object) -> None:
        self._upkeep_at = min(
            self._upkeep_at, asyncio.get_running_loop().time() + UPKEEP_RETRY_SECONDS
        )
        self._complaints.failed(
            _PARTITIONS,
            DeliveryError(
                f"there is no partition for {day}, so its values are shed: compare this host's "
                "clock with the database's; else let the owner of the schema call "
                f"make_measurement_partitions({self._days})"
            ),
        )

    def _shed_overflow(self) -> None:
        excess = len(self._waiting) - self._capacity
        for _ in range(excess):
            self._waiting.popleft()
        self._shed(QUEUE_FULL, max(excess, 0))

    def _shed(self, reason: str, count: int) -> None:
        if count:
            self._telemetry.measurements_shed(reason, count)


def _longer(pause: float) -> float:
    return min(2 * pause, LONGEST_BACKOFF)
