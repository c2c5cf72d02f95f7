"""Has a policy's log told: one lane a target, and what the lanes have learned."""

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

from governor.api.log import Entry
from governor.api.policy import PolicySpec
from governor.api.status import LastFinding, PolicyStatus
from governor.app.delivering import Complaints, Learned, Office
from governor.app.lanes import EventLane, SinkLane
from governor.app.ports import EventRecorder, ObjectKey, Revision, Sink, Telemetry
from governor.app.subjects import Subject
from governor.domain.log import sift
from governor.domain.plans import Feedback

_log = logging.getLogger(__name__)


class Courier:
    """Carries the entries of one policy's confirmed log to their targets."""

    def __init__(
        self,
        key: ObjectKey,
        *,
        sink: Sink,
        events: EventRecorder,
        telemetry: Telemetry,
        complaints: Complaints,
        on_news: Callable[[], None],
    ) -> None:
        """Lanes stand still until `run`.

        Args:
            key: the policy.
            sink: where findings are kept.
            events: where Events are recorded.
            telemetry: counts deliveries.
            complaints: says what ails a target.
            on_news: called when what was learned should be written at once: all
                is told, or a finding has another id. The rest rides on a tick.
        """
        self._key = key
        self._telemetry = telemetry
        self._on_news = on_news
        self._status = PolicyStatus()
        self._specs: dict[int, PolicySpec] = {}
        office = Office(telemetry=telemetry, complaints=complaints, on_learned=self._news)
        self._learned = office.learned
        self._events = EventLane(key, events, office)
        self._sink = SinkLane(
            key,
            sink,
            office,
            ended=self._ended,
            spec_at=self._specs.get,
        )

    def finish(self) -> None:
        """What can still be told is told, and `run` ends."""
        self._events.finish()
        self._sink.finish()

    async def run(self) -> None:
        """Delivers until finished or cancelled."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._events.run())
            lanes.create_task(self._sink.run())

    def inspect(self, written: PolicyStatus) -> None:
        """Somebody else wrote this status: a log that is not ours shows, and is not told."""
        for _ in range(len(written.pending) - len(sift(self._key.uid, written.pending))):
            self._telemetry.delivered("log", "dropped")
            _log.warning(
                "a pending entry is not of our making",
                extra={"policy_namespace": self._key.namespace, "policy": self._key.name},
            )

    def owe(self, written: PolicyStatus) -> None:
        """A status as the API server confirmed it: its log is what is told."""
        self._status = written
        log = sift(self._key.uid, written.pending)
        self._events.owe(log)
        self._sink.owe(log)

    def revise(self, revision: Revision, spec: PolicySpec | None) -> None:
        """A generation was seen for the first time: kept for the sink, and for texts."""
        needed = {entry.generation for entry in self._status.pending}
        for generation in self._specs.keys() - needed:
            del self._specs[generation]
        if spec is not None:
            self._specs[revision.generation] = spec
        self._sink.revise(revision)

    def restate(self, entries: tuple[Entry, ...]) -> None:
        """Says again to the sink what the status knows."""
        self._sink.restate(entries)

    @property
    def waiting(self) -> bool:
        """Whether something is yet to be told."""
        return self._events.waiting or self._sink.waiting

    @property
    def news(self) -> Learned:
        """What was delivered or adopted and is still in the log."""
        return self._learned

    def forget(self, feedback: Feedback) -> None:
        """What a decision has taken out of the log need not be remembered."""
        self._learned.delivered -= feedback.delivered
        for ours in feedback.adopted:
            self._learned.adopted.pop(ours, None)

    def _news(self) -> None:
        if self._learned.adopted or not self.waiting:
            self._on_news()

    def _ended(self, finding: UUID) -> LastFinding | None:
        """How a finding ended, if the status knows."""
        places = [check.last_finding for check in self._status.checks]
        places += [check.last_blind for check in self._status.checks]
        places += [place.last_finding for place in self._status.findings]
        return next((last for last in places if last and last.id == finding), None)


def revision_of(subject: Subject) -> Revision:
    """The row that says who changed which threshold when."""
    return Revision(
        policy_uid=subject.key.uid,
        generation=subject.generation,
        namespace=subject.key.namespace,
        policy=subject.key.name,
        spec=subject.raw_spec,
        seen_at=subject.changed_at,
        field_manager=subject.field_manager,
    )
