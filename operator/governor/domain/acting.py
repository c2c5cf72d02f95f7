"""What follows from verdicts and findings: who is told, what becomes work, what is changed.

A mute silences all of it and nothing else: findings open and end under it, and what
waited happens at its end.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from governor.api.status import CheckStatus, FindingRef, PolicyStatus
from governor.domain import dispatching, mutes, muting, notifying, remediating
from governor.domain.dispatching import LookUp
from governor.domain.drafting import Draft
from governor.domain.entries import Decision
from governor.domain.episodes import Run, evidence_of
from governor.domain.notifying import Told
from governor.domain.places import Place, places
from governor.domain.policies import REMINDER_INTERVAL, Check, Policy
from governor.domain.surroundings import Mute, Surroundings
from governor.domain.violations import Violation
from governor.values.durations import seconds
from governor.values.reasons import Verdict


def act(
    decision: Decision,
    policy: Policy,
    surroundings: Surroundings,
    status: PolicyStatus,
    draft: Draft,
    *,
    runs: Sequence[Run],
    found: LookUp | None,
    told: Mapping[UUID, FindingRef],
) -> PolicyStatus:
    """The judged status with all that is told and done about its findings.

    Args:
        decision: what is decided at once.
        policy: what is tolerated.
        surroundings: mutes, channels, and what may be remediated.
        status: with this decision's verdicts and findings.
        draft: the log, with this decision's openings and resolutions; gets the rest.
        runs: what was measured.
        found: what the sink has told of work items, if it was asked and answered.
        told: the findings that were open before, and that people were told of.
    """
    honoured = muting.honoured(surroundings.mutes, policy, decision.at)
    status = surround(decision, policy, status, surroundings.mutes, found, draft)
    now_told = notifying.tell(
        decision,
        draft,
        notify=policy.notify,
        channels=surroundings.channels,
        loud=loud(policy, status, honoured),
        told=told,
        resting=frozenset(c.finding.id for c in status.checks if c.finding and c.suppressed),
    )
    for violation, check in _violations(decision, policy, status, runs):
        muted = check.muted_until is not None
        if not muted:
            dispatching.dispatch(violation, found, _reminder_interval(policy), draft)
        _remediate(violation, policy, surroundings, draft, muted=muted)
    return mark(status, now_told)


def surround(  # noqa: PLR0917 - what surrounds a status
    decision: Decision,
    policy: Policy,
    status: PolicyStatus,
    existing: Sequence[Mute],
    found: LookUp | None,
    draft: Draft,
) -> PolicyStatus:
    """The status with the mutes and work items of now; the draft tells of mutes that changed."""
    known = {check.name: check for check in policy.checks}
    honoured = muting.honoured(existing, policy, decision.at)
    over = {mute.uid for mute in existing if not muting.in_force(mute, decision.at)}
    refs, entries = mutes.tell(decision, status.mutes, honoured, policy, over=over)
    for entry in entries:
        draft.add(entry)
    checks = tuple(
        _surrounded(each, known[each.name], policy, honoured, found, decision.at)
        if each.name in known
        else each
        for each in status.checks
    )
    silent = sum(check.muted_until is not None for check in checks)
    summary = status.summary.model_copy(update={"muted": silent})
    return status.model_copy(update={"mutes": refs, "checks": checks, "summary": summary})


def loud(policy: Policy, status: PolicyStatus, honoured: Sequence[Mute]) -> Iterator[Place]:
    """The places that no mute silences."""
    checks = {check.name: check for check in policy.checks}
    for place in places(policy, status):
        check = checks.get(place.check)
        if mutes.muted_until(honoured, policy, check, severity=place.severity) is None:
            yield place


def told_of(status: PolicyStatus) -> dict[UUID, FindingRef]:
    """The open findings that people were told of."""
    refs = (*_check_refs(status), *(place.finding for place in status.findings))
    return {ref.id: ref for ref in refs if ref and ref.last_told_at}


def mark(status: PolicyStatus, told: Mapping[UUID, Told]) -> PolicyStatus:
    """Notes when, and through which channels, people were told of findings."""
    if not told:
        return status

    def marked(ref: FindingRef | None) -> FindingRef | None:
        if ref is None or ref.id not in told:
            return ref
        now = told[ref.id]
        return ref.model_copy(update={"last_told_at": now.at, "told_to": now.to or None})

    return _each_finding(status, marked)


def unmark(status: PolicyStatus, untold: Collection[tuple[UUID, str]]) -> PolicyStatus:
    """Notes that channels did not hear of findings: they are told when they can be."""
    if not untold:
        return status

    def unmarked(ref: FindingRef | None) -> FindingRef | None:
        if ref is None or ref.told_to is None:
            return ref
        to = tuple(name for name in ref.told_to if (ref.id, name) not in untold)
        return ref.model_copy(update={"told_to": to or None})

    return _each_finding(status, unmarked)


def _each_finding(
    status: PolicyStatus, change: Callable[[FindingRef | None], FindingRef | None]
) -> PolicyStatus:
    return status.model_copy(
        update={
            "checks": tuple(
                check.model_copy(
                    update={"finding": change(check.finding), "blind": change(check.blind)}
                )
                for check in status.checks
            ),
            "findings": tuple(
                place.model_copy(update={"finding": change(place.finding)})
                for place in status.findings
            ),
        }
    )


def _check_refs(status: PolicyStatus) -> Iterator[FindingRef | None]:
    for check in status.checks:
        yield check.finding
        yield check.blind


def _surrounded(  # noqa: PLR0917 - what surrounds a check
    status: CheckStatus,
    check: Check,
    policy: Policy,
    honoured: Sequence[Mute],
    found: LookUp | None,
    now: datetime,
) -> CheckStatus:
    status = dispatching.note(status, check, found)
    return status.model_copy(
        update={
            "suppressed": dispatching.suppression(status, check, now),
            "muted_until": mutes.muted_until(honoured, policy, check),
        }
    )


def _violations(
    decision: Decision, policy: Policy, status: PolicyStatus, runs: Sequence[Run]
) -> Iterator[tuple[Violation, CheckStatus]]:
    """The violated runs whose check has an open finding."""
    known = {check.name: check for check in policy.checks}
    for run in runs:
        found = next(check for check in status.checks if check.name == run.check)
        if found.verdict is Verdict.VIOLATED and found.finding is not None:
            check = known[run.check]
            yield (
                Violation(
                    decision=decision,
                    check=check,
                    finding=found.finding,
                    evidence=evidence_of(check, run.outcome),
                ),
                found,
            )


def _remediate(
    violation: Violation,
    policy: Policy,
    surroundings: Surroundings,
    draft: Draft,
    *,
    muted: bool,
) -> None:
    if not remediating.remediable(violation.check):
        return
    if not policy.enforced:
        remediating.audit(violation, draft)
    elif not muted and _may_remediate(violation.check, surroundings):
        remediating.choose(violation, draft)


def _may_remediate(check: Check, surroundings: Surroundings) -> bool:
    source = check.probe.source_ref.name
    return source in surroundings.remediation and surroundings.remediation[source] is None


def _reminder_interval(policy: Policy) -> timedelta:
    if policy.notify is not None:
        return policy.notify.reminder_interval
    return timedelta(seconds=seconds(REMINDER_INTERVAL))
