"""Which objects there are, by their metadata; and one of them, live."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

from governor.adapters.kubernetes.connection import JSON, Connection, RefusedError
from governor.adapters.kubernetes.listing import list_all
from governor.api import API_VERSION, GROUP
from governor.app.ports import Json, Kind, ObjectKey
from governor.errors import GoneError, StoreError

_METADATA_ONLY = f"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class KubernetesObjects:
    """What the API server has (`app.ports.LiveObjects`).

    That an object is gone is believed only if the answer names it, or if its CRD is gone:
    a proxy, or a server that does not serve the kind yet, says 404 to everything.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self, kind: Kind) -> AsyncIterator[Json]:
        """Every object, whole.

        Raises:
            StoreError: as `list_all` says.
        """
        async for body in list_all(self._connection, _path(kind)):
            yield body

    async def versions(self, kind: Kind) -> Mapping[ObjectKey, int]:
        """As the port says. No resourceVersion is asked for: that is the newest state."""
        listing = list_all(self._connection, _path(kind), accept=_METADATA_ONLY)
        try:
            return {
                ObjectKey.of(body): int(body["metadata"]["resourceVersion"])
                async for body in listing
            }
        except StoreError:
            if await self._uninstalled(kind):
                return {}
            raise

    async def read(self, kind: Kind, key: ObjectKey) -> Json:
        """As the port says."""
        try:
            path = f"{_path(kind, key.namespace)}/{quote(key.name, safe='')}"
            body = await self._connection.request("GET", path)
        except StoreError as error:
            if _names(error, key.name) or await self._uninstalled(kind):
                raise GoneError(str(error)) from error
            raise
        if body["metadata"]["uid"] != key.uid:
            raise GoneError(f"{kind} {key.name!r} is another object now")
        return body

    async def _uninstalled(self, kind: Kind) -> bool:
        """Whether the server knows that there is no such kind.

        Raises:
            StoreError: it does not say.
        """
        if kind is Kind.NAMESPACES:
            return False
        name = f"{kind}.{GROUP}"
        try:
            await self._connection.request("GET", f"{_CRDS}/{name}")
        except RefusedError as error:
            if error.absent(name):
                return True
            raise
        return False


def _names(error: StoreError, name: str) -> bool:
    return isinstance(error, RefusedError) and error.absent(name)


def _path(kind: Kind, namespace: str = "") -> str:
    root = "/api/v1" if kind is Kind.NAMESPACES else f"/apis/{API_VERSION}"
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{root}{where}/{kind}"
