"""The decision: a snapshot and what was measured become a whole new status.

Nothing after it decides. What is to be told stands in the status's log, and is
told only once the write of that status is confirmed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from governor.api.log import Entry
from governor.api.status import CheckStatus, FindingRef, PolicyFinding, PolicyStatus
from governor.domain import conditions, governance, log, summaries
from governor.domain.entries import Decision
from governor.domain.episodes import Run, advance, remove
from governor.domain.policies import Policy
from governor.domain.takeovers import Known, adopt, take_over

SHORTEST_VALIDITY = timedelta(minutes=15)
INTERVALS_VALID = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A policy as one run sees it; nothing changes under it."""

    uid: str
    generation: int
    policy: Policy
    status: PolicyStatus
    """The base: our own last write, or what somebody wrote after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What was learned outside of measuring since the last decision."""

    delivered: frozenset[log.Delivered] = frozenset()
    adopted: Mapping[UUID, FindingRef] = field(default_factory=dict)
    """Our finding's id → the finding that the sink has open in its place."""
    open_rows: tuple[Known, ...] = ()
    """Open findings of this policy in the sink that its status may not know."""
    run_now: str | None = None
    """The run-now request that the runs at hand have answered."""


NOTHING_LEARNED = Feedback()


def decide(
    snapshot: Snapshot, runs: Sequence[Run], feedback: Feedback, now: datetime
) -> PolicyStatus:
    """The whole new status. Deciding again on a fresh base with the same runs is safe."""
    decision = Decision(policy_uid=snapshot.uid, generation=snapshot.generation, at=now)
    base, policy = snapshot.status, snapshot.policy
    pending = log.sift(snapshot.uid, base.pending)
    pending = log.adopt(log.clear(pending, feedback.delivered), feedback.adopted)
    base = adopt(base, feedback.adopted)
    if policy.suspended:
        return _suspended(base, decision, pending)

    base, orphans = take_over(decision, policy, base, pending, feedback.open_rows)
    checks, told = _checks(decision, policy, base.checks, runs)
    slo = summaries.slo(policy, checks)
    findings, told_of_policy = governance.of_policy(decision, policy, base.findings, checks, slo)
    checks, told_of_blind = _blind(decision, policy, checks, findings)
    evaluated = [c.last_evaluated for c in checks if c.last_evaluated is not None]
    latest = max(evaluated, default=None)
    fresh = (*orphans, *told, *told_of_policy, *told_of_blind)
    return PolicyStatus(
        observed_generation=snapshot.generation,
        verdict=summaries.worst(checks).value,
        last_evaluated=latest,
        valid_until=latest and latest + validity(policy),
        last_handled_run_now=feedback.run_now or base.last_handled_run_now,
        summary=summaries.summary(checks),
        slo=slo,
        conditions=conditions.of_policy(
            base.conditions, checks, suspended=False, generation=snapshot.generation, now=now
        ),
        checks=checks,
        findings=findings,
        pending=log.bound((*pending, *fresh), fresh={entry.id for entry in fresh}),
    )


def decide_not_understood(
    base: PolicyStatus, generation: int, message: str, feedback: Feedback, now: datetime
) -> PolicyStatus:
    """The status of a policy whose spec can't be understood: findings stay as they are."""
    return adopt(base, feedback.adopted).model_copy(
        update={
            "observed_generation": generation,
            "verdict": "Error",
            "valid_until": None,
            "conditions": conditions.not_understood(base.conditions, message, generation, now),
            "pending": log.adopt(log.clear(base.pending, feedback.delivered), feedback.adopted),
        }
    )


def validity(policy: Policy) -> timedelta:
    """How long after an evaluation a status may be believed."""
    return max(INTERVALS_VALID * timedelta(seconds=policy.shortest_interval), SHORTEST_VALIDITY)


def _suspended(base: PolicyStatus, decision: Decision, pending: tuple[Entry, ...]) -> PolicyStatus:
    return base.model_copy(
        update={
            "observed_generation": decision.generation,
            "verdict": "Suspended",
            "valid_until": None,
            "conditions": conditions.of_policy(
                base.conditions,
                base.checks,
                suspended=True,
                generation=decision.generation,
                now=decision.at,
            ),
            "pending": log.bound(pending),
        }
    )


def _checks(
    decision: Decision, policy: Policy, before: Sequence[CheckStatus], runs: Sequence[Run]
) -> tuple[tuple[CheckStatus, ...], tuple[Entry, ...]]:
    known = {status.name: status for status in before}
    measured = {run.check: run for run in runs}
    after: list[CheckStatus] = []
    told: list[Entry] = []
    for check in policy.checks:
        status, entries = advance(
            decision,
            check,
            known.pop(check.name, None),
            measured.get(check.name),
            policy.blind_after,
        )
        after.append(status)
        told.extend(entries)
    for removed in known.values():
        told.extend(remove(decision, removed))
    return tuple(after), tuple(told)


def _blind(
    decision: Decision,
    policy: Policy,
    checks: Sequence[CheckStatus],
    findings: Sequence[PolicyFinding],
) -> tuple[tuple[CheckStatus, ...], tuple[Entry, ...]]:
    steps = [governance.of_check(decision, policy, check, findings) for check in checks]
    return tuple(s for s, _ in steps), tuple(entry for _, told in steps for entry in told)
