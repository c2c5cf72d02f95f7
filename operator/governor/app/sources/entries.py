"""One GovernanceSource as the directory knows it."""

import asyncio
from dataclasses import dataclass, field

from governor.api.source import SourceSpec
from governor.app.ports import Json, ObjectKey
from governor.app.sources.lending import Lent
from governor.app.sources.secret_cache import Data
from governor.domain.sources import parse, secret_names
from governor.values.outcomes import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of building an instrument, and from which Secrets."""

    secrets: dict[str, Data]
    result: Lent | Fault


@dataclass(slots=True, kw_only=True)
class Entry:
    """A version of a source's spec. Another version is another entry."""

    key: ObjectKey
    generation: int
    spec: SourceSpec | Fault
    body: Json
    """The object as it was last seen or written: what a status write starts from."""
    made: Made | None = None
    probe_now: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the Secrets that it refers to."""
        return frozenset() if isinstance(self.spec, Fault) else secret_names(self.spec)

    def same_spec(self, other: "Entry") -> bool:
        """Whether both are one object with one spec; its status may differ."""
        return (self.key, self.generation) == (other.key, other.generation)


def newer(one: Json, other: Json) -> Json:
    """The version that was written later (resourceVersions are ordered)."""
    return max(one, other, key=lambda body: int(body["metadata"]["resourceVersion"]))


def read(body: Json) -> Entry:
    """An entry of an object as the API server gave it."""
    metadata = body["metadata"]
    return Entry(
        key=ObjectKey(uid=metadata["uid"], namespace="", name=metadata["name"]),
        generation=metadata.get("generation", 0),
        spec=parse(metadata["name"], body.get("spec")),
        body=body,
    )
