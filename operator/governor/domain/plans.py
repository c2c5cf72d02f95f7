"""The decision: a snapshot and what was measured become a whole new status.

Nothing after it decides. What is to be told stands in the status's log, and is
told only once the write of that status is confirmed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from governor.api.log import Entry
from governor.api.status import CheckStatus, FindingRef, PolicyFinding, PolicyStatus
from governor.domain import conditions, governance, log, notifying, remediating, summaries
from governor.domain.acting import act, surround, told_of, unmark
from governor.domain.dispatching import LookUp
from governor.domain.drafting import Draft
from governor.domain.entries import Decision
from governor.domain.episodes import Run, advance, remove
from governor.domain.muting import honoured as honoured_mutes
from governor.domain.policies import Policy
from governor.domain.remediating import remediable
from governor.domain.remediations import RemediationOutcome
from governor.domain.staleness import validity
from governor.domain.surroundings import Surroundings
from governor.domain.takeovers import Known, adopt, farewells, take_over


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A policy as one run sees it; nothing changes under it."""

    uid: str
    generation: int
    policy: Policy
    status: PolicyStatus
    """The base: our own last write, or what somebody wrote after it."""
    surroundings: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What was learned outside of measuring since the last decision."""

    delivered: frozenset[log.Delivered] = frozenset()
    adopted: Mapping[UUID, FindingRef] = field(default_factory=dict)
    """Our finding's id → the finding that the sink has open in its place."""
    open_rows: tuple[Known, ...] = ()
    """Open findings of this policy in the sink that its status may not know."""
    found: LookUp | None = None
    """The policy's work items; None: the sink was not asked, or did not answer."""
    remediated: Mapping[UUID, RemediationOutcome] = field(default_factory=dict)
    """The entry that holds a choice → what has come of it."""
    run_now: str | None = None
    """The run-now request that the runs at hand have answered."""


NOTHING_LEARNED = Feedback()


def decide(
    snapshot: Snapshot, runs: Sequence[Run], feedback: Feedback, now: datetime
) -> PolicyStatus:
    """The whole new status. Deciding again on a fresh base with the same runs is safe."""
    decision = Decision(policy_uid=snapshot.uid, generation=snapshot.generation, at=now)
    policy, around = snapshot.policy, snapshot.surroundings
    left, done = _heard(decision, snapshot.status.pending, feedback)
    pending = notifying.owed(left, around.channels)
    base = adopt(snapshot.status, feedback.adopted)
    base = unmark(base, notifying.untold(left, pending))
    renamed = farewells(
        decision,
        policy,
        snapshot.status,
        log.clear(snapshot.status.pending, feedback.delivered),
        feedback.adopted,
        channels=notifying.by_log(around.channels),
    )
    if policy.suspended:
        return _suspended(base, decision, policy, around, _drafted(pending, done, renamed))

    honoured = honoured_mutes(around.mutes, policy, decision.at)
    base, orphans = take_over(decision, policy, base, pending, feedback.open_rows, mutes=honoured)
    checks, told = _checks(decision, policy, base.checks, runs)
    slo = summaries.slo(policy, checks)
    findings, told_of_policy = governance.of_policy(decision, policy, base.findings, checks, slo)
    checks, told_of_blind = _blind(decision, policy, checks, findings)
    evaluated = [c.last_evaluated for c in checks if c.last_evaluated is not None]
    latest = max(evaluated, default=None)
    judged = PolicyStatus(
        observed_generation=snapshot.generation,
        verdict=summaries.worst(checks).value,
        last_evaluated=latest,
        valid_until=latest and latest + validity(policy.shortest_interval),
        last_handled_run_now=feedback.run_now or base.last_handled_run_now,
        summary=summaries.summary(checks),
        slo=slo,
        checks=checks,
        findings=findings,
        mutes=base.mutes,
    )
    fresh = (*orphans, *done, *told, *told_of_policy, *told_of_blind)
    draft = _drafted(pending, fresh, renamed)
    acted = act(
        decision,
        policy,
        around,
        judged,
        draft,
        runs=runs,
        found=feedback.found,
        told=told_of(base),
    )
    return _concluded(base, acted, decision, policy, around, draft)


def _drafted(pending: Sequence[Entry], fresh: Sequence[Entry], more: Iterable[Entry]) -> Draft:
    """The log with what this decision adds; some of that may be known, and gets targets."""
    draft = Draft(pending, fresh)
    for entry in more:
        draft.add(entry)
    return draft


def decide_not_understood(  # noqa: PLR0917 - a decision without a policy
    uid: str,
    base: PolicyStatus,
    generation: int,
    message: str,
    feedback: Feedback,
    now: datetime,
) -> PolicyStatus:
    """The status of a policy whose spec can't be understood: findings stay as they are."""
    decision = Decision(policy_uid=uid, generation=generation, at=now)
    pending, done = _heard(decision, base.pending, feedback)
    return adopt(base, feedback.adopted).model_copy(
        update={
            "observed_generation": generation,
            "verdict": "Error",
            "valid_until": None,
            "conditions": conditions.not_understood(base.conditions, message, generation, now),
            "pending": Draft(pending, done).entries,
        }
    )


def _heard(
    decision: Decision, pending: Sequence[Entry], feedback: Feedback
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """What is left of the log, and what has come of the remediations in it."""
    ours = log.sift(decision.policy_uid, pending)
    done = tuple(
        remediating.done(decision, entry, feedback.remediated[entry.id])
        for entry in ours
        if entry.id in feedback.remediated
    )
    left = log.clear(ours, feedback.delivered)
    return log.adopt(left, feedback.adopted), log.adopt(done, feedback.adopted)


def _suspended(
    base: PolicyStatus, decision: Decision, policy: Policy, around: Surroundings, draft: Draft
) -> PolicyStatus:
    """Nothing is measured, opened, resolved or reminded; mutes still begin and end."""
    frozen = surround(decision, policy, base, around.mutes, None, draft).model_copy(
        update={
            "observed_generation": decision.generation,
            "verdict": "Suspended",
            "valid_until": None,
        }
    )
    return _concluded(base, frozen, decision, policy, around, draft)


def _concluded(  # noqa: PLR0917 - what a status ends with
    base: PolicyStatus,
    status: PolicyStatus,
    decision: Decision,
    policy: Policy,
    around: Surroundings,
    draft: Draft,
) -> PolicyStatus:
    """The status with its conditions and its log."""
    told = conditions.of_policy(
        base.conditions,
        status.checks,
        suspended=policy.suspended,
        generation=decision.generation,
        now=decision.at,
        refused=_refused(policy, around),
    )
    told = conditions.notifying(
        told,
        around.channels,
        # What was aimed only now has not been waiting, however old it is.
        [entry for entry in draft.entries if entry.id not in draft.fresh],
        generation=decision.generation,
        now=decision.at,
    )
    status = status.model_copy(update={"conditions": told, "pending": ()})
    if not draft.entries:
        return status
    rest = len(status.model_dump_json(by_alias=True, exclude_none=True).encode())
    recent = {e.id for e in draft.entries if decision.at - e.decided_at < log.CHANCE}
    pending = log.bound(draft.entries, log.room(rest), fresh=draft.fresh, recent=recent)
    lost = notifying.untold(draft.entries, pending)
    pending = notifying.unstarted(pending, lost)
    return unmark(status, lost).model_copy(update={"pending": pending})


def _refused(policy: Policy, around: Surroundings) -> str | None:
    """Why what is to be enforced can't be."""
    if not policy.enforced:
        return None
    sources = (c.probe.source_ref.name for c in policy.checks if remediable(c))
    return next((why for source in sources if (why := around.remediation.get(source))), None)


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
