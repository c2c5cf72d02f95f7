"""Objects with a status, held in memory under the API server's rules.

Every write gives a new resourceVersion, a change of spec a new generation, and a new
object of an old name another uid. Faults can be planted: an answer may be lost before
or after the write was done.
"""

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

from governor.adapters.memory.faults import Fault, Faults
from governor.app.ports import Json, ObjectKey
from governor.errors import ConflictError, GoneError, StoreError


class InMemoryStatusStore:
    """A double of `app.ports.StatusStore`, and the hands of everyone else who writes."""

    def __init__(self, *, kind: str = "GovernancePolicy", uids: Callable[[], UUID] = uuid4) -> None:
        self._kind = kind
        self._uids = uids
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._versions = itertools.count(1)
        self._faults = Faults()
        self.writes = 0
        """How many statuses were replaced, whether the answer arrived or not."""

    def fail(self, *faults: Fault | StoreError) -> None:
        """Plants faults, one for each of the next requests; an error is raised as it is."""
        self._faults.plant(*faults)

    def goes(self, *, away: bool) -> None:
        """From now on nobody reaches it, or everybody does."""
        self._faults.away = away

    def create(
        self, namespace: str, name: str, spec: Json, *, annotations: Json | None = None
    ) -> Json:
        """What `kubectl create` does; the new object."""
        metadata: dict[str, Any] = {
            "name": name,
            "uid": str(self._uids()),
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        if namespace:
            metadata["namespace"] = namespace
        if annotations:
            metadata["annotations"] = dict(annotations)
        body = {
            "apiVersion": "governance.aiops.dev/v1alpha1",
            "kind": self._kind,
            "metadata": metadata,
            "spec": copy.deepcopy(dict(spec)),
        }
        self._objects[namespace, name] = body
        return self._stored(body)

    def change_spec(self, key: ObjectKey, spec: Json) -> Json:
        """What `kubectl apply` does; the new object."""
        body = self._find(key)
        if body["spec"] == spec:
            return copy.deepcopy(body)
        body["spec"] = copy.deepcopy(dict(spec))
        body["metadata"]["generation"] += 1
        return self._stored(body)

    def annotate(self, key: ObjectKey, annotations: Json) -> Json:
        """What `kubectl annotate` does; the new object. The generation stays."""
        body = self._find(key)
        body["metadata"]["annotations"] = dict(annotations)
        return self._stored(body)

    def delete(self, key: ObjectKey) -> None:
        """What `kubectl delete` does, with no finalizer in the way."""
        self._find(key)
        del self._objects[key.namespace, key.name]

    def mark_deleted(self, key: ObjectKey) -> Json:
        """What `kubectl delete` does, with somebody's finalizer in the way; the object."""
        body = self._find(key)
        body["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
        return self._stored(body)

    def peek(self, key: ObjectKey) -> Json:
        """What `kubectl get` shows, past any planted fault."""
        return copy.deepcopy(self._find(key))

    async def list(self) -> Sequence[Json]:
        """What `kubectl get` lists; a planted fault meets it, too."""
        fault = self._faults.begin()
        self._faults.answer(fault)
        return copy.deepcopy(list(self._objects.values()))

    async def read(self, key: ObjectKey) -> Json:
        """As the port says."""
        fault = self._faults.begin()
        body = copy.deepcopy(self._find(key))
        self._faults.answer(fault)
        if body["metadata"]["uid"] != key.uid:
            raise GoneError(f"{key.name!r} is another object now")
        return body

    async def replace_status(self, key: ObjectKey, resource_version: str, status: Json) -> Json:
        """As the port says."""
        fault = self._faults.begin()
        body = self._find(key)
        if body["metadata"]["uid"] != key.uid:
            raise ConflictError(f"{key.name!r} is another object now")
        if body["metadata"]["resourceVersion"] != resource_version:
            raise ConflictError(f"{key.name!r} was written since")
        if _epoch(status) < _epoch(body.get("status") or {}) and "epoch" in status:
            raise StoreError("status.epoch: Invalid value: it only grows")
        if body.get("status") != status:  # what changes nothing keeps its version
            body["status"] = copy.deepcopy(dict(status))
            self._stored(body)
        self.writes += 1
        self._faults.answer(fault)
        return copy.deepcopy(body)

    def _find(self, key: ObjectKey) -> dict[str, Any]:
        try:
            return self._objects[key.namespace, key.name]
        except KeyError:
            raise GoneError(f"{key.name!r} not found") from None

    def _stored(self, body: dict[str, Any]) -> Json:
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        return copy.deepcopy(body)


def _epoch(status: Json) -> int:
    return int(status.get("epoch") or 0)
