"""One cluster-scoped resource as its directory knows it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from governor.api.channel import ChannelSpec
from governor.api.source import SourceSpec
from governor.app.ports import Json, ObjectKey
from governor.app.resources.lending import Lent, ThingT
from governor.app.resources.secret_cache import Data
from governor.domain.resources import secret_names
from governor.values.outcomes import Fault

SpecT = TypeVar("SpecT", bound=SourceSpec | ChannelSpec)

Parse = Callable[[str, object], SpecT | Fault]
"""The spec of a resource of that name, or why it can't be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made(Generic[ThingT]):
    """What came of building, and from which Secrets."""

    secrets: dict[str, Data]
    result: Lent[ThingT] | Fault


@dataclass(slots=True, kw_only=True)
class Entry(Generic[SpecT, ThingT]):
    """A version of a resource's spec. Another version is another entry."""

    key: ObjectKey
    generation: int
    spec: SpecT | Fault
    body: Json
    """The object as it was last seen or written: what a status write starts from."""
    made: Made[ThingT] | None = None
    look_now: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its readiness should be looked at before its turn."""
    secrets: frozenset[str] = field(init=False)
    """The names of the Secrets that it refers to."""

    def __post_init__(self) -> None:
        self.secrets = frozenset() if isinstance(self.spec, Fault) else secret_names(self.spec)

    @classmethod
    def read(cls, body: Json, parse: Parse[SpecT]) -> Self:
        """An entry of an object as the API server gave it."""
        metadata = body["metadata"]
        return cls(
            key=ObjectKey(uid=metadata["uid"], namespace="", name=metadata["name"]),
            generation=metadata.get("generation", 0),
            spec=parse(metadata["name"], body.get("spec")),
            body=body,
        )

    @property
    def name(self) -> str:
        return self.key.name

    def same_spec(self, other: Self) -> bool:
        """Whether both are one object with one spec; its status may differ."""
        return (self.key, self.generation) == (other.key, other.generation)


def newer(one: Json, other: Json) -> Json:
    """The version that was written later (resourceVersions are ordered)."""
    return max(one, other, key=lambda body: int(body["metadata"]["resourceVersion"]))
