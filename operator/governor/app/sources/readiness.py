"""Says in a source's status whether its server can be reached. It never gates measuring."""

import asyncio
import logging
from contextlib import suppress

from pydantic import ValidationError

from governor.api.source import SourceStatus
from governor.app.ports import Clock, Json, StatusStore, Telemetry
from governor.app.sources.entries import Entry
from governor.app.sources.instruments import InstrumentKeeper
from governor.app.sources.pace import Pace
from governor.domain.sources import probed, worth_writing
from governor.errors import ConflictError, GoneError, StoreError
from governor.values.outcomes import Fault, FaultError
from governor.values.reasons import Reason

_ATTEMPTS = 3
"""So often a write that meets a newer version is decided anew."""

_log = logging.getLogger(__name__)


class Readiness:
    """Probes sources, each in a task of its own: a hanging one delays no other."""

    def __init__(
        self,
        *,
        keeper: InstrumentKeeper,
        store: StatusStore,
        clock: Clock,
        telemetry: Telemetry,
        pace: Pace,
    ) -> None:
        self._keeper = keeper
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._pace = pace

    async def watch(self, entry: Entry) -> None:
        """Probes now, when the entry says so, and at its pace; until cancelled."""
        while True:
            entry.probe_now.clear()
            pause = self._pace.probing
            try:
                found = await self._probe(entry)
                self._telemetry.source_ready(entry.name, not isinstance(found, Fault))
                await self._tell(entry, found)
            except StoreError as error:
                _log.warning("the status of source %s could not be written: %s", entry.name, error)
                pause = self._pace.retrying
            except Exception:  # noqa: BLE001 - it must go on
                _log.exception("the status of source %s could not be told", entry.name)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await entry.probe_now.wait()

    async def _probe(self, entry: Entry) -> str | Fault:
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

    async def _tell(self, entry: Entry, found: str | Fault) -> None:
        """Writes the status, if it says something new.

        Raises:
            StoreError: it could not be written now.
        """
        body, now = entry.body, self._clock.now()
        for _ in range(_ATTEMPTS):
            before = _status(body)
            after = probed(before, found, generation=entry.generation, now=now)
            if not worth_writing(before, after):
                return
            try:
                entry.body = await self._store.replace_status(
                    entry.key,
                    body["metadata"]["resourceVersion"],
                    after.model_dump(mode="json", by_alias=True, exclude_none=True),
                )
            except ConflictError:
                try:
                    body = await self._store.read(entry.key)
                except GoneError:
                    return
                if body["metadata"].get("generation", 0) != entry.generation:
                    return  # Its next version is probed and told by itself.
            except GoneError:
                return
            else:
                return
        raise ConflictError(f"{_ATTEMPTS} writes in a row met a newer version")


def _status(body: Json) -> SourceStatus:
    """The status of an object; an empty one where it can't be understood."""
    try:
        return SourceStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return SourceStatus()
