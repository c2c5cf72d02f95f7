"""How a status and the sink agree again on which findings are open.

A status can be wiped, a database restored. The sink's unique index on open
findings, and the rows it has open, bring both back together without a second
row (protocol, rule 17).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from governor.api.log import Entry
from governor.api.status import CheckStatus, FindingRef, PolicyFinding, PolicyStatus
from governor.domain.entries import Decision, Evidence, resolved
from governor.domain.episodes import CHECK_REMOVED
from governor.domain.governance import CHECK_BLIND, OF_THE_POLICY
from governor.domain.identity import finding_id
from governor.domain.mutes import GOVERNANCE_MUTE, REMOVED, is_of
from governor.domain.policies import Policy
from governor.domain.surroundings import Mute


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A finding that the sink has open."""

    check: str
    """Empty for a finding of the whole policy."""
    finding: FindingRef


def adopt(status: PolicyStatus, adopted: Mapping[UUID, FindingRef]) -> PolicyStatus:
    """Gives findings the ids under which the sink knows them."""
    if not adopted:
        return status
    return status.model_copy(
        update={
            "checks": tuple(
                c.model_copy(
                    update={
                        "finding": _renamed(c.finding, adopted),
                        "blind": _renamed(c.blind, adopted),
                    }
                )
                for c in status.checks
            ),
            "findings": tuple(
                f.model_copy(update={"finding": _renamed(f.finding, adopted)})
                for f in status.findings
            ),
        }
    )


def take_over(
    decision: Decision,
    policy: Policy,
    status: PolicyStatus,
    pending: Sequence[Entry],
    open_rows: Sequence[Known],
    *,
    mutes: Sequence[Mute] = (),
) -> tuple[PolicyStatus, tuple[Entry, ...]]:
    """Makes the sink's open findings the status's own, to be judged like any other.

    One whose check is gone is resolved. One that the status or the log knows, as
    open or as ended, is left to them; so is one whose id is not of our making.
    """
    unknown = [row for row in open_rows if _foreign_to(status, pending, row)]
    checks = {check.name: check for check in status.checks}
    findings = {finding.event_type: finding for finding in status.findings}
    events = {check.name: check.event_type for check in policy.checks}
    told = []
    for row in unknown:
        # Its row was there to be told of: people are not told again under the same id.
        finding = row.finding.model_copy(
            update={
                "last_told_at": decision.at.replace(microsecond=0),
                "told_to": policy.notify.channels if policy.notify else None,
            }
        )
        if finding.id != finding_id(
            decision.policy_uid, finding.event_type, row.check, finding.opened_at
        ):
            continue
        if not row.check and finding.event_type in OF_THE_POLICY:
            place = findings.get(finding.event_type, PolicyFinding(event_type=finding.event_type))
            if place.finding is None:
                findings[finding.event_type] = place.model_copy(update={"finding": finding})
        elif finding.event_type in (CHECK_BLIND, events.get(row.check)) and row.check in events:
            check = checks.get(row.check, CheckStatus(name=row.check))
            slot = "blind" if finding.event_type == CHECK_BLIND else "finding"
            if getattr(check, slot) is None:
                checks[row.check] = check.model_copy(update={slot: finding})
        elif not is_of(row.check, mutes):  # a mute's row opens with the mute, again if need be
            told.append(_removed(decision, row))
    return (
        status.model_copy(
            update={"checks": tuple(checks.values()), "findings": tuple(findings.values())}
        ),
        tuple(told),
    )


def _foreign_to(status: PolicyStatus, pending: Sequence[Entry], row: Known) -> bool:
    known: set[UUID | None] = {entry.finding for entry in pending}
    for check in status.checks:
        refs = (check.finding, check.last_finding, check.blind, check.last_blind)
        known.update(ref.id for ref in refs if ref)
    for place in status.findings:
        known.update(ref.id for ref in (place.finding, place.last_finding) if ref)
    known.update(mute.finding.id for mute in status.mutes)
    return row.finding.id not in known


def _renamed(finding: FindingRef | None, adopted: Mapping[UUID, FindingRef]) -> FindingRef | None:
    theirs = adopted.get(finding.id) if finding else None
    if finding is None or theirs is None:
        return finding
    told = {"last_told_at": finding.last_told_at, "told_to": finding.told_to}
    return theirs.model_copy(update=told)


def _removed(decision: Decision, row: Known) -> Entry:
    reason, message = CHECK_REMOVED, "the check is no longer in the policy"
    if row.finding.event_type == GOVERNANCE_MUTE:
        reason, message = REMOVED, "the mute has ended"
    evidence = Evidence(severity="warning", reason=reason, message=message)
    return resolved(decision, row.finding, row.check, evidence, reason)
