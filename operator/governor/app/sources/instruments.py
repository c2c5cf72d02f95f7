"""Keeps one instrument per source, as its spec and its Secrets are now."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from governor.app.ports import Instrument, InstrumentMaker
from governor.app.sources.entries import Entry, Made
from governor.app.sources.lending import Lent
from governor.app.sources.secret_cache import Data, SecretCache
from governor.values.outcomes import Fault, FaultError
from governor.values.reasons import Reason

_log = logging.getLogger(__name__)


class InstrumentKeeper:
    """Builds instruments when first needed, and replaces them when their Secrets change."""

    def __init__(self, maker: InstrumentMaker, secrets: SecretCache) -> None:
        self._maker = maker
        self._secrets = secrets
        self._retiring: set[asyncio.Task[None]] = set()

    async def prepare(self, entry: Entry) -> None:
        """Has the entry's Secrets read, if they never were.

        Raises:
            FaultError: one can't be read.
        """
        await self._secrets.of(entry.secrets)

    @asynccontextmanager
    async def borrow(self, entry: Entry) -> AsyncIterator[Instrument]:
        """The instrument of a prepared entry.

        Raises:
            FaultError: the source can't be understood, or as the maker says.
        """
        entry.made = entry.made or self._make(entry)
        result = entry.made.result
        if isinstance(result, Fault):
            raise FaultError(result.reason, result.message)
        async with result.borrow() as instrument:
            yield instrument

    def outdated(self, entry: Entry) -> bool:
        """Whether its Secrets say something else than when the instrument was built."""
        return entry.made is not None and entry.made.secrets != self._secrets.known(entry.secrets)

    def drop(self, entry: Entry) -> None:
        """The next one to borrow gets a new instrument; this one is closed when it is idle."""
        made, entry.made = entry.made, None
        if made is not None and isinstance(made.result, Lent):
            task = asyncio.create_task(made.result.retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Waits until every dropped instrument is closed."""
        await asyncio.gather(*self._retiring)

    def _make(self, entry: Entry) -> Made:
        secrets = self._secrets.known(entry.secrets)
        return Made(secrets=secrets, result=self._build(entry, secrets))

    def _build(self, entry: Entry, secrets: dict[str, Data]) -> Lent | Fault:
        if isinstance(entry.spec, Fault):
            return entry.spec
        try:
            return Lent(self._maker.make(entry.name, entry.spec, secrets))
        except FaultError as error:
            return error.fault
        except Exception as error:  # noqa: BLE001 - one source's bug must not stop another
            _log.exception("the instrument of source %s could not be built", entry.name)
            message = f"the source can't be prepared: {type(error).__name__}"
            return Fault(reason=Reason.SERVER_ERROR, message=message)
