"""What is to be measured out of turn, and which request that answers."""

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from governor.api.status import PolicyStatus
from governor.app.retrying import Retries
from governor.app.subjects import Subject
from governor.domain.episodes import Run
from governor.domain.policies import Policy


class Demands:
    """The checks of one policy that somebody wants measured before their slot.

    A new generation, a run-now request, a changed source or mute, the retry of an Error.
    """

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._started: set[str] = set()
        """Wanted, and being measured; nothing stands yet."""
        self._retries = Retries()
        self._resumed = False
        self._generation: int | None = None
        self._answering: str | None = None
        self._bell: asyncio.TimerHandle | None = None

    def of_source(self, policy: Policy, source: str) -> None:
        """What a source says may have changed: its checks are wanted."""
        self._wanted |= {c.name for c in policy.checks if c.probe.source_ref.name == source}

    def of_mute(self, policy: Policy | None) -> None:
        """A mute is another now: what it held back is done on a run, so all is wanted."""
        self._wanted |= {check.name for check in policy.checks} if policy else set()

    def out_of_turn(
        self, subject: Subject, status: PolicyStatus, policy: Policy, now: datetime
    ) -> frozenset[str]:
        """The checks wanted now; a new generation and a run-now want every check, once."""
        everything = {check.name for check in policy.checks}
        self._wanted &= everything
        if not self._resumed:
            self._resumed = True
            self._retries.resume(policy, status)
        if subject.generation not in (status.observed_generation, self._generation):
            self._generation = subject.generation
            self._wanted |= everything
        request = subject.run_now
        if request is not None and request not in (status.last_handled_run_now, self._answering):
            self._answering = request
            self._wanted |= everything
        return frozenset(self._wanted) | self._retries.due(now)

    @property
    def wanted(self) -> AbstractSet[str]:
        """The checks whose measurement is yet to begin; retries are none of these."""
        return self._wanted

    def started(self, checks: Iterable[str]) -> None:
        """These are being measured."""
        begun = self._wanted.intersection(checks)
        self._started |= begun
        self._wanted -= begun

    def answered(self, *, still_measuring: bool) -> str | None:
        """The run-now request that all wanted measurements together have answered."""
        return None if still_measuring or self._wanted else self._answering

    def met(self, policy: Policy, runs: Sequence[Run], request: str | None, now: datetime) -> None:
        """A decision on these runs stands."""
        if request is not None:
            self._answering = None
        self._started.difference_update(run.check for run in runs)
        self._retries.note(policy, runs, now)

    def unmet(self) -> None:
        """What was measured did not come to a decision: it is wanted again."""
        self._generation = self._answering = None
        self._wanted |= self._started
        self._started.clear()

    def next_retry(self, now: datetime, busy: Container[str]) -> datetime | None:
        """When the next retry of a check that is not busy comes; None if there is none."""
        wait = self._retries.wait(now, busy)
        return None if wait is None else now + wait

    def alarm(self, now: datetime, ring: Callable[[], None], busy: Container[str]) -> None:
        """Rings when the next retry comes, and only then; but for a check that is busy.

        The end of a measurement that is under way needs no bell: until then its retry is past.
        """
        if self._bell is not None:
            self._bell.cancel()
        wait = self._retries.wait(now, busy)
        if wait is not None:
            loop = asyncio.get_running_loop()
            self._bell = loop.call_later(wait.total_seconds(), ring)
