"""Which checks of one policy are measured now, and what has come of those under way."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from governor.app.bases import Base
from governor.app.demands import Demands
from governor.app.measuring import Measuring
from governor.app.ports import ObjectKey
from governor.app.services import Services
from governor.domain.episodes import Run
from governor.domain.policies import Policy
from governor.domain.schedules import due, next_run
from governor.domain.staleness import believable
from governor.domain.writes import Runs


class Checking:
    """One policy's measurements: by its slots, and out of turn on demand."""

    def __init__(
        self,
        key: ObjectKey,
        base: Base,
        services: Services,
        *,
        wake: Callable[[], None],
        muted: Callable[[str, datetime], bool],
    ) -> None:
        """Measures nothing yet.

        Args:
            key: the policy.
            base: says when each check was last evaluated.
            services: what the runs of all policies share.
            wake: called when there is something to do.
            muted: whether a mute silences a check at a time.
        """
        self._key = key
        self._base = base
        self._services = services
        self._wake = wake
        self._muted = muted
        self.demands = Demands()
        self.measuring = Measuring(key.namespace, services.measurer, wake)

    async def ended(self, policy: Policy) -> Sequence[Run]:
        """Starts what is due; the runs that have ended, of the policy as it is."""
        # Nothing is awaited until all is started: what is started is of the present spec.
        now = self._services.clock.now()
        self._base.hold(believable(self._base.status, policy, now))
        status = self._base.status
        if any(c.muted_until and not self._muted(c.name, now) for c in status.checks):
            self.demands.of_mute(policy)  # it may have ended while no process ran
        extra = self.demands.out_of_turn(self._base.subject, status, policy, now)
        todo = [
            each
            for each in due(self._key.uid, policy, status, now, extra=extra)
            if each.check.name not in self.measuring
        ]
        for each in todo:
            if each.scheduled:
                self._services.telemetry.late(max(0.0, (now - each.slot).total_seconds()))
        self.measuring.start(todo, now)
        self.demands.started(each.check.name for each in todo)
        runs = await self.measuring.ended()
        if not self.demands.wanted <= self.measuring.under_way.keys():
            self._wake()  # it was under way when it was wanted, and that has ended
        return runs

    def runs(self, policy: Policy, now: datetime) -> Runs:
        """When this policy's checks are measured next, and since when some are."""
        under_way = self.measuring.under_way
        retry = self.demands.next_retry(now, under_way)
        slot = next_run(self._key.uid, policy, now)
        return Runs(
            interval=timedelta(seconds=policy.shortest_interval),
            coming=min(slot, retry) if retry else slot,
            begun=min(under_way.values(), default=None),
        )

    def alarm(self) -> None:
        """Wakes when the next retry comes."""
        self.demands.alarm(self._services.clock.now(), self._wake, self.measuring.under_way)
