"""How a status and the sink agree again on which findings are open.

A status can be wiped, a database restored. The sink's unique index on open
findings, and the rows it has open, bring both back together without a second
row (protocol, rule 17).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from governor.api.log import Entry, Transition, channel_target
from governor.api.status import CheckStatus, FindingRef, LastFinding, PolicyFinding, PolicyStatus
from governor.domain import log
from governor.domain.entries import Decision, Evidence, resolved
from governor.domain.episodes import CHECK_REMOVED
from governor.domain.governance import CHECK_BLIND, OF_THE_POLICY
from governor.domain.identity import finding_id
from governor.domain.log import SUPERSEDED
from governor.domain.mutes import GOVERNANCE_MUTE, REMOVED, named, ref_of
from governor.domain.places import places
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
            "mutes": tuple(
                m.model_copy(update={"finding": _renamed(m.finding, adopted)}) for m in status.mutes
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

    One whose check is gone is resolved; so is one of a mute that is not honoured. One that the
    status or the log knows, as open or as ended, is left to them; so is one that the status
    can tell to be over, which is said again to the sink, and one whose id is not of our making.

    Args:
        decision: what is decided at once.
        policy: what is tolerated.
        status: before anything is judged.
        pending: the log.
        open_rows: what the sink has open.
        mutes: those that are honoured.
    """
    unknown = [
        row for row in open_rows if _foreign_to(status, pending, row) and over(status, row) is None
    ]
    checks = {check.name: check for check in status.checks}
    findings = {finding.event_type: finding for finding in status.findings}
    muting = {ref.uid: ref for ref in status.mutes}
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
        elif mute := named(row.check, mutes):
            muting.setdefault(mute.uid, ref_of(mute, row.finding))
        else:
            told.append(_removed(decision, row))
    return (
        status.model_copy(
            update={
                "checks": tuple(checks.values()),
                "findings": tuple(findings.values()),
                "mutes": tuple(muting.values()),
            }
        ),
        tuple(told),
    )


def over(status: PolicyStatus, row: Known, *, but: UUID | None = None) -> LastFinding | None:
    """How a finding that the sink has open ended, if the status can tell.

    A place has one finding at a time: one that is older than the last was over before that.

    Args:
        status: what is known.
        row: the finding.
        but: a finding that proves nothing, as the sink is only being told of it.
    """
    for last in _ended(status, row):
        if last.id == row.finding.id:
            return last
        if last.id != but and row.finding.opened_at < last.opened_at:
            return LastFinding(
                id=row.finding.id,
                event_type=row.finding.event_type,
                opened_at=row.finding.opened_at,
                resolved_at=last.opened_at,
                reason=SUPERSEDED,
            )
    return None


def farewells(
    decision: Decision,
    policy: Policy,
    status: PolicyStatus,
    pending: Sequence[Entry],
    adopted: Mapping[UUID, FindingRef],
    *,
    channels: Collection[str],
) -> Iterator[Entry]:
    """What channels are told where the sink knows a finding under another id.

    Those that were told of our finding hear its end: it goes on as the sink's. Where ours
    has ended since, so has the sink's, which they may know from before a status was wiped.

    Args:
        decision: what is decided at once.
        policy: what is tolerated, and who is told.
        status: with the findings under our ids.
        pending: the log, with our ids.
        adopted: our finding's id → the sink's finding.
        channels: those that the log tells.
    """
    if not adopted or policy.notify is None or not policy.notify.resolved:
        return
    for place in places(policy, status):
        ours = place.finding
        if ours is None or ours.id not in adopted:
            continue
        owed = {target for entry in pending if entry.finding == ours.id for target in entry.targets}
        heard = [channel_target(name) for name in ours.told_to or () if name in channels]
        if targets := tuple(target for target in heard if target not in owed):
            message = f"goes on as finding {adopted[ours.id].id}, which was open before"
            evidence = replace(place.evidence, message=message)
            end = resolved(decision, ours, place.check, evidence, SUPERSEDED)
            yield end.model_copy(update={"targets": targets})
    for entry in pending:
        if entry.event_type == GOVERNANCE_MUTE:  # of which channels are told nothing
            continue
        ended = entry.transition is Transition.RESOLVE and not log.is_farewell(entry)
        if ended and entry.finding in adopted and channels:
            known = tuple(map(channel_target, channels))
            yield from log.adopt((entry.model_copy(update={"targets": known}),), adopted)


def _ended(status: PolicyStatus, row: Known) -> Iterator[LastFinding]:
    """The last finding of a row's place that ended."""
    found = [(c.name, last) for c in status.checks for last in (c.last_finding, c.last_blind)]
    found += [("", place.last_finding) for place in status.findings]
    for check, last in found:
        if last is not None and (check, last.event_type) == (row.check, row.finding.event_type):
            yield last


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
