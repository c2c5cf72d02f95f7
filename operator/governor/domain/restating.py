"""Says again what a status knows of findings, for a sink that may have lost it.

A restored database and openings that the log had no room for are brought back
by repeating every open finding and the last resolved one (protocol, rule 17).
"""

from governor.api.log import Entry
from governor.api.status import CheckStatus, FindingRef, LastFinding, PolicyFinding, PolicyStatus
from governor.domain.entries import Decision, Evidence, opened, resolved
from governor.domain.governance import SELF_FAILURE
from governor.domain.log import line
from governor.domain.policies import Check, Policy

_Places = tuple[tuple[FindingRef | None, LastFinding | None], ...]


def restate(decision: Decision, policy: Policy, status: PolicyStatus) -> tuple[Entry, ...]:
    """Entries for every finding that the status knows, except where its log still tells.

    They are for the sink only. Repeating what it knows changes nothing there.
    """
    telling = {line(entry) for entry in status.pending}
    checks = {check.name: check for check in policy.checks}
    said: list[Entry] = []
    for check in status.checks:
        evidence = _of_check(checks.get(check.name), check)
        places = ((check.finding, check.last_finding), (check.blind, check.last_blind))
        said += _say(decision, check.name, evidence, places)
    for place in status.findings:
        said += _say(decision, "", _of_policy(place), ((place.finding, place.last_finding),))
    return tuple(entry for entry in said if line(entry) not in telling)


def _say(decision: Decision, check: str, evidence: Evidence, places: _Places) -> list[Entry]:
    said = []
    for finding, ended in places:
        # The older one first: the sink holds one open finding a line.
        if ended is not None:
            ref = FindingRef(id=ended.id, event_type=ended.event_type, opened_at=ended.opened_at)
            then = Decision(
                policy_uid=decision.policy_uid,
                generation=decision.generation,
                at=ended.resolved_at,
            )
            said.append(resolved(then, ref, check, evidence, ended.reason))
        if finding is not None:
            said.append(opened(decision, finding, check, evidence))
    return said


def _of_check(check: Check | None, status: CheckStatus) -> Evidence:
    return Evidence(
        severity=check.severity if check else "warning",
        reason=status.reason,
        message=status.message,
        value=status.value,
        gap=status.gap,
        samples=status.samples,
        objective=check.objective if check else None,
    )


def _of_policy(place: PolicyFinding) -> Evidence:
    severity = "critical" if place.event_type == SELF_FAILURE else "warning"
    return Evidence(severity=severity, reason="Restated", message="said again from the status")
