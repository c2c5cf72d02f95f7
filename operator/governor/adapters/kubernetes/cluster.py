"""What else the operator asks of the API server.

Secrets of its own namespace, the cluster's identity, and whether our CRDs are served.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence

from governor.adapters.kubernetes.connection import Connection, RefusedError
from governor.api import GROUP, VERSION
from governor.errors import StoreError, UnavailableError

PLURALS = ("governancechannels", "governancemutes", "governancepolicies", "governancesources")

_POLL_SECONDS = 2.0
_NOT_FOUND = 404


class KubernetesSecretReader:
    """Reads Secrets of one namespace only (`app.ports.SecretReader`)."""

    def __init__(self, connection: Connection, *, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace

    async def read(self, name: str) -> tuple[str, Mapping[str, bytes]] | None:
        """As the port says."""
        path = f"/api/v1/namespaces/{self._namespace}/secrets/{name}"
        try:
            secret = await self._connection.request("GET", path)
        except RefusedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise UnavailableError(str(error)) from error
        data = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
        return secret["metadata"]["resourceVersion"], data


async def cluster_id(connection: Connection) -> str:
    """The uid of namespace kube-system, which lives as long as the cluster.

    Raises:
        StoreError: no answer, or no right to read it.
    """
    namespace = await connection.request("GET", "/api/v1/namespaces/kube-system")
    uid: str = namespace["metadata"]["uid"]
    return uid


async def missing_crds(connection: Connection) -> Sequence[str]:
    """Our CRDs that are not served, each with a word on what is wrong.

    Served means established, and in the discovery that kopf reads once, at its start.

    Raises:
        StoreError: no answer, or no right to ask.
    """
    states = await asyncio.gather(*(_state(connection, plural) for plural in PLURALS))
    missing = [state for state in states if state]
    return missing or await _undiscovered(connection)


async def wait_for_crds(connection: Connection, report: Callable[[Sequence[str]], None]) -> None:
    """Returns once our CRDs are served.

    Args:
        connection: whom to ask, every two seconds.
        report: told what is missing or why nobody answers, whenever that changes, and
            an empty sequence at the end.
    """
    told: Sequence[str] | None = None
    while True:
        try:
            missing = await missing_crds(connection)
        except StoreError as error:
            missing = [f"the API server does not say: {error}"]
        if missing != told:
            report(missing)
            told = missing
        if not missing:
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _state(connection: Connection, plural: str) -> str | None:
    name = f"{plural}.{GROUP}"
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    try:
        crd = await connection.request("GET", path)
    except RefusedError as error:
        if error.status == _NOT_FOUND:
            return f"{name} is not installed"
        raise
    conditions = crd.get("status", {}).get("conditions") or ()
    true = {condition["type"] for condition in conditions if condition["status"] == "True"}
    if "Terminating" in true or crd["metadata"].get("deletionTimestamp"):
        return f"{name} is being deleted"
    if "Established" in true:
        return None
    why = [c.get("message", "") for c in conditions if c["status"] == "False"]
    return f"{name} is not established: {'; '.join(why) or 'no reason is given yet'}"


async def _undiscovered(connection: Connection) -> list[str]:
    groups = await connection.request("GET", "/apis")
    if GROUP not in {group["name"] for group in groups.get("groups", ())}:
        return [f"{GROUP} is not served yet"]
    try:
        listed = await connection.request("GET", f"/apis/{GROUP}/{VERSION}")
    except RefusedError as error:
        if error.status == _NOT_FOUND:
            return [f"{GROUP}/{VERSION} is not served yet"]
        raise
    served = {resource["name"] for resource in listed.get("resources", ())}
    return [f"{plural}.{GROUP} is not served yet" for plural in PLURALS if plural not in served]
