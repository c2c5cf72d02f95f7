"""Keeps what a resource is used through, as its spec and its Secrets are now."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from governor.api.channel import ChannelSpec
from governor.api.source import SourceSpec
from governor.app.resources.bugs import whereabouts
from governor.app.resources.entries import Entry, Made, SpecT
from governor.app.resources.lending import Closable, Lent, ThingT
from governor.app.resources.secret_cache import Data, SecretCache
from governor.values.outcomes import Fault, FaultError
from governor.values.reasons import Reason

_log = logging.getLogger(__name__)

_SpecT_contra = TypeVar("_SpecT_contra", bound=SourceSpec | ChannelSpec, contravariant=True)
_ThingT_co = TypeVar("_ThingT_co", bound=Closable, covariant=True)


class Maker(Protocol[_SpecT_contra, _ThingT_co]):
    """Builds an instrument or a notifier, as the ports say."""

    def make(
        self, name: str, spec: _SpecT_contra, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> _ThingT_co: ...


class Keeper(Generic[SpecT, ThingT]):
    """Builds things when first needed, and replaces them when their Secrets change."""

    def __init__(self, maker: Maker[SpecT, ThingT], secrets: SecretCache) -> None:
        self._maker = maker
        self._secrets = secrets
        self._retiring: set[asyncio.Task[None]] = set()

    async def prepare(self, entry: Entry[SpecT, ThingT]) -> None:
        """Has the entry's Secrets read, if they never were.

        Raises:
            FaultError: one can't be read.
        """
        await self._secrets.of(entry.secrets)

    def make(self, entry: Entry[SpecT, ThingT]) -> Lent[ThingT]:
        """What a prepared entry is used through, built if it is not yet.

        Raises:
            FaultError: the resource can't be understood, or as the maker says.
        """
        if entry.made is None:
            secrets = self._secrets.known(entry.secrets)
            entry.made = Made(secrets=secrets, result=self._build(entry, secrets))
        if isinstance(entry.made.result, Fault):
            raise FaultError(entry.made.result.reason, entry.made.result.message)
        return entry.made.result

    @asynccontextmanager
    async def borrow(self, entry: Entry[SpecT, ThingT]) -> AsyncIterator[ThingT]:
        """What a prepared entry is used through; raises as `make` does."""
        async with self.make(entry).borrow() as thing:
            yield thing

    def outdated(self, entry: Entry[SpecT, ThingT]) -> bool:
        """Whether its Secrets say something else than when it was built."""
        return entry.made is not None and entry.made.secrets != self._secrets.known(entry.secrets)

    def drop(self, entry: Entry[SpecT, ThingT]) -> None:
        """The next one to borrow gets a new thing; this one is closed when it is idle."""
        made, entry.made = entry.made, None
        if made is not None and isinstance(made.result, Lent):
            task = asyncio.create_task(made.result.retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Waits until everything that was dropped is closed."""
        await asyncio.gather(*self._retiring)

    def _build(self, entry: Entry[SpecT, ThingT], secrets: dict[str, Data]) -> Lent[ThingT] | Fault:
        if isinstance(entry.spec, Fault):
            return entry.spec
        try:
            return Lent(self._maker.make(entry.name, entry.spec, secrets))
        except FaultError as error:
            return error.fault
        except Exception as error:  # noqa: BLE001 - one resource's bug must not stop another
            _log.error("%s could not be prepared: %s", entry.name, whereabouts(error))
            message = f"it can't be prepared: {type(error).__name__}"
            return Fault(reason=Reason.SERVER_ERROR, message=message)
