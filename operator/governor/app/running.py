"""One policy's life: woken, it measures what is due, decides, writes, and has it told.

    snapshot → measure → decide → status write → tell → clear

Nothing is told before the write that decided it is confirmed. A run whose write
never succeeded did not happen: what it measured is measured again.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from governor.api.policy import PolicySpec
from governor.api.status import PolicyStatus
from governor.app.attempts import Attempts
from governor.app.bases import Base
from governor.app.checking import Checking
from governor.app.courier import Courier, revision_of
from governor.app.deciding import Deciding
from governor.app.hearing import Hearing
from governor.app.measuring import Measuring
from governor.app.pacing import Pace
from governor.app.poking import Poking
from governor.app.services import Services
from governor.app.subjects import Subject, Understood, understand
from governor.app.taking_over import TakingOver
from governor.app.weakly import weakly
from governor.app.writing import Writing
from governor.domain.alerts import speaks
from governor.domain.episodes import Run
from governor.domain.plans import Feedback
from governor.domain.policies import Policy
from governor.domain.takeovers import Known
from governor.domain.writes import Runs
from governor.errors import GoneError, StoreError

FINISHING_SECONDS = 1.0
"""So long may targets take at a stop; then what was told is written, within the grace period."""

_log = logging.getLogger(__name__)


class PolicyRunner:
    """Runs one policy. All that it is told only wakes it; the work is in `run`."""

    def __init__(self, services: Services, seen: Subject) -> None:
        self._services = services
        self._base = Base(seen)
        self._key = seen.key
        self._understood = understand(seen)
        self._pace = Pace()
        self._checking = Checking(
            self._key, self._base, services, wake=self._pace.wake, muted=weakly(self._muted)
        )
        self.queued = True
        """Whether `run` is yet to begin, as many do before it."""
        self._begun = False
        self.attempts = Attempts(services.clock.now())
        self._poking = Poking(self._key, services.around)
        self._writing = Writing(
            self._key, self._base, services, look=weakly(self._look), runs=weakly(self._runs)
        )
        self._deciding = Deciding(seen.key, self._base, services)
        self._taking_over = TakingOver(
            seen.key.uid, services, foreign=self._base.status.observed_generation is None
        )
        self.courier = Courier(
            self._key, services, on_news=self._pace.wake, muted=weakly(self._muted)
        )
        self._hearing = Hearing(seen.key.uid, services, self.courier, self._taking_over)
        self.courier.revise(revision_of(seen))
        self.courier.inspect(self._base.written)
        self._compared: tuple[Known, ...] | None = None
        """What the sink has open, if it is yet to be told again what the status knows."""

    @property
    def measuring(self) -> Measuring:
        """What is being measured."""
        return self._checking.measuring

    @property
    def policy(self) -> Policy | None:
        """The policy as its present generation says; None if it can't be understood."""
        return self._understood.policy

    def read_spec(self) -> PolicySpec | None:
        """The same as its author wrote it: parsed anew, since only texts need it."""
        return self.courier.spec_at(self._understood.generation)

    @property
    def confirmed(self) -> PolicyStatus:
        """The status as the API server has it."""
        return self._base.known

    @property
    def claimed(self) -> bool:
        """Whether this term has written the status; before that, nothing of it is acted on."""
        return self._writing.claimed

    @property
    def status(self) -> PolicyStatus:
        """The latest status, written or not."""
        return self._base.status

    @property
    def subject(self) -> Subject:
        """The newest version of the object."""
        return self._base.subject

    def wake(self) -> None:
        """Something may be due."""
        self._pace.wake()

    def stop(self) -> None:
        """Starts nothing more; `run` ends soon."""
        self.measuring.discard()
        self._pace.stop()

    def see(self, subject: Subject) -> None:
        """A version of the policy came by."""
        self._look(subject)
        self.wake()

    def source_changed(self, source: str) -> None:
        """What a source says may have changed: its checks are measured again."""
        if self.policy is not None:
            self._checking.demands.of_source(self.policy, source)
            self.wake()

    def mute_changed(self) -> None:
        """What a mute silences may have changed: every check is measured again."""
        self._checking.demands.of_mute(self.policy)
        self.wake()

    def heal(self, rows: tuple[Known, ...]) -> None:
        """The sink has these findings of ours open; the next decision looks at them.

        Then the sink is told again what the confirmed status knows of findings.
        """
        self._taking_over.heal(rows)
        self._compared = rows
        self.wake()

    @property
    def unanswered(self) -> bool:
        """Whether the sink was asked what it has open, and could not say."""
        return self._taking_over.unanswered

    async def run(self) -> None:
        """Works until cancelled, or stopped: then it has told what could be told."""
        place = await self._services.beginning.enter()
        self.queued = False
        courier: asyncio.Task[None] | None = None
        try:
            if self._pace.stopping:
                return
            courier = asyncio.create_task(self._carry(), name=f"courier of {self._key.name}")
            while await self._pace.turn():
                await self._turn_safely()
                place.turned(measuring=bool(self.measuring), answered=self.measuring.answered)
            place.leave()
            self.courier.finish()
            # A channel that rests is not waited for: what others were told is to be written.
            await asyncio.wait({courier}, timeout=FINISHING_SECONDS)
            if self.courier.news.delivered:
                await self._turn_safely()
        finally:
            place.leave()
            self.measuring.discard()
            self._pace.close()
            if courier is not None:
                courier.cancel()

    async def _carry(self) -> None:
        """What the courier calls back is there for as long as it runs."""
        await self.courier.run()

    @property
    def _measured(self) -> Policy | None:
        """The policy, if its checks are to be measured: a stop has no time for what hangs."""
        return None if self._pace.stopping else self._understood.measured

    async def _turn_safely(self) -> None:
        try:
            await self._turn()
            self.attempts.succeeded()
        except GoneError:
            self._checking.demands.unmet()
            self.attempts.failed(self._services.clock.now())
            _log.info("policy is gone", extra=self._names())
        except StoreError as error:
            self._did_not_happen(error)
        except Exception as error:  # noqa: BLE001 - one policy's bug must not end its life
            _log.exception("a turn failed", extra=self._names())
            self._did_not_happen(error)

    async def _turn(self) -> None:
        if not self._begun and not await self._begin():
            self.wake()  # the spec has changed meanwhile
            return
        if self._measured is not None:
            await self._taking_over.ask_once()
        understood, policy = self._understood, self._measured
        runs = await self._checking.ended(policy) if policy is not None else ()
        run_now = self._checking.demands.answered(still_measuring=bool(self.measuring))
        feedback = await self._hearing.hear(self._measured, self._base.status, runs, run_now)
        if self._understood.generation != understood.generation:
            self.wake()  # what was measured belongs to a spec that is no more
            return
        if runs or not self._rests(feedback):
            await self._conclude(understood, runs, feedback)
        if self._understood.measured is not None:  # else each alarm would set off the next one
            self._checking.alarm()

    async def _conclude(
        self, understood: Understood, runs: Sequence[Run], feedback: Feedback
    ) -> None:
        stands = await self._writing.write(lambda: self._decide(runs, feedback))
        if stands is None:
            self.wake()
            return
        self._deciding.stands(stands)
        if self._services.history is not None:
            self._services.history.note(self._key, understood, runs)
        self._happened(runs, feedback)

    async def _begin(self) -> bool:
        """Takes back what an earlier process said too long ago to be believed; whether it has."""
        stands = await self._writing.write(lambda: self._deciding.taken_back(self._understood))
        self._begun = stands is not None
        return self._begun

    def _decide(self, runs: Sequence[Run], feedback: Feedback) -> PolicyStatus:
        before = self._base.status.pending
        decided = self._deciding.decide(self._understood, runs, feedback)
        self.courier.chose(before, decided.pending)
        return decided

    def _rests(self, feedback: Feedback) -> bool:
        """Whether a decision without a run would change nothing, and nothing waits for a write."""
        return (
            self._compared is None
            and not self._writing.rides(self._base.status, self._services.clock.now())
            and self._deciding.rests(self._understood, feedback)
        )

    def _happened(self, runs: Sequence[Run], feedback: Feedback) -> None:
        """The decision stands: what it took in is done with, what it says is told."""
        self._hearing.heard(feedback)
        now, policy = self._services.clock.now(), self.policy
        if policy is not None:
            self._checking.demands.met(policy, runs, feedback.run_now, now)
        if not self.claimed:
            self._compared = None  # it knows of no finding that could be restated
            return
        # Also what an earlier process decided, and did not get to tell.
        self.courier.owe(self._base.written)
        if self.courier.reads and (policy is None or not speaks(policy, self._base.written, now)):
            self.courier.rest()
        self._poking.look(policy, self._base.written)
        if self._compared is not None and policy is not None:
            rows, self._compared = self._compared, None
            self.courier.restate(policy, self._understood.generation, now, rows)

    def _runs(self, now: datetime) -> Runs | None:
        policy = self._understood.measured
        return None if policy is None else self._checking.runs(policy, now)

    def _muted(self, check: str, now: datetime) -> bool:
        policy = self.policy
        return policy is not None and self._services.around.muted(self._key, policy, check, now)

    def _did_not_happen(self, error: Exception) -> None:
        retry = self.attempts.failed(self._services.clock.now())
        _log.warning(
            "the status could not be written; the run did not happen",
            extra=self._names() | {"error": str(error), "retry_seconds": retry},
        )
        self._checking.demands.unmet()
        self._pace.rest(retry)

    def _look(self, subject: Subject) -> None:
        """Takes note of a version; what is under way for an older spec is dropped."""
        before = self._base.written
        self._base.see(subject)
        if self._base.written is not before:
            self.courier.inspect(self._base.written)
            self._taking_over.distrust()
        newest = self._base.subject
        if newest.generation != self._understood.generation:
            self.measuring.discard()
            self._understood = understand(newest)
            self.attempts = Attempts(self._services.clock.now())
            self._pace.resume()
            self.courier.revise(revision_of(newest))

    def _names(self) -> dict[str, object]:
        return {"policy_namespace": self._key.namespace, "policy": self._key.name}
