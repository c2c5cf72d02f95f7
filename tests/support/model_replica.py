"""One operator's life, turn by turn, as a test says; and whether it decides as the model does.

It decides, writes and tells with the product's own parts. What a loop of events would do by
itself (which lane goes on when, when a turn comes) is the test's to say.
"""

from collections.abc import Mapping
from datetime import datetime

from tests.support.at_rest import stays_if_at_rest
from tests.support.findings_model import Measured
from tests.support.model_world import ModelWorld
from tests.support.promises import agrees, keeps_its_bounds, unknown

from governor.api.status import PolicyStatus
from governor.app.bases import Base
from governor.app.courier import Courier, revision_of
from governor.app.subjects import Subject, understand
from governor.app.writing import Writing
from governor.domain.episodes import Run
from governor.domain.plans import Feedback, Snapshot, decide
from governor.domain.schedules import slot_at, stamp
from governor.domain.takeovers import Known
from governor.errors import (
    ConflictError,
    DeliveryError,
    GoneError,
    StoreError,
    UnavailableError,
)


class Replica:
    """One process. It may be killed, or go on long after another took over."""

    def __init__(self, world: ModelWorld, epoch: int) -> None:
        self.world = world
        self.epoch = epoch
        self.key = world.key
        self.fenced = False
        """Whether somebody newer has written: it tells nothing any more."""
        self.wish = world.wish
        self._services = world.services(epoch)
        seen = Subject(world.body)
        self._base = Base(seen)
        self._writing = Writing(self.key, self._base, self._services, look=self._look)
        self._model = world.model
        self._foreign = self._base.status.observed_generation is None
        self._rows: tuple[Known, ...] = ()
        self._courier = Courier(self.key, self._services, on_news=lambda: None, muted=self._muted)
        self._courier.revise(revision_of(seen))

    @property
    def owes(self) -> bool:
        """Whether the log says that something is yet to be told."""
        return bool(self._base.written.pending)

    def look(self) -> None:
        """Its watch is up to date."""
        try:
            self._look(Subject(self.world.body))
        except GoneError:
            self.fenced = True

    async def turn(self, words: Mapping[str, str]) -> None:
        """Measures these checks, decides, and writes.

        Args:
            words: what is measured, by check; those of other checks are not.
        """
        if self.fenced:
            return
        await self._ask()
        now = self._services.clock.now()
        runs, measured = [], {}
        slot = slot_at(self.key.uid, 60, now)
        for check in self.wish.checks if not self.wish.suspended else ():
            if (word := words.get(check.name)) is not None:
                outcome, at = check.outcome(word), stamp(now, slot)
                runs.append(Run(check=check.name, slot=slot, at=at, outcome=outcome))
                measured[check.name] = Measured(verdict=check.verdict(word), slot=slot)
        news = self._courier.news
        feedback = Feedback(
            delivered=frozenset(news.delivered),
            adopted=dict(news.adopted),
            remediated=dict(news.remediated),
            open_rows=self._rows,
        )
        try:
            if await self._writing.write(lambda: self._decide(runs, measured, feedback)):
                self._happened(feedback)
        except GoneError:
            self.fenced = True
        except (UnavailableError, ConflictError):
            pass  # the run did not happen
        except StoreError:
            self.fenced = True  # a newer term has written

    async def tell(self, target: str) -> None:
        """One pass over what one target is owed."""
        lane = self._courier._lanes.get(target)
        if lane is not None and not self.fenced:
            await lane._pass_safely()

    async def heal(self) -> None:
        """Compares the status with the sink, as is done every hour."""
        policy = understand(self._base.subject).policy
        if self.fenced or policy is None:
            return
        try:
            found = await self._services.sink.open_findings(self.key.uid)
        except DeliveryError:
            return
        self._rows = tuple(row.known() for row in found)
        if self._writing.claimed:
            now = self._services.clock.now()
            self._courier.restate(policy, self._base.subject.generation, now, self._rows)

    async def _ask(self) -> None:
        if not self._foreign or self.wish.suspended:
            return
        self._foreign = False
        try:
            found = await self._services.sink.open_findings(self.key.uid)
        except DeliveryError:
            return
        self._rows = tuple(row.known() for row in found)

    def _decide(
        self, runs: list[Run], measured: Mapping[str, Measured], feedback: Feedback
    ) -> PolicyStatus:
        """Decides as the product does, and as the model does."""
        world, before, now = self.world, self._base.status, self._services.clock.now()
        policy = understand(self._base.subject).policy
        assert policy is not None
        snapshot = Snapshot(
            uid=self.key.uid,
            generation=self._base.subject.generation,
            policy=policy,
            status=before,
            surroundings=self._services.around.of(self.key, policy),
        )
        status = decide(snapshot, runs, feedback, now)
        stays_if_at_rest(snapshot, status, now)
        self._courier.chose(before.pending, status.pending)
        suspended = self.wish.suspended
        rows = [] if suspended else unknown(before, feedback.open_rows, feedback.adopted)
        around = world.surroundings()
        self._decided = self._model.after(self.wish, measured, around, rows=rows)
        agrees(self._decided, status)
        keeps_its_bounds(before, status, now)
        world.writing = self._decided, status
        return status

    def _happened(self, feedback: Feedback) -> None:
        self._model = self._decided
        self._courier.forget(feedback)
        self._rows = ()
        if self._writing.claimed:
            self._courier.owe(self._base.written)

    def _look(self, subject: Subject) -> None:
        if subject.key.uid != self.key.uid:
            self.fenced = True
            return
        written, generation = self._base.written, self._base.subject.generation
        self._base.see(subject)
        if self._base.subject is not subject:
            return
        if self._base.written is not written:
            self._courier.inspect(self._base.written)
            self._foreign = True
            self._model = self.world.models[subject.resource_version]
        if subject.generation != generation:
            self.wish = self.world.wish
            self._courier.revise(revision_of(subject))

    def _muted(self, check: str, now: datetime) -> bool:
        policy = understand(self._base.subject).policy
        return policy is not None and self._services.around.muted(self.key, policy, check, now)
