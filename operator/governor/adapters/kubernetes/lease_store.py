"""The Lease that says which replica leads, in the operator's own namespace."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from governor.adapters.kubernetes.connection import Connection, RefusedError
from governor.domain.leases import LEASE_SECONDS, Lease
from governor.errors import ConflictError
from governor.values.moments import LONG_AGO, rfc3339, time_said

LEASE = "governor"
"""Its name."""

_KIND = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}


class KubernetesLeaseStore:
    """The one Lease (`app.ports.LeaseStore`)."""

    def __init__(self, connection: Connection, *, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    async def read(self) -> tuple[str, Lease] | None:
        """As the port says; what somebody wrote into it that is no Lease reads as nobody's."""
        try:
            body = await self._connection.request("GET", f"{self._leases}/{LEASE}")
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return body["metadata"]["resourceVersion"], _read(body.get("spec") or {})

    async def create(self, lease: Lease) -> str:
        """As the port says."""
        return await self._write("POST", self._leases, {}, lease)

    async def replace(self, version: str, lease: Lease) -> str:
        """As the port says."""
        return await self._write(
            "PUT", f"{self._leases}/{LEASE}", {"resourceVersion": version}, lease
        )

    async def _write(self, method: str, path: str, guard: Mapping[str, str], lease: Lease) -> str:
        metadata = {"name": LEASE, "namespace": self._namespace, **guard}
        body = {**_KIND, "metadata": metadata, "spec": _written(lease)}
        try:
            answer = await self._connection.request(method, path, body=body)
        except RefusedError as error:
            if error.status == HTTPStatus.CONFLICT:
                raise ConflictError(str(error)) from error
            raise
        version: str = answer["metadata"]["resourceVersion"]
        return version


def _written(lease: Lease) -> dict[str, Any]:
    return {
        "holderIdentity": lease.holder,
        "leaseDurationSeconds": round(LEASE_SECONDS),
        "acquireTime": rfc3339(lease.acquired_at),
        "renewTime": rfc3339(lease.renewed_at),
        "leaseTransitions": lease.transitions,
    }


def _read(spec: Mapping[str, Any]) -> Lease:
    return Lease(
        holder=spec.get("holderIdentity") or "",
        acquired_at=time_said(spec.get("acquireTime")) or LONG_AGO,
        renewed_at=time_said(spec.get("renewTime")) or LONG_AGO,
        transitions=spec.get("leaseTransitions") or 0,
    )
