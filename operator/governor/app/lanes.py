"""The lanes to the sink and to Kubernetes Events."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import chain

from governor.api.log import Entry, Target, Transition
from governor.api.policy import PolicySpec
from governor.api.status import FindingRef, LastFinding
from governor.app.delivering import Adoption, EntryLane, Office
from governor.app.ports import (
    Episode,
    EventRecorder,
    ObjectKey,
    OpenFinding,
    Revision,
    Sink,
)
from governor.app.specs import Specs
from governor.app.telling import episode, event, remediation, work_item
from governor.domain.identity import finding_id
from governor.domain.log import SUPERSEDED
from governor.errors import RejectedError

MOST_REVISIONS = 50
"""Specs of one policy that wait for the sink: whoever changes one without end takes no more memory
while it is away."""

_log = logging.getLogger(__name__)


class EventLane(EntryLane):
    """Events about a policy; the API server deduplicates them by name."""

    targets = (Target.EVENT,)

    def __init__(
        self,
        key: ObjectKey,
        recorder: EventRecorder,
        office: Office,
    ) -> None:
        super().__init__(office)
        self._key = key
        self._recorder = recorder

    async def tell(self, entry: Entry) -> Adoption | None:
        await self._recorder.record(event(entry, self._key))
        return None


class SinkLane(EntryLane):
    """Rows of a policy's findings; the sink deduplicates them by finding."""

    targets = (Target.SINK, Target.DISPATCH)

    def __init__(
        self,
        key: ObjectKey,
        sink: Sink,
        office: Office,
        *,
        specs: Specs,
        ended: Callable[[OpenFinding, Entry], LastFinding | None],
    ) -> None:
        super().__init__(office)
        self._key = key
        self._sink = sink
        self._ended = ended
        self._specs = specs
        self._revisions: deque[Revision] = deque()
        self._restated: tuple[Entry, ...] = ()

    def revise(self, revision: Revision) -> None:
        """A generation was seen for the first time; it is stored before any entry."""
        self._revisions.append(revision)
        if len(self._revisions) > MOST_REVISIONS:
            oldest = self._revisions.popleft()
            _log.warning(
                "too many specs wait for the sink: the oldest is not stored",
                extra={"generation": oldest.generation} | self._names(),
            )
        self._wake.set()

    def restate(self, entries: tuple[Entry, ...]) -> None:
        """What the status knows is said again, for a sink that may have lost it."""
        self._restated = entries
        self._wake.set()

    @property
    def owed(self) -> Iterable[Entry]:
        return chain(self._restated, self._owed)

    @property
    def waiting(self) -> bool:
        return bool(self._revisions) or super().waiting

    async def prepare(self) -> None:
        while self._revisions:
            revision = self._revisions[0]
            try:
                await self._sink.record_revision(revision)
            except RejectedError as error:  # rows can do without it
                _log.warning(
                    "a spec was refused for good, and is not stored",
                    extra={"generation": revision.generation, "error": str(error)} | self._names(),
                )
            if self._revisions and self._revisions[0] is revision:  # else it was the oldest
                self._revisions.popleft()
            self._has_news = True  # nothing may be waited for any more

    def note(self, entry: Entry, outcome: str) -> None:
        """Said again, an entry is done with at once: no log has to be cleared of it."""
        if entry not in self._restated:
            super().note(entry, outcome)
            return
        self._restated = tuple(other for other in self._restated if other != entry)
        self._telemetry.delivered(self.target, outcome)

    async def tell(self, entry: Entry) -> Adoption | None:
        spec = await self._specs.find(entry.generation)
        row = episode(entry, self._key, spec)
        rival = await self._record(entry, row, spec)
        if rival is None:
            return None
        ended = self._ended(rival, entry)
        if ended is not None or not self._ours(rival):
            await self._sink.record(_resolved(row, rival, ended))
            rival = await self._record(entry, row, spec)
            if rival is None:
                return None
        # Said again, the status has it under the other id from then on: this is said no more.
        self._restated = tuple(other for other in self._restated if other != entry)
        return Adoption(
            FindingRef(id=rival.id, event_type=rival.event_type, opened_at=rival.opened_at)
        )

    def _names(self) -> dict[str, object]:
        return {"policy_namespace": self._key.namespace, "policy": self._key.name}

    def _ours(self, row: OpenFinding) -> bool:
        return row.id == finding_id(self._key.uid, row.event_type, row.check_name, row.opened_at)

    async def _record(
        self, entry: Entry, row: Episode, spec: PolicySpec | None
    ) -> OpenFinding | None:
        if entry.transition is Transition.REMEDIATED:
            return await self._sink.record_remediation(row, remediation(entry))
        order = work_item(entry, spec) if Target.DISPATCH in entry.targets else None
        return await self._sink.record(row, order)


def _resolved(row: Episode, rival: OpenFinding, ended: LastFinding | None) -> Episode:
    """The row that stands in the way, as it ended."""
    resolved_at: datetime = ended.resolved_at if ended else row.last_seen_at
    return Episode(
        id=rival.id,
        event_type=rival.event_type,
        details={},
        namespace=rival.namespace,
        policy=rival.policy,
        policy_uid=rival.policy_uid,
        generation=row.generation,
        check_name=rival.check_name,
        severity=row.severity,
        opened_at=rival.opened_at,
        last_seen_at=max(resolved_at, rival.opened_at),
        resolved_at=max(resolved_at, rival.opened_at),
        resolved_reason=ended.reason if ended else SUPERSEDED,
    )
