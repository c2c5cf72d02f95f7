"""Says again what a status knows of findings, for a sink that may have lost it.

A restored database and openings that the log had no room for are brought back
by repeating every open finding and the last resolved one (protocol, rule 17).
"""

from collections.abc import Iterator

from governor.api.log import Entry, Target
from governor.api.status import FindingRef, PolicyStatus
from governor.domain.entries import Decision, opened, resolved
from governor.domain.log import line
from governor.domain.places import Place, places
from governor.domain.policies import Policy


def restate(decision: Decision, policy: Policy, status: PolicyStatus) -> tuple[Entry, ...]:
    """Entries for every finding that the status knows, except where its log still tells the sink.

    They are for the sink only. Repeating what it knows changes nothing there.
    """
    telling = {line(entry) for entry in status.pending if Target.SINK in entry.targets}
    said = [entry for place in places(policy, status) for entry in _say(decision, place)]
    return tuple(entry for entry in said if line(entry) not in telling)


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
