"""Objects without what nobody here reads, and as text: a tenth of what kopf has of them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SPEC = "f:spec"


class SlimBody(Mapping[str, Any]):
    """An object, to be read like the original; each part is parsed anew whenever it is asked for.

    Most objects are kept for months and read once. Parsed they take five times the memory.
    """

    __slots__ = ("_parts",)

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._parts = {
            part: json.dumps(value, separators=(",", ":")) for part, value in body.items()
        }

    def __getitem__(self, part: str) -> Any:
        return json.loads(self._parts[part])

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def slim(body: Mapping[str, Any]) -> SlimBody:
    """What need be kept of an object, which stays as it is.

    Of `managedFields` stays who wrote the spec, and when, without which fields; of the
    annotations goes kubectl's copy of the whole.
    """
    metadata: dict[str, Any] = dict(body["metadata"])
    if written := metadata.get("managedFields"):
        metadata["managedFields"] = [
            {**entry, "fieldsV1": {_SPEC: {}}}
            for entry in written
            if not entry.get("subresource") and _SPEC in (entry.get("fieldsV1") or {})
        ]
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != _LAST_APPLIED}
    return SlimBody({**body, "metadata": metadata})
