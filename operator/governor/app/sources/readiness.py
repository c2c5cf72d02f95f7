"""Says in a source's status whether its server can be reached. It never gates measuring."""

import asyncio
import logging
from contextlib import suppress

from governor.api.source import SourceSpec, SourceStatus
from governor.app.ports import Clock, Instrument, StatusStore, Telemetry
from governor.app.resources import Entry, Keeper, StatusWriter
from governor.app.sources.pace import Pace
from governor.domain.sources import probed, worth_writing
from governor.errors import StoreError
from governor.values.outcomes import Fault, FaultError
from governor.values.reasons import Reason

SourceEntry = Entry[SourceSpec, Instrument]

_log = logging.getLogger(__name__)


class Readiness:
    """Probes sources, each in a task of its own: a hanging one delays no other."""

    def __init__(
        self,
        *,
        keeper: Keeper[SourceSpec, Instrument],
        store: StatusStore,
        clock: Clock,
        telemetry: Telemetry,
        pace: Pace,
    ) -> None:
        self._keeper = keeper
        self._writer = StatusWriter(store, SourceStatus, worth_writing)
        self._clock = clock
        self._telemetry = telemetry
        self._pace = pace

    async def watch(self, entry: SourceEntry) -> None:
        """Probes now, when the entry says so, and at its pace; until cancelled."""
        while True:
            entry.look_now.clear()
            pause = self._pace.retrying
            try:
                found = await self._probe(entry)
                ready = not isinstance(found, Fault)
                self._telemetry.source_ready(entry.name, ready)
                await self._tell(entry, found)
                if ready:
                    pause = self._pace.probing
            except StoreError as error:
                _log.warning("the status of source %s could not be written: %s", entry.name, error)
            except Exception:  # noqa: BLE001 - it must go on
                _log.exception("the status of source %s could not be told", entry.name)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await entry.look_now.wait()

    async def _probe(self, entry: SourceEntry) -> str | Fault:
        """The server's version, or why it is not known."""
        try:
            async with asyncio.timeout(self._pace.patience):
                await self._keeper.prepare(entry)
                async with self._keeper.borrow(entry) as instrument:
                    return await instrument.version()
        except FaultError as error:
            return error.fault
        except TimeoutError:
            return Fault(
                reason=Reason.TIMEOUT, message=f"no answer within {self._pace.patience:g}s"
            )
        except Exception as error:  # noqa: BLE001 - one source's bug must not stop another
            _log.exception("source %s could not be probed", entry.name)
            return Fault(
                reason=Reason.SERVER_ERROR,
                message=f"the operator failed to probe: {type(error).__name__}",
            )

    async def _tell(self, entry: SourceEntry, found: str | Fault) -> None:
        """Writes the status, if it says something new.

        Raises:
            StoreError: it could not be written now.
        """
        now = self._clock.now()
        await self._writer.write(
            entry, lambda before: probed(before, found, generation=entry.generation, now=now)
        )
