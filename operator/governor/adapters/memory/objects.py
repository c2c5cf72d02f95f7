"""What there is, over the doubles that hold it."""

from collections.abc import Mapping

from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.app.ports import Json, Kind, ObjectKey
from governor.errors import GoneError


class InMemoryObjects:
    """A double of `app.ports.LiveObjects`; a kind without a store is not installed."""

    def __init__(self, stores: Mapping[Kind, InMemoryStatusStore]) -> None:
        self._stores = stores

    async def versions(self, kind: Kind) -> Mapping[ObjectKey, int]:
        """As the port says."""
        if kind not in self._stores:
            return {}
        bodies = await self._stores[kind].list()
        return {ObjectKey.of(body): int(body["metadata"]["resourceVersion"]) for body in bodies}

    async def read(self, kind: Kind, key: ObjectKey) -> Json:
        """As the port says."""
        if kind not in self._stores:
            raise GoneError(f"{kind} are not installed")
        return await self._stores[kind].read(key)
