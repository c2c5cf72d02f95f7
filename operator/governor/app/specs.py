"""What a policy said at a generation: texts and work items are those of the spec judged by."""

import asyncio
import json
from collections.abc import Collection, Mapping

from governor.api.loading import load_policy
from governor.api.policy import PolicySpec
from governor.app.ports import Json, Sink
from governor.errors import DeliveryError, SpecError

PATIENCE = 2.0
"""Seconds; without an answer texts are the defaults."""


class Specs:
    """One policy's specs: the newest, those that the log still needs, and the sink's.

    Kept as text, and parsed when asked for: a parsed one takes ten times the memory, and most
    policies have nothing to tell. Who tells much asks often, so that is kept until a rest.
    """

    def __init__(self, uid: str, sink: Sink) -> None:
        self._uid = uid
        self._sink = sink
        self._known: dict[int, str] = {}
        self._parsed: dict[int, PolicySpec | None] = {}

    def keep(self, generation: int, spec: Json, needed: Collection[int]) -> None:
        """A generation was seen; of the earlier ones only those needed are kept."""
        self._known = {g: s for g, s in self._known.items() if g in needed}
        self.rest()
        self.recall(generation, spec)

    def recall(self, generation: int, spec: Json) -> None:
        """A generation that was written down."""
        self._known[generation] = json.dumps(spec)
        self._parsed.pop(generation, None)

    @property
    def parsed(self) -> bool:
        """Whether one was parsed since the last rest."""
        return bool(self._parsed)

    def rest(self) -> None:
        """Nothing is told for a while: what was parsed is not kept."""
        self._parsed.clear()

    @property
    def known(self) -> Mapping[int, Json]:
        """Every generation that is kept, to be written down."""
        return {generation: json.loads(spec) for generation, spec in self._known.items()}

    def at(self, generation: int) -> PolicySpec | None:
        """The spec at that generation; None if this process has not seen it, or can't read it."""
        if generation in self._known and generation not in self._parsed:
            self._parsed[generation] = _read(json.loads(self._known[generation]))
        return self._parsed.get(generation)

    async def find(self, generation: int) -> PolicySpec | None:
        """The spec at that generation; None where nobody has it, or it can't be read.

        Raises:
            DeliveryError: the sink can't be asked now.
        """
        if generation not in self._known:
            stored = await self._sink.revision(self._uid, generation)
            if stored is None:
                return None
            self.recall(generation, stored)
        return self.at(generation)

    async def find_or_default(self, generation: int) -> PolicySpec | None:
        """As `find`; a sink that is down or hangs delays nobody: None then, too."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.find(generation)
        except (DeliveryError, TimeoutError):
            return None


def _read(spec: Json) -> PolicySpec | None:
    """None: it was written under a schema that this version does not read."""
    try:
        return load_policy({"spec": spec})
    except SpecError:
        return None
