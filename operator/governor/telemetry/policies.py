"""The series of policies and checks, written when they are scraped.

They are not kept in gauges because time alone changes them: a status past its
`validUntil` says Unknown, also when nothing runs any more that could update a gauge.

And they are written as text at once. There may be a hundred thousand of them: through the
client library's objects each costs some 10 µs a scrape, by a template a tenth of that.
Gauges read the same in Prometheus' text format and in OpenMetrics.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from governor.api.log import Entry, Target
from governor.api.status import CheckStatus, PolicyStatus
from governor.app.ports import ObjectKey
from governor.values.reasons import Verdict

UNKNOWN = "Unknown"
SUSPENDED = "Suspended"

CHECK_STATES = (*(str(verdict) for verdict in Verdict), UNKNOWN)
POLICY_STATES = (*CHECK_STATES, SUSPENDED)

_Pending = tuple[tuple[str, datetime], ...]
"""Outstanding targets of a log's entries, and since when."""

_HERE = "\0"
"""In a template: where the labels go. No name holds it."""


def _templates(metric: str, states: Iterable[str]) -> Mapping[str, str]:
    """State → its set of series: 1 for it, 0 for the others."""
    return {
        current: "".join(
            f'{metric}{{{_HERE},verdict="{state}"}} {float(state == current)}\n' for state in states
        )
        for current in states
    }


_OF_POLICY = _templates("governor_policy_verdict", POLICY_STATES)
_OF_CHECK = _templates("governor_check_verdict", CHECK_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a scrape needs of a policy; the status itself is let go."""

    labels: str
    """Its namespace and name, as they are written."""
    verdict: str
    valid_until: datetime | None
    checks: tuple[tuple[str, str, float | None], ...]
    """Name, verdict, value."""
    muted: int
    pending: _Pending

    def state(self, now: datetime) -> str:
        """The policy's verdict, as far as it can still be believed."""
        stale = self.valid_until is not None and now > self.valid_until
        return UNKNOWN if stale else self.verdict


class PolicySeries:
    """Writes the series of every known policy; from another thread, too."""

    def __init__(self, *, now: Callable[[], datetime], most_checks: int) -> None:
        """Knows no policy yet.

        Args:
            now: the wall clock.
            most_checks: so many checks at most get series of their own.
        """
        self._now = now
        self._most_checks = most_checks
        self._policies: dict[str, _Seen] = {}
        self._left: dict[str, _Pending] = {}
        self._ticked: datetime | None = None

    def evaluated(self, key: ObjectKey, status: PolicyStatus) -> None:
        """Replaces what is known of a policy."""
        self._policies[key.uid] = _Seen(
            labels=f'namespace="{_escaped(key.namespace)}",policy="{_escaped(key.name)}"',
            verdict=verdict if (verdict := status.verdict or "") in _OF_POLICY else UNKNOWN,
            valid_until=status.valid_until,
            checks=tuple(_check(check) for check in status.checks),
            muted=status.summary.muted,
            pending=_outstanding(status.pending),
        )

    def forgotten(self, key: ObjectKey) -> None:
        """Drops every series of a policy."""
        self._policies.pop(key.uid, None)
        if not self._policies:
            self._ticked = None

    def left(self, key: ObjectKey, pending: Sequence[Entry]) -> None:
        """Replaces what is yet to be told of a policy that is gone."""
        if pending:
            self._left[key.uid] = _outstanding(pending)
        else:
            self._left.pop(key.uid, None)

    def clear(self) -> None:
        """Drops every series."""
        self._policies.clear()
        self._left.clear()
        self._ticked = None

    def ticked(self) -> None:
        """A timer of some policy fired."""
        self._ticked = self._now()

    def text(self) -> str:
        """The series, now: whole lines."""
        return "".join(self._lines(tuple(self._policies.values()), self._now()))

    def _lines(self, policies: Iterable[_Seen], now: datetime) -> Iterator[str]:
        yield _head(
            "governor_policy_verdict",
            "1 for the policy's verdict, 0 for the others. Unknown: not evaluated, or not lately.",
        )
        for seen in policies:
            yield _OF_POLICY[seen.state(now)].replace(_HERE, seen.labels)
        yield _head(
            "governor_policy_muted_checks",
            "Checks of a policy that a GovernanceMute silences. No sample where there are none.",
        )
        for seen in policies:
            if seen.muted:
                yield _sample("governor_policy_muted_checks", seen.muted, seen.labels)
        yield from _pending((*(seen.pending for seen in policies), *self._left.copy().values()))
        yield from self._of_checks(policies, now)
        yield from _moment(
            "governor_last_tick_timestamp_seconds",
            "When a timer last fired. No sample without policies: none can fire.",
            self._ticked,
        )

    def _of_checks(self, policies: Iterable[_Seen], now: datetime) -> Iterator[str]:
        values, verdicts = [], []
        left, dropped = self._most_checks, 0
        for seen in policies:
            blurred = seen.state(now) in (UNKNOWN, SUSPENDED)
            for name, verdict, value in seen.checks[:left]:
                labels = f'{seen.labels},check="{name}"'
                verdicts.append(_OF_CHECK[UNKNOWN if blurred else verdict].replace(_HERE, labels))
                if value is not None and not blurred:
                    values.append(_sample("governor_check_value", value, labels))
            dropped += max(len(seen.checks) - left, 0)
            left = max(left - len(seen.checks), 0)
        yield _head(
            "governor_check_value",
            "The latest value of a check. No sample where there is none, or an outdated one.",
        )
        yield from values
        yield _head(
            "governor_check_verdict",
            "1 for the verdict of the check's latest run, 0 for the others.",
        )
        yield from verdicts
        yield _head(
            "governor_checks_without_series",
            "Checks beyond GOVERNOR_METRICS_CHECKS, which have no series of their own.",
        )
        yield _sample("governor_checks_without_series", dropped)


def _check(check: CheckStatus) -> tuple[str, str, float | None]:
    return _escaped(check.name), str(check.verdict), check.value


def _outstanding(log: Iterable[Entry]) -> _Pending:
    return tuple((target, entry.decided_at) for entry in log for target in entry.targets)


def _pending(logs: Iterable[_Pending]) -> Iterator[str]:
    outstanding = [pending for log in logs for pending in log]
    counts = Counter(target for target, _ in outstanding)
    yield _head(
        "governor_pending",
        "Transitions that a target was not told yet, of all policies, deleted ones too.",
    )
    for target in (*Target, *sorted(counts.keys() - set(Target))):
        yield _sample("governor_pending", counts[target], f'target="{_escaped(target)}"')
    yield from _moment(
        "governor_pending_oldest_timestamp_seconds",
        "When the oldest of them was decided. No sample where there is none.",
        min((decided for _, decided in outstanding), default=None),
    )


def _moment(name: str, documentation: str, moment: datetime | None) -> Iterator[str]:
    yield _head(name, documentation)
    if moment is not None:
        yield _sample(name, moment.timestamp())


def _head(name: str, documentation: str) -> str:
    return f"# HELP {name} {documentation}\n# TYPE {name} gauge\n"


def _sample(name: str, value: float, labels: str = "") -> str:
    where = f"{{{labels}}}" if labels else ""
    return f"{name}{where} {float(value)}\n"  # finite, as all that is judged


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
