"""Evaluates every policy that is overdue, whoever failed to.

Ticks come through kopf. This needs nothing but the runners.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from governor.app.apart import Apart
from governor.app.ports import Clock, ObjectKey, Telemetry
from governor.app.resources import forever
from governor.app.running import PolicyRunner
from governor.app.scheduling import spread
from governor.domain.overdue import IN_VAIN, Standing, calm_for, excused, waiting_since
from governor.domain.policies import Policy

SWEEP_SECONDS = 10.0
NAMED = 5
"""So many policies are named in a line of the log."""

_log = logging.getLogger(__name__)

OnStuck = Callable[[Sequence[ObjectKey]], None]
"""Called after each sweep with the policies that a restart only could help."""


@dataclass(slots=True, kw_only=True)
class Episode:
    """A policy that is overdue."""

    key: ObjectKey
    since: float
    """Monotonic seconds: of the first sweep that found it so, or the last to excuse it."""


@dataclass(frozen=True, slots=True)
class _Calm:
    """For how long a policy need not be looked at."""

    policy: Policy | None
    since: datetime
    until: datetime
    monotonic: float
    """The end in monotonic seconds: neither clock may have passed it."""

    def lasts(self, runner: PolicyRunner, now: datetime, monotonic: float) -> bool:
        same = runner.policy is self.policy
        return same and self.since <= now < self.until and monotonic < self.monotonic


class Sweeper:
    """Looks at every runner again and again."""

    def __init__(
        self,
        runners: Iterable[PolicyRunner],
        *,
        clock: Clock,
        telemetry: Telemetry,
        on_stuck: OnStuck,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is looked at before `run`.

        Args:
            runners: those that run now; asked at every sweep.
            clock: for slots.
            telemetry: told of what is overdue.
            on_stuck: told which policies stay overdue though swept.
            monotonic: seconds that never jump.
        """
        self._runners = runners
        self._clock = clock
        self._telemetry = telemetry
        self._on_stuck = on_stuck
        self._monotonic = monotonic
        self._episodes: dict[str, Episode] = {}
        self._calms: dict[str, _Calm] = {}
        self._apart = Apart("can't be looked at: whether it is overdue is not known")

    async def run(self) -> None:
        """Sweeps until cancelled."""
        try:
            await forever(self.sweep, SWEEP_SECONDS)
        finally:  # what is overdue is another's to say
            self._telemetry.overdue(now=0, begun=0)
            self._on_stuck(())

    async def sweep(self) -> None:
        """Wakes what is overdue, counts it, and says which episodes begin or end."""
        before, self._episodes = self._episodes, {}
        calms, self._calms = self._calms, {}
        async for runner in spread(self._runners):
            key = runner.subject.key
            calm = calms.get(key.uid)
            if calm is not None and calm.lasts(runner, self._clock.now(), self._monotonic()):
                self._calms[key.uid] = calm
                continue
            with self._apart.each(key):
                self._look(runner, before)
        begun = [each.key for uid, each in self._episodes.items() if uid not in before]
        self._telemetry.overdue(now=len(self._episodes), begun=len(begun))
        if begun:
            _log.warning(
                "policies are overdue by two ticks, and are evaluated now",
                extra={"policies": len(begun), "first": _names(begun[:NAMED])},
            )
        if before and not self._episodes:
            _log.info("no policy is overdue any more")
        limit = self._monotonic() - IN_VAIN
        self._on_stuck([each.key for each in self._episodes.values() if each.since < limit])

    def _look(self, runner: PolicyRunner, before: dict[str, Episode]) -> None:
        now, standing = self._clock.now(), standing_of(runner)
        if waiting_since(standing, now) is None:
            calm = calm_for(standing, now)
            end = self._monotonic() + calm.total_seconds()
            self._calms[standing.uid] = _Calm(standing.policy, now, now + calm, end)
            return
        runner.wake()
        if runner.subject.deleting:  # kopf has ended its timer: this is what wakes it now
            return
        episode = before.get(standing.uid)
        if episode is None or excused(standing, now):
            episode = Episode(key=runner.subject.key, since=self._monotonic())
        self._episodes[standing.uid] = episode


def standing_of(runner: PolicyRunner) -> Standing:
    """How a policy stands."""
    return Standing(
        uid=runner.subject.key.uid,
        policy=runner.policy,
        status=runner.status,
        since=runner.attempts.since,
        under_way=runner.measuring.under_way,
        failed_at=runner.attempts.failed_at,
        queued=runner.queued,
    )


def _names(keys: Sequence[ObjectKey]) -> str:
    return ", ".join(f"{key.namespace}/{key.name}" for key in keys)
