"""Orphans in ConfigMaps of the operator's own namespace, one a policy."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from governor.adapters.kubernetes.connection import Connection, RefusedError
from governor.adapters.kubernetes.listing import list_all
from governor.api import GROUP
from governor.api.log import Entry
from governor.app.ports import Json, ObjectKey, Orphan

LABEL = f"{GROUP}/orphan"
"""Its value: the uid of the policy."""

_POLICY, _PENDING, _SPECS = "policy.json", "pending.json", "specs.json"
_ENTRIES = TypeAdapter(tuple[Entry, ...])
_log = logging.getLogger(__name__)


class KubernetesOrphanStore:
    """Keeps orphans as `orphan-<uid>` (`app.ports.OrphanStore`)."""

    def __init__(self, connection: Connection, *, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace
        self._maps = f"/api/v1/namespaces/{namespace}/configmaps"

    async def all(self) -> Sequence[Orphan]:
        """As the port says; one that can't be read is left where it is, and named in the log."""
        found = []
        async for body in list_all(self._connection, self._maps, label=LABEL):
            name = body["metadata"]["name"]
            try:
                found.append(_read(name, body.get("data") or {}))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                _log.warning(
                    "a ConfigMap of an orphan can't be understood; delete it, or mend it",
                    extra={"config_map": name, "error": str(error)[:500]},
                )
        return found

    async def put(self, orphan: Orphan) -> None:
        """As the port says."""
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": _name(orphan.key.uid),
                "namespace": self._namespace,
                "labels": {LABEL: orphan.key.uid},
            },
            "data": _written(orphan),
        }
        try:
            await self._connection.request("PUT", self._path(orphan.key.uid), body=body)
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            await self._connection.request("POST", self._maps, body=body)

    async def remove(self, policy_uid: str) -> None:
        """As the port says."""
        try:
            await self._connection.request("DELETE", self._path(policy_uid))
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def _path(self, policy_uid: str) -> str:
        return f"{self._maps}/{_name(policy_uid)}"


def _name(policy_uid: str) -> str:
    return f"orphan-{policy_uid}"


def _written(orphan: Orphan) -> Mapping[str, str]:
    key = orphan.key
    entries = [
        entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for entry in orphan.pending
    ]
    return {
        _POLICY: json.dumps({"uid": key.uid, "namespace": key.namespace, "name": key.name}),
        _PENDING: json.dumps(entries),
        _SPECS: json.dumps({str(number): spec for number, spec in orphan.specs.items()}),
    }


def _read(name: str, data: Mapping[str, str]) -> Orphan:
    """What the ConfigMap of that name holds.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: somebody has written nonsense there.
    """
    policy = json.loads(data[_POLICY])
    key = ObjectKey(
        uid=str(policy["uid"]), namespace=str(policy["namespace"]), name=str(policy["name"])
    )
    if name != _name(key.uid):  # once told, it would not be found, and be told again and again
        raise ValueError(f"{_POLICY} says uid {key.uid}, so its name should be {_name(key.uid)}")
    return Orphan(key=key, pending=_ENTRIES.validate_json(data[_PENDING]), specs=_specs(data))


def _specs(data: Mapping[str, str]) -> Mapping[int, Json]:
    """Without them texts are the defaults."""
    specs: dict[str, Any] = json.loads(data.get(_SPECS) or "{}")
    return {int(number): dict(spec) for number, spec in specs.items()}
