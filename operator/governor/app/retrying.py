"""Checks in Error are measured again before their turn, ever more seldom."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from governor.api.status import PolicyStatus
from governor.domain.episodes import Run
from governor.domain.policies import Check, Policy
from governor.domain.schedules import last_evaluated, retry_delay
from governor.values.outcomes import Fault
from governor.values.reasons import Reason, Verdict


@dataclass(frozen=True, slots=True)
class _Retry:
    attempt: int
    at: datetime | None
    """None: the check's next slot is soon enough."""


class Retries:
    """When each check in Error of a policy is next retried.

    How often it was retried lives in memory only: another process begins with the first delay.
    """

    def __init__(self) -> None:
        self._retries: dict[str, _Retry] = {}

    def resume(self, policy: Policy, status: PolicyStatus) -> None:
        """Takes up what an earlier process left in Error, or nothing would retry it."""
        known = {check.name: check for check in status.checks}
        for check in policy.checks:
            found = known.get(check.name)
            at = last_evaluated(found, check)
            if found is not None and at is not None and found.verdict is Verdict.ERROR:
                self._fail(check, found.reason, at, attempt=0)

    def due(self, now: datetime) -> frozenset[str]:
        """The checks whose retry has come."""
        return frozenset(
            name for name, retry in self._retries.items() if retry.at and retry.at <= now
        )

    def wait(self, now: datetime, busy: Container[str]) -> timedelta | None:
        """How long until the next retry of a check that is not busy; None if there is none."""
        free = (r.at for name, r in self._retries.items() if r.at and name not in busy)
        earliest = min(free, default=None)
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
            self._fail(check, run.outcome.reason, now, attempt)

    def _fail(self, check: Check, reason: Reason, at: datetime, attempt: int) -> None:
        delay = retry_delay(reason, attempt, check.interval)
        # At the interval, the slot itself is the retry.
        soon = delay < timedelta(seconds=check.interval)
        self._retries[check.name] = _Retry(attempt, at + delay if soon else None)
