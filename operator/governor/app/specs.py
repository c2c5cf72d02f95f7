"""What a policy said at a generation: texts and work items are those of the spec judged by."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

from governor.api.loading import load_policy
from governor.api.policy import PolicySpec
from governor.app.ports import Json, Sink
from governor.errors import DeliveryError, SpecError

PATIENCE = 2.0
"""Seconds; without an answer texts are the defaults."""


class Specs:
    """One policy's specs: the newest, those that the log still needs, and the sink's."""

    def __init__(self, uid: str, sink: Sink) -> None:
        self._uid = uid
        self._sink = sink
        self._known: dict[int, PolicySpec] = {}

    def keep(self, generation: int, spec: PolicySpec | None, needed: Collection[int]) -> None:
        """A generation was seen; of the earlier ones only those needed are kept."""
        self._known = {g: s for g, s in self._known.items() if g in needed}
        if spec is not None:
            self._known[generation] = spec

    def recall(self, generation: int, spec: Json) -> None:
        """A generation that was written down; it is left out where it can't be read any more."""
        with suppress(SpecError):
            self._known[generation] = load_policy({"spec": spec})

    @property
    def known(self) -> Mapping[int, Json]:
        """Every generation that is kept, to be written down."""
        return {
            generation: spec.model_dump(mode="json", by_alias=True, exclude_none=True)
            for generation, spec in self._known.items()
        }

    def at(self, generation: int) -> PolicySpec | None:
        """The spec at that generation, if this process has seen it."""
        return self._known.get(generation)

    async def find(self, generation: int) -> PolicySpec | None:
        """The spec at that generation; None where nobody has it.

        Raises:
            DeliveryError: the sink can't be asked now.
        """
        known = self.at(generation)
        if known is not None:
            return known
        stored = await self._sink.revision(self._uid, generation)
        if stored is None:
            return None
        try:
            spec = load_policy({"spec": stored})
        except SpecError:
            return None  # written under a schema that this version no longer reads
        return self._known.setdefault(generation, spec)

    async def find_or_default(self, generation: int) -> PolicySpec | None:
        """As `find`; a sink that is down or hangs delays nobody: None then, too."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.find(generation)
        except (DeliveryError, TimeoutError):
            return None
