"""Has a policy's log told: one lane a target, and what the lanes have learned."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from governor.api.log import Entry, Target, Transition, channel_of
from governor.api.policy import PolicySpec
from governor.api.status import LastFinding, PolicyStatus
from governor.app.channel_lanes import ChannelLane
from governor.app.delivering import Lane, Learned, Office
from governor.app.lanes import EventLane, SinkLane
from governor.app.ports import Json, ObjectKey, OpenFinding, Revision
from governor.app.remediating import RemediationLane
from governor.app.services import Services
from governor.app.specs import Specs
from governor.app.subjects import Subject
from governor.app.weakly import weakly
from governor.domain.entries import Decision
from governor.domain.log import sift
from governor.domain.plans import Feedback
from governor.domain.policies import Policy
from governor.domain.restating import restate
from governor.domain.surroundings import ChannelKind
from governor.domain.takeovers import Known, over

_log = logging.getLogger(__name__)


class Courier:
    """Carries the entries of one policy's confirmed log to their targets."""

    def __init__(
        self,
        key: ObjectKey,
        services: Services,
        *,
        on_news: Callable[[], None],
        muted: Callable[[str, datetime], bool],
    ) -> None:
        """Lanes stand still until `run`.

        Args:
            key: the policy.
            services: what the runs of all policies share.
            on_news: called when what was learned should be written at once: all
                is told, a finding has another id, a playbook was changed, or a chat
                has a message. The rest rides on a tick.
            muted: whether a check of the policy is muted at a time.
        """
        self._key = key
        self._services = services
        self._telemetry = services.telemetry
        self._on_news = on_news
        self._status = PolicyStatus()
        self._ours: frozenset[tuple[str, datetime]] = frozenset()
        """Choices of playbooks that this process made: nobody else has begun to carry them out."""
        self._specs = Specs(key.uid, services.sink)
        self._needed: frozenset[int] = frozenset()
        """Generations that texts are yet to be made of: also for what a write under way decides."""
        self._office = Office(
            telemetry=services.telemetry,
            complaints=services.complaints,
            on_learned=weakly(self._news),
            on_urgent=on_news,
        )
        self._learned = self._office.learned
        self._sink = SinkLane(
            key, services.sink, self._office, specs=self._specs, ended=weakly(self._ended)
        )
        self._muted = muted
        self._lanes: dict[str, Lane] = {
            Target.EVENT: EventLane(key, services.events, self._office),
            Target.SINK: self._sink,
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False
        self._owes = False
        """Whether the log that the lanes have holds anything."""

    def finish(self) -> None:
        """What can still be told is told, and `run` ends."""
        for lane in self._lanes.values():
            lane.finish()

    async def run(self) -> None:
        """Delivers until finished or cancelled."""
        # No TaskGroup: one that is cancelled leaves a cycle, which would keep us.
        self._running = True
        for lane in self._lanes.values():
            self._begin(lane)
        try:
            while self._tasks:
                ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                self._tasks -= ended
                for task in ended:
                    if not task.cancelled():
                        task.result()
        finally:
            self._running = False  # a lane that is opened from now on is the next process' task
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            self._tasks.clear()

    def inspect(self, written: PolicyStatus) -> None:
        """Somebody else wrote this status: a log that is not ours shows, and is not told."""
        self._needed |= _generations(written.pending)
        for _ in range(len(written.pending) - len(sift(self._key.uid, written.pending))):
            self._telemetry.delivered("log", "dropped")
            _log.warning(
                "a pending entry is not of our making",
                extra={"policy_namespace": self._key.namespace, "policy": self._key.name},
            )

    def chose(self, before: Sequence[Entry], after: Sequence[Entry]) -> None:
        """A decision of this process made one log of another."""
        self._needed |= _generations(after)
        self._ours = (self._ours | (_choices(after) - _choices(before))) & _choices(after)

    def owe(self, written: PolicyStatus) -> None:
        """A status as the API server confirmed it: its log is what is told."""
        self._status = written
        self._needed = _generations(written.pending)
        if not written.pending and not self._owes:
            return
        self._owes = bool(written.pending)
        log = sift(self._key.uid, written.pending)
        for target in {target for entry in log for target in entry.targets}:
            self._open(target)
        for lane in self._lanes.values():
            lane.owe(log)

    def revise(self, revision: Revision) -> None:
        """A generation was seen for the first time: kept for the sink, and for texts."""
        self._specs.keep(revision.generation, revision.spec, self._needed)
        self._sink.revise(revision)

    def recall(self, specs: Mapping[int, Json]) -> None:
        """Generations that somebody else has seen: for texts."""
        for generation, spec in specs.items():
            self._specs.recall(generation, spec)

    def spec_at(self, generation: int) -> PolicySpec | None:
        """The spec at a generation, for texts; None if it is not known, or can't be understood."""
        return self._specs.at(generation)

    @property
    def reads(self) -> bool:
        """Whether specs were parsed for texts since the last rest."""
        return self._specs.parsed

    def rest(self) -> None:
        """The policy has nothing to tell for a while."""
        self._specs.rest()

    @property
    def specs(self) -> Mapping[int, Json]:
        """What is known of generations that the log may need."""
        return self._specs.known

    def restate(
        self, policy: Policy, generation: int, at: datetime, open_rows: Sequence[Known]
    ) -> None:
        """Says again to the sink, which has these rows open, what the status knows of findings."""
        decision = Decision(policy_uid=self._key.uid, generation=generation, at=at)
        muting = self._services.around.mutes.of(self._key.namespace, self._key.name)
        self._sink.restate(restate(decision, policy, self._status, open_rows, muting=muting))

    @property
    def waiting(self) -> bool:
        """Whether something is yet to be told."""
        return any(lane.waiting for lane in self._lanes.values())

    @property
    def news(self) -> Learned:
        """What was delivered or adopted and is still in the log."""
        return self._learned

    def forget(self, feedback: Feedback) -> None:
        """What a decision has taken out of the log need not be remembered."""
        self._learned.delivered -= feedback.delivered
        for ours in feedback.adopted:
            self._learned.adopted.pop(ours, None)
        for chosen in feedback.remediated:
            self._learned.remediated.pop(chosen, None)

    def _open(self, target: str) -> None:
        """A lane for a target that only some policies need, when first needed."""
        channel = channel_of(target)
        if target in self._lanes or (channel is None and target != Target.REMEDIATION):
            return
        lane = self._lanes[target] = (
            self._remediation_lane() if channel is None else self._channel_lane(channel)
        )
        if self._running:
            self._begin(lane)

    def _begin(self, lane: Lane) -> None:
        name = f"{lane.target} of {self._key.name}"
        self._tasks.add(asyncio.create_task(self._carry(lane), name=name))

    async def _carry(self, lane: Lane) -> None:
        """What lanes call back is there for as long as they run."""
        await lane.run()

    def _channel_lane(self, channel: str) -> ChannelLane:
        around, namespace = self._services.around, self._key.namespace
        return ChannelLane(
            channel,
            self._key,
            self._office,
            cluster=around.cluster,
            specs=self._specs,
            offer=around.channels.offer,
            remembers=lambda name: (
                around.channels.view(namespace, name).kind is not ChannelKind.CHAT
            ),
        )

    def _remediation_lane(self) -> RemediationLane:
        remedies = self._services.around.remedies
        return RemediationLane(
            self._key,
            self._office,
            store=self._services.store,
            clock=self._services.clock,
            deprecate=remedies.deprecate,
            refused=remedies.remediation_refused,
            muted=self._muted,
            spec_at=self._specs.at,
            inherited=weakly(self._inherited),
        )

    def _inherited(self, entry: Entry) -> bool:
        """Whether an earlier process may have begun to carry out a choice of playbooks."""
        return (entry.check, entry.decided_at) not in self._ours

    def _news(self) -> None:
        learned = self._learned
        if learned.adopted or learned.remediated or (learned.delivered and not self.waiting):
            self._on_news()

    def _ended(self, rival: OpenFinding, entry: Entry) -> LastFinding | None:
        """How a finding that is in an entry's way ended, if the status knows."""
        return over(self._status, rival.known(), but=entry.finding)


def _generations(log: Sequence[Entry]) -> frozenset[int]:
    return frozenset(entry.generation for entry in log)


def _choices(log: Sequence[Entry]) -> frozenset[tuple[str, datetime]]:
    """Check and time of decision: they stay when a finding gets another id."""
    return frozenset((e.check, e.decided_at) for e in log if e.transition is Transition.REMEDIATE)


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
