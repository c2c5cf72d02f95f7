"""Findings about governance itself: self failure, data gap, blind checks.

They are levels, not runs: each is open while its condition holds, and is judged
at every decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from governor.api.log import Entry
from governor.api.status import CheckStatus, FindingRef, PolicyFinding, SloSummary
from governor.domain.entries import Decision, Evidence, open_finding, opened, resolved
from governor.domain.episodes import CHECK_REMOVED, RECOVERED, Step, last
from governor.domain.policies import Policy
from governor.probes.promql import Promql
from governor.values.outcomes import Fact
from governor.values.reasons import Reason, Verdict

SELF_FAILURE = "governance_self_failure"
DATA_GAP = "governance_slo_data_gap"
CHECK_BLIND = "governance_check_blind"

OF_THE_POLICY = (SELF_FAILURE, DATA_GAP)

_NEVER_FOUND = {event_type: PolicyFinding(event_type=event_type) for event_type in OF_THE_POLICY}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """What a condition of the whole policy says now; None: it can't be told yet."""

    holds: bool | None
    evidence: Evidence
    ends_as: str = RECOVERED


def of_policy(
    decision: Decision,
    policy: Policy,
    before: Sequence[PolicyFinding],
    checks: Sequence[CheckStatus],
    slo: SloSummary | None,
) -> tuple[tuple[PolicyFinding, ...], tuple[Entry, ...]]:
    """Opens and resolves the findings of the whole policy."""
    known = {finding.event_type: finding for finding in before}
    after: list[PolicyFinding] = []
    told: list[Entry] = []
    for event_type, level in (
        (SELF_FAILURE, _self_failure(policy, checks)),
        (DATA_GAP, _data_gap(slo, checks)),
    ):
        place = known.get(event_type) or _NEVER_FOUND[event_type]
        place, entries = _settle(decision, place, level)
        told.extend(entries)
        if place.finding or place.last_finding:
            after.append(place)
    return tuple(after), tuple(told)


def of_check(
    decision: Decision,
    policy: Policy,
    status: CheckStatus,
    covering: Sequence[PolicyFinding],
) -> Step:
    """Opens a finding for a check that stays without a number, and ends it with one.

    While a finding of the whole policy already says why, none is opened.
    """
    if status.verdict.measured:
        if status.blind is None:
            return status, ()
        evidence = blind_evidence(status, "measured again")
        entry = resolved(decision, status.blind, status.name, evidence, RECOVERED)
        gone = {"blind": None, "last_blind": last(decision, status.blind, RECOVERED)}
        return status.model_copy(update=gone), (entry,)
    if (
        status.blind is not None
        or status.blind_runs < policy.blind_after
        or _covered(policy, status, covering)
    ):
        return status, ()
    new = open_finding(decision, CHECK_BLIND, status.name)
    entry = opened(decision, new, status.name, blind_evidence(status, status.message))
    return status.model_copy(update={"blind": new}), (entry,)


def evidence(
    event_type: str, policy: Policy, checks: Sequence[CheckStatus], slo: SloSummary | None
) -> Evidence:
    """What can be said now of a finding of the whole policy."""
    level = _self_failure(policy, checks) if event_type == SELF_FAILURE else _data_gap(slo, checks)
    return level.evidence


def _settle(
    decision: Decision, place: PolicyFinding, level: _Level
) -> tuple[PolicyFinding, tuple[Entry, ...]]:
    finding = place.finding
    if level.holds and finding is None:
        new: FindingRef = open_finding(decision, place.event_type, "")
        entry = opened(decision, new, "", level.evidence)
        return place.model_copy(update={"finding": new}), (entry,)
    if level.holds is False and finding is not None:
        entry = resolved(decision, finding, "", level.evidence, level.ends_as)
        gone = {"finding": None, "last_finding": last(decision, finding, level.ends_as)}
        return place.model_copy(update=gone), (entry,)
    return place, ()


def _self_failure(policy: Policy, checks: Sequence[CheckStatus]) -> _Level:
    errors = [check for check in checks if check.verdict is Verdict.ERROR]
    holds: bool | None = len(errors) >= policy.errored_checks
    if not holds and _waiting(checks):
        holds = None
    impact: dict[str, Fact] = {"failed_checks": len(errors), "total_checks": len(checks)}
    failing = {check.name for check in errors}
    sources = {c.probe.source_ref.name for c in policy.checks if c.name in failing}
    if len(sources) == 1:
        impact["source"] = sources.pop()  # channels tell of the source once, whoever uses it
    return _Level(
        holds=holds,
        evidence=Evidence(
            severity="critical",
            reason="SelfFailure",
            message=f"{len(errors)} of {len(checks)} checks are in Error",
            impact=impact,
            lists={"errors": [f"{c.name}: {c.reason}: {c.message}" for c in errors]},
        ),
    )


def _data_gap(slo: SloSummary | None, checks: Sequence[CheckStatus]) -> _Level:
    evidence = Evidence(
        severity="warning",
        reason="DataGap",
        message=_no_data(slo),
        impact={
            "reason": "all_slo_metrics_not_emitted",
            "skipped_count": slo.no_data if slo else 0,
        },
    )
    if slo is None:
        return _Level(holds=False, evidence=evidence, ends_as=CHECK_REMOVED)
    holds: bool | None = slo.all_no_data
    if not holds and (_waiting(checks) or slo.ok + slo.violated == 0):
        holds = None  # only a number shows that metrics are emitted again
    if not holds:
        recovered = Evidence(
            severity="warning",
            reason="DataGap",
            message="SLO metrics are emitted again",
            impact=evidence.impact,
        )
        return _Level(holds=holds, evidence=recovered)
    return _Level(holds=holds, evidence=evidence)


def _no_data(slo: SloSummary | None) -> str:
    count = slo.violated + slo.no_data + slo.ok + slo.error if slo else 0
    if count == 1:
        return "the only SLO check has no data"
    return f"{count} SLO checks, and none has data"


def _waiting(checks: Sequence[CheckStatus]) -> bool:
    """Whether a check is yet to be evaluated: then nothing has recovered."""
    return any(check.reason is Reason.NOT_YET_EVALUATED for check in checks)


def _covered(policy: Policy, status: CheckStatus, covering: Sequence[PolicyFinding]) -> bool:
    open_now = {place.event_type for place in covering if place.finding is not None}
    if status.verdict is Verdict.ERROR and SELF_FAILURE in open_now:
        return True
    slos = {check.name for check in policy.checks if isinstance(check.probe, Promql)}
    return status.name in slos and DATA_GAP in open_now


def blind_evidence(status: CheckStatus, message: str) -> Evidence:
    """What can be said of a check without a number."""
    return Evidence(
        severity="warning",
        reason=status.reason,
        message=message,
        impact={"runs": status.blind_runs},
    )
