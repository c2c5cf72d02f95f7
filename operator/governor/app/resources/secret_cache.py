"""The Secrets that resources refer to, as last read: one reading each, however many ask."""

import asyncio
import logging
from collections.abc import Collection, Mapping

from governor.app.ports import SecretReader
from governor.errors import GovernorError
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

Data = Mapping[str, bytes]

_log = logging.getLogger(__name__)


class SecretCache:
    """Reads Secrets one by one (the operator may `get`, not list or watch them)."""

    def __init__(self, reader: SecretReader, patience_seconds: float) -> None:
        self._reader = reader
        self._patience = patience_seconds
        self._known: dict[str, Data | None] = {}
        self._unreadable: set[str] = set()
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def of(self, names: Collection[str]) -> dict[str, Data]:
        """Those that exist, by name; reads only what was never read.

        Raises:
            FaultError: `SecretInvalid`, if one can't be read and was never read.
        """
        unread = [name for name in names if name not in self._known]
        if unread:
            await asyncio.gather(*(self._read(name) for name in unread))
        for name in names:
            if name not in self._known:
                raise FaultError(
                    Reason.SECRET_INVALID,
                    f"Secret {name} can't be read now: the API server does not give it",
                )
        return {n: data for n in names if (data := self._known.get(n)) is not None}

    def known(self, names: Collection[str]) -> dict[str, Data]:
        """Those that exist, as last read."""
        return {n: data for n in names if (data := self._known.get(n)) is not None}

    async def refresh(self, names: Collection[str]) -> None:
        """Reads all of these, at the same time, and forgets the others."""
        for name in self._known.keys() - set(names):
            del self._known[name]
        await asyncio.gather(*(self._read(name) for name in names))

    async def _read(self, name: str) -> None:
        """Joins a reading that is under way; else starts one."""
        task = self._reading.get(name)
        if task is None:
            task = self._reading[name] = asyncio.create_task(self._fetch(name))
            task.add_done_callback(lambda _: self._reading.pop(name))
        # One who asked and was cancelled must not cancel the others' reading.
        await asyncio.shield(task)

    async def _fetch(self, name: str) -> None:
        """What can't be read now stays as it was last read."""
        try:
            async with asyncio.timeout(self._patience):
                found = await self._reader.read(name)
        except Exception as error:  # noqa: BLE001 - one Secret must not stop another
            if name not in self._unreadable:  # said once, not at every reading
                expected = isinstance(error, GovernorError | TimeoutError)
                _log.warning("Secret %s can't be read", name, exc_info=None if expected else error)
            self._unreadable.add(name)
            return
        self._unreadable.discard(name)
        self._known[name] = None if found is None else found[1]
