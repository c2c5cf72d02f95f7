"""How a decision writes down what it decided: the entries of the log."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from governor.api.log import Entry, EntryObjective, Target, Transition
from governor.api.status import FindingRef
from governor.domain.identity import finding_id, transition_id, visibility_id
from governor.values.objectives import Objective
from governor.values.outcomes import Fact

LIST_BYTES = 3072
"""So much an entry keeps of its lists together; the rest is only counted."""

DECIMALS = 4

RECORDED = (Target.SINK, Target.EVENT)
"""Where openings and resolutions are always told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What all that is decided at once has in common."""

    policy_uid: str
    generation: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a transition tells and could not be rebuilt later."""

    severity: str
    reason: str
    message: str
    value: float | None = None
    gap: float | None = None
    samples: int | None = None
    objective: Objective | None = None
    impact: Mapping[str, Fact] | None = None
    lists: Mapping[str, Sequence[str]] | None = None


def open_finding(decision: Decision, event_type: str, check: str) -> FindingRef:
    """A new finding, opened by this decision."""
    return FindingRef(
        id=finding_id(decision.policy_uid, event_type, check, decision.at),
        event_type=event_type,
        opened_at=decision.at,
    )


def opened(decision: Decision, finding: FindingRef, check: str, evidence: Evidence) -> Entry:
    """The entry that tells of an opening."""
    return of_finding(decision, finding, check, evidence, Transition.OPEN, targets=RECORDED)


def resolved(
    decision: Decision, finding: FindingRef, check: str, evidence: Evidence, reason: str
) -> Entry:
    """The entry that tells of a resolution, and why it came to it."""
    entry = of_finding(decision, finding, check, evidence, Transition.RESOLVE, targets=RECORDED)
    return entry.model_copy(update={"resolved_reason": reason})


def visibility(decision: Decision, check: str, transition: Transition, evidence: Evidence) -> Entry:
    """The entry that tells that a check turned blind, or measurable again: an Event only."""
    return Entry(
        id=visibility_id(decision.policy_uid, check, transition, decision.at),
        transition=transition,
        check=check,
        decided_at=decision.at,
        generation=decision.generation,
        severity=evidence.severity,
        reason=evidence.reason,
        message=evidence.message,
        targets=(Target.EVENT,),
    )


def of_finding(
    decision: Decision,
    finding: FindingRef,
    check: str,
    evidence: Evidence,
    transition: Transition,
    *,
    targets: Sequence[str],
) -> Entry:
    """The entry that tells of one transition of a finding."""
    objective = evidence.objective
    decided_at = max(decision.at, finding.opened_at)
    return Entry(
        id=transition_id(finding.id, transition, decided_at),
        transition=transition,
        check=check,
        event_type=finding.event_type,
        finding=finding.id,
        opened_at=finding.opened_at,
        decided_at=decided_at,
        generation=decision.generation,
        severity=evidence.severity,
        reason=evidence.reason,
        message=evidence.message,
        value=rounded(evidence.value),
        gap=rounded(evidence.gap),
        samples=evidence.samples,
        objective=objective
        and EntryObjective(
            direction=objective.direction, red_line=objective.red_line, target=objective.target
        ),
        impact=compact({k: _fact(v) for k, v in (evidence.impact or {}).items()}),
        lists=compact(_cut(evidence.lists or {})),
        targets=tuple(targets),
    )


def rounded(value: float | None) -> float | None:
    """A number as it is stored."""
    return None if value is None else round(value, DECIMALS)


def _fact(value: Fact) -> Fact:
    return round(value, DECIMALS) if isinstance(value, float) else value


def _cut(lists: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """The lists within `LIST_BYTES`; what had no room is counted under `<name>_omitted`."""
    kept: dict[str, object] = {}
    room = LIST_BYTES
    for name, members in lists.items():
        taken, room = fitting(members, room)
        kept[name] = taken
        if len(taken) < len(members):
            kept[f"{name}_omitted"] = len(members) - len(taken)
    return kept


def fitting(members: Sequence[str], room: int) -> tuple[list[str], int]:
    """The first members that have room, in bytes of JSON; and what is left, below 0 if cut."""
    taken = []
    for member in members:
        room -= len(json.dumps(member).encode()) + 1
        if room < 0:
            break
        taken.append(member)
    return taken, room


def counted(lists: str) -> str:
    """An entry's lists without their members, of which only the number is kept."""
    try:
        kept = dict(json.loads(lists))
    except (ValueError, TypeError):
        return "{}"  # somebody else has written there
    for name, members in list(kept.items()):
        if isinstance(members, list) and members:
            kept[name] = []
            kept[f"{name}_omitted"] = kept.get(f"{name}_omitted", 0) + len(members)
    return compact(kept)


def compact(value: Mapping[str, object]) -> str:
    """JSON as an entry keeps it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
