"""Status, read live and replaced whole."""

from governor.adapters.kubernetes.connection import Connection, RefusedError
from governor.api import API_VERSION, GROUP, VERSION
from governor.app.ports import Json, ObjectKey
from governor.errors import ConflictError, GoneError

_FIELD_MANAGER = "governor"
_CONFLICT = 409


class KubernetesStatusStore:
    """The status of the objects of one kind (`app.ports.StatusStore`)."""

    def __init__(self, connection: Connection, *, kind: str, plural: str) -> None:
        self._connection = connection
        self._kind = kind
        self._plural = plural

    async def read(self, key: ObjectKey) -> Json:
        """As the port says."""
        try:
            body = await self._connection.request("GET", self._path(key))
        except RefusedError as error:
            if error.absent(key.name):
                raise GoneError(str(error)) from error
            raise
        if body["metadata"]["uid"] != key.uid:
            raise GoneError(f"{self._plural} {key.name!r} is another object now")
        return body

    async def replace_status(self, key: ObjectKey, resource_version: str, status: Json) -> Json:
        """As the port says.

        Sent are the identity, the two preconditions (uid, resourceVersion) and the
        status; no spec, labels, annotations or finalizers, so that nothing else could
        be written even where the status subresource were switched off.
        """
        metadata = {"name": key.name, "uid": key.uid, "resourceVersion": resource_version}
        if key.namespace:
            metadata["namespace"] = key.namespace
        try:
            return await self._connection.request(
                "PUT",
                f"{self._path(key)}/status",
                query={"fieldManager": _FIELD_MANAGER},
                body={
                    "apiVersion": API_VERSION,
                    "kind": self._kind,
                    "metadata": metadata,
                    "status": status,
                },
            )
        except RefusedError as error:
            if error.status == _CONFLICT:
                raise ConflictError(str(error)) from error
            if error.absent(key.name):
                raise GoneError(str(error)) from error
            raise

    def _path(self, key: ObjectKey) -> str:
        namespace = f"/namespaces/{key.namespace}" if key.namespace else ""
        return f"/apis/{GROUP}/{VERSION}{namespace}/{self._plural}/{key.name}"


def policy_store(connection: Connection) -> KubernetesStatusStore:
    """The store of GovernancePolicies."""
    return KubernetesStatusStore(connection, kind="GovernancePolicy", plural="governancepolicies")


def source_store(connection: Connection) -> KubernetesStatusStore:
    """The store of GovernanceSources."""
    return KubernetesStatusStore(connection, kind="GovernanceSource", plural="governancesources")


def channel_store(connection: Connection) -> KubernetesStatusStore:
    """The store of GovernanceChannels."""
    return KubernetesStatusStore(connection, kind="GovernanceChannel", plural="governancechannels")


def mute_store(connection: Connection) -> KubernetesStatusStore:
    """The store of GovernanceMutes."""
    return KubernetesStatusStore(connection, kind="GovernanceMute", plural="governancemutes")
