"""Where a status keeps findings, and what can be said of each from the status alone.

What a finding says is best told when it opens, with all that was measured. What is told
later (reminders, alerts, a sink that lost its rows) is rebuilt here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from governor.api.status import CheckStatus, FindingRef, LastFinding, PolicyStatus
from governor.domain import governance
from governor.domain.entries import Evidence
from governor.domain.policies import Check, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The finding of one kind that a check, or the whole policy, has or had."""

    check: str
    """Empty for the whole policy."""
    severity: str
    finding: FindingRef | None
    """The open one."""
    last: LastFinding | None
    """The latest one that was resolved."""
    evidence: Evidence


def places(policy: Policy, status: PolicyStatus) -> Iterator[Place]:
    """Every place of a status, in its order."""
    checks = {check.name: check for check in policy.checks}
    for check in status.checks:
        yield from _of_check(checks.get(check.name), check)
    for place in status.findings:
        evidence = governance.evidence(place.event_type, policy, status.checks, status.slo)
        yield Place(
            check="",
            severity=evidence.severity,
            finding=place.finding,
            last=place.last_finding,
            evidence=evidence,
        )


def _of_check(check: Check | None, status: CheckStatus) -> Iterator[Place]:
    evidence = Evidence(
        severity=check.severity if check else "warning",
        reason=status.reason,
        message=status.message,
        value=status.value,
        gap=status.gap,
        samples=status.samples,
        objective=check.objective if check else None,
    )
    yield Place(
        check=status.name,
        severity=evidence.severity,
        finding=status.finding,
        last=status.last_finding,
        evidence=evidence,
    )
    blind = governance.blind_evidence(status, status.message)
    yield Place(
        check=status.name,
        severity=blind.severity,
        finding=status.blind,
        last=status.last_blind,
        evidence=blind,
    )
