"""The life of one check's finding: counted run by run, opened, resolved.

`Violated` adds to the run of violations, `Ok` and `Warning` to the run of
successes; `Error` and `NoData` change neither, open nothing and close nothing.
A slot counts once, whatever reruns it (protocol, rule 12).
"""

from dataclasses import dataclass
from datetime import datetime

from governor.api.log import Entry, Transition
from governor.api.status import CheckStatus, FindingRef, LastFinding
from governor.domain.entries import (
    Decision,
    Evidence,
    open_finding,
    opened,
    resolved,
    rounded,
    visibility,
)
from governor.domain.judging import Judgement, judge
from governor.domain.policies import Check
from governor.values.outcomes import Measurement, Outcome
from governor.values.reasons import Reason, Verdict

RECOVERED = "Recovered"
CHECK_REMOVED = "CheckRemoved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One check was measured."""

    check: str
    slot: datetime
    """The slot that the run stands for."""
    at: datetime
    """When it was measured, and never before its slot."""
    outcome: Outcome
    seconds: float = 0.0
    """How long measuring took."""


Step = tuple[CheckStatus, tuple[Entry, ...]]


def advance(
    decision: Decision, check: Check, before: CheckStatus | None, run: Run | None, blind_after: int
) -> Step:
    """A check's status after a run, or after its spec alone has changed."""
    status, told = _under_this_spec(decision, check, before or CheckStatus(name=check.name))
    if run is None:
        return status, told
    judged = judge(check.objective, run.outcome)
    evidence = _evidence(check, judged, run.outcome)
    status = _count(_record(status, judged, run), check, run.slot, blind_after)
    status, seen = _see(decision, status, evidence)
    status, life = _live(decision, check, status, evidence)
    return status, told + seen + life


def remove(decision: Decision, status: CheckStatus, severity: str = "warning") -> tuple[Entry, ...]:
    """What is told of a check that is no longer in the policy: its findings end."""
    evidence = Evidence(
        severity=severity, reason=status.reason, message="the check is no longer in the policy"
    )
    return tuple(
        resolved(decision, finding, status.name, evidence, CHECK_REMOVED)
        for finding in (status.finding, status.blind)
        if finding is not None
    )


def last(decision: Decision, finding: FindingRef, reason: str) -> LastFinding:
    """How a status remembers a finding that this decision resolved."""
    return LastFinding(
        id=finding.id,
        event_type=finding.event_type,
        opened_at=finding.opened_at,
        last_told_at=finding.last_told_at,
        resolved_at=max(decision.at, finding.opened_at),
        reason=reason,
    )


def _under_this_spec(decision: Decision, check: Check, status: CheckStatus) -> Step:
    """Starts the counts anew where the check's spec has changed; its finding stays."""
    if status.digest == check.digest:
        return status, ()
    status = status.model_copy(
        update={
            "digest": check.digest,
            "verdict": Verdict.NO_DATA,
            "reason": Reason.NOT_YET_EVALUATED,
            "message": "not yet evaluated under its present spec",
            "value": None,
            "gap": None,
            "samples": None,
            "last_evaluated": None,
            "violations": 0,
            "successes": 0,
            "blind_runs": 0,
            "counted_slot": None,
            "blind_slot": None,
        }
    )
    finding = status.finding
    if finding is None or finding.event_type == check.event_type:
        return status, ()
    # The name was given to another kind of check: the old one is gone.
    evidence = Evidence(
        severity=check.severity, reason=status.reason, message="the check became another kind"
    )
    gone = {"finding": None, "last_finding": last(decision, finding, CHECK_REMOVED)}
    entry = resolved(decision, finding, check.name, evidence, CHECK_REMOVED)
    return status.model_copy(update=gone), (entry,)


def _record(status: CheckStatus, judged: Judgement, run: Run) -> CheckStatus:
    same = status.verdict is judged.verdict and status.last_evaluated is not None
    return status.model_copy(
        update={
            "verdict": judged.verdict,
            "reason": judged.reason,
            "message": judged.message,
            "value": rounded(judged.value),
            "gap": rounded(judged.gap),
            "samples": judged.samples,
            "last_evaluated": run.at,
            "since": status.since if same and status.since else run.at,
        }
    )


def _count(status: CheckStatus, check: Check, slot: datetime, blind_after: int) -> CheckStatus:
    """Adds a run to the counts, each of which stops at its threshold."""
    if not status.verdict.measured:
        if status.blind_slot is not None and slot <= status.blind_slot:
            return status
        runs = min(status.blind_runs + 1, blind_after)
        return status.model_copy(update={"blind_runs": runs, "blind_slot": slot})
    if status.counted_slot is not None and slot <= status.counted_slot:
        return status.model_copy(update={"blind_runs": 0})
    violated = status.verdict is Verdict.VIOLATED
    return status.model_copy(
        update={
            "violations": min(status.violations + 1, check.failure_threshold) if violated else 0,
            "successes": 0 if violated else min(status.successes + 1, check.success_threshold),
            "blind_runs": 0,
            "counted_slot": slot,
        }
    )


def _see(decision: Decision, status: CheckStatus, evidence: Evidence) -> Step:
    """Tells when a check can't be measured any more, and when it can again."""
    blind = not status.verdict.measured
    if blind == (status.blind_since is not None):
        return status, ()
    transition = Transition.BLIND if blind else Transition.MEASURABLE
    since = decision.at if blind else None
    entry = visibility(decision, status.name, transition, evidence)
    return status.model_copy(update={"blind_since": since}), (entry,)


def _live(decision: Decision, check: Check, status: CheckStatus, evidence: Evidence) -> Step:
    """Opens or resolves the check's finding, where its counts have got there."""
    finding = status.finding
    if finding is None:
        if status.verdict is Verdict.VIOLATED and status.violations >= check.failure_threshold:
            new = open_finding(decision, check.event_type, check.name)
            entry = opened(decision, new, check.name, evidence)
            return status.model_copy(update={"finding": new}), (entry,)
        return status, ()
    recovered = status.verdict in (Verdict.OK, Verdict.WARNING)
    if recovered and status.successes >= check.success_threshold:
        gone = {"finding": None, "last_finding": last(decision, finding, RECOVERED)}
        entry = resolved(decision, finding, check.name, evidence, RECOVERED)
        return status.model_copy(update=gone), (entry,)
    return status, ()


def evidence_of(check: Check, outcome: Outcome) -> Evidence:
    """What can be told of a run, and could not be rebuilt later."""
    return _evidence(check, judge(check.objective, outcome), outcome)


def _evidence(check: Check, judged: Judgement, outcome: Outcome) -> Evidence:
    impact, lists = None, None
    if isinstance(outcome, Measurement) and judged.value is not None:
        named = check.probe.impact(check.name, judged.value, check.objective, outcome.facts)
        impact = {**outcome.facts, **named}  # `details` places what impact does not name
        lists = outcome.lists
    return Evidence(
        severity=check.severity,
        reason=judged.reason,
        message=judged.message,
        value=judged.value,
        gap=judged.gap,
        samples=judged.samples,
        objective=check.objective,
        impact=impact,
        lists=lists,
    )
