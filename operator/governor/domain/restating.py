"""Says again what a status knows of findings, for a sink that may have lost it.

A restored database and openings that the log had no room for are brought back
by repeating every open finding and the last resolved one (protocol, rule 17), and
the beginning of every mute that is in force. What such a database has open again,
and is over, ends again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from governor.api.log import Entry, Target
from governor.api.status import FindingRef, PolicyStatus
from governor.domain import mutes
from governor.domain.entries import Decision, Evidence, opened, resolved
from governor.domain.identity import finding_id
from governor.domain.log import SUPERSEDED, line
from governor.domain.muting import honoured
from governor.domain.places import Place, places
from governor.domain.policies import Policy
from governor.domain.surroundings import Mute
from governor.domain.takeovers import Known, over


def restate(
    decision: Decision,
    policy: Policy,
    status: PolicyStatus,
    open_rows: Sequence[Known] = (),
    *,
    muting: Sequence[Mute] = (),
) -> tuple[Entry, ...]:
    """Entries for every finding that the status knows, except where its log still tells the sink.

    They are for the sink only. Repeating what it knows changes nothing there.

    Args:
        decision: when it is said again.
        policy: what is tolerated.
        status: as the API server has it.
        open_rows: what the sink has open; of it, what is over is said, too.
        muting: the mutes that name the policy, ended or not.
    """
    telling = {line(entry) for entry in status.pending if Target.SINK in entry.targets}
    said = [entry for row in open_rows for entry in _end(decision, status, row)]
    said += [entry for place in places(policy, status) for entry in _say(decision, place)]
    said += mutes.again(decision, status.mutes, honoured(muting, policy, decision.at), policy)
    return tuple(entry for entry in said if line(entry) not in telling)


def _end(decision: Decision, status: PolicyStatus, row: Known) -> Iterator[Entry]:
    """The end of a finding that is older than the last that the status knows, if it is ours."""
    ended, known = over(status, row), row.finding
    ours = finding_id(decision.policy_uid, known.event_type, row.check, known.opened_at)
    if ended is not None and ended.reason == SUPERSEDED and known.id == ours:
        evidence = Evidence(
            severity="warning", reason=ended.reason, message="a later finding has ended since"
        )
        then = replace(decision, at=ended.resolved_at)
        yield resolved(then, known, row.check, evidence, ended.reason)


def _say(decision: Decision, place: Place) -> Iterator[Entry]:
    ended = place.last
    # The older one first: the sink holds one open finding a line.
    if ended is not None:
        ref = FindingRef(id=ended.id, event_type=ended.event_type, opened_at=ended.opened_at)
        then = Decision(
            policy_uid=decision.policy_uid, generation=decision.generation, at=ended.resolved_at
        )
        yield resolved(then, ref, place.check, place.evidence, ended.reason)
    if place.finding is not None:
        yield opened(decision, place.finding, place.check, place.evidence)
