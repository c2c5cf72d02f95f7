"""What Alertmanager is told: every finding that is open now, and what ended lately.

Alertmanager is level-triggered: it is told again and again, and never by the log
(protocol, rule 24).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from governor.api.log import Transition
from governor.api.policy import PolicySpec
from governor.api.status import FindingRef, LastFinding, PolicyStatus
from governor.domain.acting import loud
from governor.domain.entries import Decision, of_finding
from governor.domain.muting import honoured
from governor.domain.notices import Notice, notice
from governor.domain.places import Place, places
from governor.domain.policies import Policy
from governor.domain.surroundings import Mute
from governor.values.severities import at_least

FIRES_FOR = timedelta(minutes=5)
"""So long an alert fires if nothing more is heard of it: five rounds."""

RESOLVED_FOR = timedelta(minutes=15)
"""So long it is repeated that an alert is resolved, as Prometheus does."""


Identity = frozenset[tuple[str, str]]
"""An alert's labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert, firing or resolved."""

    labels: Mapping[str, str]
    """Its identity: `alertname`, `cluster`, `namespace`, `policy`, `check`, `severity`."""
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    """In the past: it is resolved."""

    @property
    def identity(self) -> Identity:
        """What it is known by, from round to round."""
        return frozenset(self.labels.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A policy as alerts are made of it; its status is one that the API server confirmed."""

    cluster: str
    namespace: str
    name: str
    uid: str
    spec: Callable[[], PolicySpec | None]
    """Reads it: most policies have nothing to tell, and need no texts."""
    policy: Policy
    status: PolicyStatus
    mutes: Sequence[Mute]


def alerts(subject: Subject, now: datetime) -> Iterator[Alert]:
    """What fires for a policy, and what has ended in the last 15 minutes.

    Only what people were told of; a suspended policy's alerts go on.
    """
    notify, policy, status = subject.policy.notify, subject.policy, subject.status
    if notify is None:
        return
    muting = honoured(subject.mutes, policy, now)
    firing = {
        alert.identity: alert
        for place in loud(policy, status, muting)
        if place.finding is not None
        and place.finding.last_told_at is not None
        and at_least(place.severity, notify.minimum_severity)
        for alert in [_alert(subject, place, place.finding, now, now + FIRES_FOR)]
    }
    yield from firing.values()
    for place in places(policy, status):
        last = place.last
        if last is not None and _ended_lately(last, now):
            alert = _alert(subject, place, last, now, min(last.resolved_at, now))
            if alert.identity not in firing:
                yield alert


def speaks(policy: Policy, status: PolicyStatus, now: datetime) -> bool:
    """Whether anything is told of a policy now: by its log, or as an alert."""
    return bool(status.pending) or any(
        place.finding is not None or (place.last is not None and _ended_lately(place.last, now))
        for place in places(policy, status)
    )


def _ended_lately(last: LastFinding, now: datetime) -> bool:
    return last.last_told_at is not None and now - last.resolved_at <= RESOLVED_FOR


def _alert(
    subject: Subject, place: Place, finding: FindingRef, now: datetime, ends_at: datetime
) -> Alert:
    labels = {
        "alertname": finding.event_type,
        "cluster": subject.cluster,
        "namespace": subject.namespace,
        "policy": subject.name,
        "check": place.check,
        "severity": place.severity,
    }
    return Alert(
        # A label without a value is no label.
        labels={name: value for name, value in labels.items() if value},
        annotations=_annotations(_told(subject, place, finding, now)),
        starts_at=finding.opened_at,
        ends_at=max(ends_at, finding.opened_at),
    )


def _told(subject: Subject, place: Place, finding: FindingRef, now: datetime) -> Notice:
    decision = Decision(
        policy_uid=subject.uid, generation=subject.status.observed_generation or 0, at=now
    )
    entry = of_finding(
        decision, finding, place.check, place.evidence, Transition.REMINDER, targets=()
    )
    return notice(
        entry,
        cluster=subject.cluster,
        namespace=subject.namespace,
        policy=subject.name,
        spec=subject.spec(),
    )


def _annotations(told: Notice) -> dict[str, str]:
    """What changes from round to round, and what a person needs."""
    what = told.check or told.event_type
    annotations = {
        "summary": f"{told.namespace}/{told.policy}: {what}",
        "description": told.message,
        "value": _number(told.value),
        "red_line": _number(told.red_line),
        "target": _number(told.target),
        "next_action": told.next_action,
        "hint": told.hint,
        "owner": told.human_owner,
        "finding": str(told.finding),
        "command": told.command,
    }
    return {name: value for name, value in annotations.items() if value}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
