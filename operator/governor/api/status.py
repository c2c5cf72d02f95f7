"""GovernancePolicy.status: what is known, and the log of what is yet to be told."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from governor.api.conditions import Condition
from governor.values.model import StatusModel
from governor.values.objectives import Direction
from governor.values.reasons import Reason, Verdict


class FindingRef(StatusModel):
    """An open finding."""

    id: UUID
    event_type: str
    opened_at: datetime


class LastFinding(StatusModel):
    """The latest finding that was resolved."""

    id: UUID
    event_type: str
    opened_at: datetime
    resolved_at: datetime
    reason: str


class CheckStatus(StatusModel):
    """One check's latest run, and the life of its finding."""

    name: str
    verdict: Verdict = Verdict.NO_DATA
    reason: Reason = Reason.NOT_YET_EVALUATED
    message: str = ""
    value: float | None = None
    gap: float | None = None
    samples: int | None = None
    last_evaluated: datetime | None = None
    since: datetime | None = None
    digest: str = ""
    violations: int = 0
    successes: int = 0
    blind_since: datetime | None = None
    """Since when the check can't be measured, as the CheckBlind Event told; none while it can."""
    blind_runs: int = 0
    counted_slot: datetime | None = None
    blind_slot: datetime | None = None
    finding: FindingRef | None = None
    last_finding: LastFinding | None = None
    blind: FindingRef | None = None
    last_blind: LastFinding | None = None


class PolicyFinding(StatusModel):
    """A finding of the whole policy: self failure, data gap."""

    event_type: str
    finding: FindingRef | None = None
    last_finding: LastFinding | None = None


class Summary(StatusModel):
    """How many checks have which verdict."""

    ok: int = 0
    warning: int = 0
    violated: int = 0
    no_data: int = 0
    error: int = 0


class SloSummary(StatusModel):
    """The promql checks together."""

    violated: int = 0
    no_data: int = 0
    ok: int = 0
    error: int = 0
    all_no_data: bool = False
    status: Literal["violated", "no_data", "error", "partial_data", "ok"]


class Transition(StrEnum):
    """What an entry of the log tells."""

    OPEN = "open"
    RESOLVE = "resolve"
    BLIND = "blind"
    MEASURABLE = "measurable"


class Target(StrEnum):
    """Whom an entry is yet to be told."""

    SINK = "sink"
    EVENT = "event"


class EntryObjective(StatusModel):
    """The objective that was judged by."""

    direction: Direction
    red_line: float
    target: float | None = None


class Entry(StatusModel):
    """One transition that is yet to be told, with all that can't be rebuilt later."""

    id: UUID
    """Transition id; derives from the finding, or for blind and measurable from the check."""
    transition: Transition
    check: str = ""
    """Empty for findings of the whole policy."""
    event_type: str = ""
    """Empty for blind and measurable, which belong to no finding."""
    finding: UUID | None = None
    opened_at: datetime | None = None
    decided_at: datetime
    resolved_reason: str | None = None
    generation: int
    severity: str
    reason: str
    message: str = ""
    value: float | None = None
    gap: float | None = None
    samples: int | None = None
    objective: EntryObjective | None = None
    impact: str = "{}"
    """JSON object: `details.impact`, numbers and words."""
    lists: str = "{}"
    """JSON object of lists: playbook ids, errors of checks; cut, with a count."""
    folded: int = 0
    targets: tuple[Target, ...]


class PolicyStatus(StatusModel):
    """The whole status of a policy."""

    observed_generation: int | None = None
    verdict: Literal["Violated", "Error", "NoData", "Warning", "Ok", "Suspended"] | None = None
    last_evaluated: datetime | None = None
    valid_until: datetime | None = None
    last_handled_run_now: str | None = None
    summary: Summary = Summary()
    slo: SloSummary | None = None
    conditions: tuple[Condition, ...] = ()
    checks: tuple[CheckStatus, ...] = ()
    findings: tuple[PolicyFinding, ...] = ()
    pending: tuple[Entry, ...] = ()
