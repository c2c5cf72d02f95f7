"""A policy with every default applied: what the rest of the domain works with."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from governor.api.acting import DispatchSpec
from governor.api.notify import NotifySpec
from governor.api.policy import CheckSpec, ObjectiveSpec, PolicySpec
from governor.errors import SpecError
from governor.probes.base import Probe
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.values.durations import seconds
from governor.values.objectives import Direction, Objective
from governor.values.severities import Severity

INTERVAL = "1h"
SEVERITY: Severity = "warning"
ERRORED_CHECKS = 3
BLIND_AFTER = 3
MINIMUM_SEVERITY: Severity = "warning"
REMINDER_INTERVAL = "4h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """The work item that a finding becomes."""

    executor: str
    max_attempts: int
    requires_approval: bool
    suppress_while_open: bool
    """Reminders rest while the work item is open, or lately succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Whom findings are told."""

    channels: tuple[str, ...]
    minimum_severity: Severity
    reminder_interval: timedelta
    resolved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One probe, one objective, and when a finding opens and ends."""

    name: str
    probe: Probe
    objective: Objective
    severity: Severity
    interval: int
    """Seconds between slots."""
    failure_threshold: int
    """Violated runs in a row before a finding opens."""
    success_threshold: int
    """Ok or Warning runs in a row before it is resolved."""
    digest: str
    """Changes with the check's spec, and then its counts start anew."""
    dispatch: Dispatch | None = None

    @property
    def event_type(self) -> str:
        """The `event_type` of this check's findings."""
        return type(self.probe).event_type(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is tolerated."""

    suspended: bool
    checks: tuple[Check, ...]
    errored_checks: int
    """So many checks in Error are a self failure."""
    blind_after: int
    """So many runs in a row without a number make a check blind."""
    mutes: Literal["Allowed", "Forbidden"] | None = None
    """Whether a mute may silence it. None: all but what is critical."""
    enforced: bool = False
    """Drifted, unused playbooks are deprecated, not only listed."""
    notify: Notify | None = None

    @property
    def shortest_interval(self) -> int:
        """Seconds; the pace at which the status can be believed."""
        return min(check.interval for check in self.checks)


NONE_KNOWN = Policy(
    suspended=False, checks=(), errored_checks=ERRORED_CHECKS, blind_after=BLIND_AFTER
)
"""In place of a policy whose spec can't be understood."""


def resolve(spec: PolicySpec) -> Policy:
    """Applies every default.

    Raises:
        SpecError: a check has no probe, several, or no objective where its probe
            needs one. The API server's rules refuse these already.
    """
    self_failure = spec.self_failure
    return Policy(
        suspended=bool(spec.suspend),
        checks=tuple(_check(check, spec.interval or INTERVAL) for check in spec.checks),
        errored_checks=(self_failure and self_failure.errored_checks) or ERRORED_CHECKS,
        blind_after=(self_failure and self_failure.blind_after) or BLIND_AFTER,
        enforced=spec.enforcement == "Enforce",
        notify=_notify(spec.notify) if spec.notify else None,
        mutes=spec.mutes,
    )


def _notify(spec: NotifySpec) -> Notify:
    return Notify(
        channels=tuple(channel.name for channel in spec.channels),
        minimum_severity=spec.minimum_severity or MINIMUM_SEVERITY,
        reminder_interval=timedelta(seconds=seconds(spec.reminder_interval or REMINDER_INTERVAL)),
        resolved=spec.resolved is not False,
    )


def _check(spec: CheckSpec, interval: str) -> Check:
    try:
        probe = spec.probe
    except ValueError as error:
        raise SpecError(str(error)) from error
    return Check(
        name=spec.name,
        probe=probe,
        objective=_objective(spec.name, spec.objective, probe.OBJECTIVE),
        severity=spec.severity or SEVERITY,
        interval=seconds(spec.interval or interval),
        failure_threshold=spec.failure_threshold or 1,
        success_threshold=spec.success_threshold or 1,
        digest=_digest(spec),
        dispatch=_dispatch(spec.dispatch, probe) if spec.dispatch else None,
    )


def _dispatch(spec: DispatchSpec, probe: Probe) -> Dispatch:
    suppress = spec.suppress_while_open
    return Dispatch(
        executor=spec.executor,
        max_attempts=spec.max_attempts or 1,
        requires_approval=spec.requires_approval is not False,
        suppress_while_open=(
            isinstance(probe, KnowledgeDegradation) if suppress is None else suppress
        ),
    )


def _objective(name: str, spec: ObjectiveSpec | None, default: Objective | None) -> Objective:
    """The probe's objective, overridden field by field."""
    spec = spec or ObjectiveSpec()
    direction: Direction | None = spec.direction or (default.direction if default else None)
    red_line = default.red_line if default and spec.red_line is None else spec.red_line
    if direction is None or red_line is None:
        raise SpecError(f"check {name!r}: set objective.direction and objective.redLine")
    return Objective(
        direction=direction,
        red_line=red_line,
        target=default.target if default and spec.target is None else spec.target,
        minimum_samples=spec.minimum_samples or (default.minimum_samples if default else 1),
    )


def _digest(spec: CheckSpec) -> str:
    text = json.dumps(spec.model_dump(mode="json", exclude_none=True), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
