"""Checks in Error are measured again before their turn, ever more seldom."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from governor.domain.episodes import Run
from governor.domain.policies import Policy
from governor.domain.schedules import retry_delay
from governor.values.outcomes import Fault


@dataclass(frozen=True, slots=True)
class _Retry:
    attempt: int
    at: datetime | None
    """None: the check's next slot is soon enough."""


class Retries:
    """When each check in Error of a policy is next retried. Lives in memory only."""

    def __init__(self) -> None:
        self._retries: dict[str, _Retry] = {}

    def due(self, now: datetime) -> frozenset[str]:
        """The checks whose retry has come."""
        return frozenset(
            name for name, retry in self._retries.items() if retry.at and retry.at <= now
        )

    def wait(self, now: datetime) -> timedelta | None:
        """How long until the next retry; None if there is none."""
        earliest = min((r.at for r in self._retries.values() if r.at), default=None)
        return None if earliest is None else max(earliest - now, timedelta(0))

    def note(self, policy: Policy, runs: Iterable[Run], now: datetime) -> None:
        """Learns from runs: an Error is retried, anything else is not."""
        checks = {check.name: check for check in policy.checks}
        self._retries = {n: r for n, r in self._retries.items() if n in checks}
        for run in runs:
            before = self._retries.pop(run.check, None)
            check = checks.get(run.check)
            if check is None or not isinstance(run.outcome, Fault):
                continue
            attempt = before.attempt + 1 if before else 0
            delay = retry_delay(run.outcome.reason, attempt, check.interval)
            # At the interval, the slot itself is the retry.
            soon = delay < timedelta(seconds=check.interval)
            self._retries[run.check] = _Retry(attempt, now + delay if soon else None)
