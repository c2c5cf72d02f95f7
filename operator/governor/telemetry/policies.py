"""The series of policies and checks, computed when they are scraped.

They are not kept in gauges because time alone changes them: a status past its
`validUntil` says Unknown, also when nothing runs any more that could update a gauge.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from governor.api.log import Target
from governor.api.status import CheckStatus, PolicyStatus
from governor.app.ports import ObjectKey
from governor.values.reasons import Verdict

UNKNOWN = "Unknown"
SUSPENDED = "Suspended"

CHECK_STATES = (*(str(verdict) for verdict in Verdict), UNKNOWN)
POLICY_STATES = (*CHECK_STATES, SUSPENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a scrape needs of a policy; the status itself is let go."""

    namespace: str
    policy: str
    verdict: str
    valid_until: datetime | None
    checks: tuple[tuple[str, str, float | None], ...]
    """Name, verdict, value."""
    muted: int
    pending: tuple[tuple[str, datetime], ...]
    """Outstanding targets of the log's entries, and since when."""

    def state(self, now: datetime) -> str:
        """The policy's verdict, as far as it can still be believed."""
        stale = self.valid_until is not None and now > self.valid_until
        return UNKNOWN if stale else self.verdict


class PolicyCollector(Collector):
    """Yields the series of every known policy. Safe to scrape from another thread."""

    def __init__(self, *, now: Callable[[], datetime], most_checks: int) -> None:
        """Knows no policy yet.

        Args:
            now: the wall clock.
            most_checks: so many checks at most get series of their own.
        """
        self._now = now
        self._most_checks = most_checks
        self._policies: dict[str, _Seen] = {}
        self._ticked: datetime | None = None

    def evaluated(self, key: ObjectKey, status: PolicyStatus) -> None:
        """Replaces what is known of a policy."""
        self._policies[key.uid] = _Seen(
            namespace=key.namespace,
            policy=key.name,
            verdict=status.verdict or UNKNOWN,
            valid_until=status.valid_until,
            checks=tuple(_check(check) for check in status.checks),
            muted=status.summary.muted,
            pending=tuple((t, e.decided_at) for e in status.pending for t in e.targets),
        )

    def forgotten(self, key: ObjectKey) -> None:
        """Drops every series of a policy."""
        self._policies.pop(key.uid, None)
        if not self._policies:
            self._ticked = None

    def clear(self) -> None:
        """Drops every series."""
        self._policies.clear()
        self._ticked = None

    def ticked(self) -> None:
        """A timer of some policy fired."""
        self._ticked = self._now()

    def collect(self) -> Iterator[Metric]:
        """The series, now."""
        now = self._now()
        policies = tuple(self._policies.values())
        yield _verdicts_of_policies(policies, now)
        yield _muted(policies)
        yield from _pending(policies)
        yield from self._of_checks(policies, now)
        yield _moment(
            "governor_last_tick_timestamp_seconds",
            "When a timer last fired. No sample without policies: none can fire.",
            self._ticked,
        )

    def _of_checks(self, policies: Iterable[_Seen], now: datetime) -> Iterator[Metric]:
        values = GaugeMetricFamily(
            "governor_check_value",
            "The latest value of a check. No sample where there is none, or an outdated one.",
            labels=("namespace", "policy", "check"),
        )
        verdicts = GaugeMetricFamily(
            "governor_check_verdict",
            "1 for the verdict of the check's latest run, 0 for the others.",
            labels=("namespace", "policy", "check", "verdict"),
        )
        left, dropped = self._most_checks, 0
        for seen in policies:
            state = seen.state(now)
            for name, verdict, value in seen.checks[:left]:
                labels = (seen.namespace, seen.policy, name)
                blurred = state in (UNKNOWN, SUSPENDED)
                _state_set(verdicts, labels, CHECK_STATES, UNKNOWN if blurred else verdict)
                if value is not None and not blurred:
                    values.add_metric(labels, value)
            dropped += max(len(seen.checks) - left, 0)
            left = max(left - len(seen.checks), 0)
        yield values
        yield verdicts
        yield GaugeMetricFamily(
            "governor_checks_without_series",
            "Checks beyond GOVERNOR_METRICS_CHECKS, which have no series of their own.",
            value=dropped,
        )


def _check(check: CheckStatus) -> tuple[str, str, float | None]:
    return check.name, str(check.verdict), check.value


def _verdicts_of_policies(policies: Iterable[_Seen], now: datetime) -> Metric:
    family = GaugeMetricFamily(
        "governor_policy_verdict",
        "1 for the policy's verdict, 0 for the others. Unknown: not evaluated, or not lately.",
        labels=("namespace", "policy", "verdict"),
    )
    for seen in policies:
        _state_set(family, (seen.namespace, seen.policy), POLICY_STATES, seen.state(now))
    return family


def _state_set(
    family: GaugeMetricFamily, labels: tuple[str, ...], states: Iterable[str], current: str
) -> None:
    for state in states:
        family.add_metric((*labels, state), state == current)


def _muted(policies: Iterable[_Seen]) -> Metric:
    family = GaugeMetricFamily(
        "governor_policy_muted_checks",
        "Checks of a policy that a GovernanceMute silences. No sample where there are none.",
        labels=("namespace", "policy"),
    )
    for seen in policies:
        if seen.muted:
            family.add_metric((seen.namespace, seen.policy), seen.muted)
    return family


def _pending(policies: Iterable[_Seen]) -> Iterator[Metric]:
    outstanding = [pending for seen in policies for pending in seen.pending]
    counts = Counter(target for target, _ in outstanding)
    family = GaugeMetricFamily(
        "governor_pending",
        "Transitions in the logs of all policies that a target was not told yet.",
        labels=("target",),
    )
    for target in (*Target, *sorted(counts.keys() - set(Target))):
        family.add_metric((target,), counts[target])
    yield family
    yield _moment(
        "governor_pending_oldest_timestamp_seconds",
        "When the oldest of them was decided. No sample where there is none.",
        min((decided for _, decided in outstanding), default=None),
    )


def _moment(name: str, documentation: str, moment: datetime | None) -> Metric:
    family = GaugeMetricFamily(name, documentation)
    if moment is not None:
        family.add_metric((), moment.timestamp())
    return family
