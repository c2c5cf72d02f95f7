"""Objects without what nobody here reads, and what can be more than half of one."""

from collections.abc import Mapping
from typing import Any

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SPEC = "f:spec"


def slim(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Takes out of an object, in place, what need not be kept; returns the object.

    Of `managedFields` stays who wrote the spec, and when, without which fields; of the
    annotations goes kubectl's copy of the whole.
    """
    metadata: dict[str, Any] = body["metadata"]
    if written := metadata.get("managedFields"):
        metadata["managedFields"] = [
            {**entry, "fieldsV1": {_SPEC: {}}}
            for entry in written
            if not entry.get("subresource") and _SPEC in (entry.get("fieldsV1") or {})
        ]
    if annotations := metadata.get("annotations"):
        annotations.pop(_LAST_APPLIED, None)
    return body
