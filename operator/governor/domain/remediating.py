"""Which playbooks an enforced policy has deprecated, and how what came of it is told.

The choice stands in the log before anything is changed, and only what stands there is
changed: a replay after a crash touches no other playbook.
"""

import json
from collections.abc import Sequence

from governor.api.log import Entry, Target, Transition
from governor.domain.drafting import Draft
from governor.domain.entries import Decision, compact, fitting
from governor.domain.identity import transition_id
from governor.domain.log import BINDING
from governor.domain.policies import Check
from governor.domain.remediations import IDS, RemediationOutcome
from governor.domain.violations import Violation
from governor.probes.trust_drift import TrustDrift

ID_BYTES = 3072
"""So much room the choices of a policy have; what does not fit waits for the next run."""


def remediable(check: Check) -> bool:
    """Whether there is something to enforce for a check."""
    return isinstance(check.probe, TrustDrift)


def choose(violation: Violation, draft: Draft) -> None:
    """Has the drifted, unused playbooks of a violated run deprecated.

    Not while the log still holds an earlier choice of the check, or what came of it: the
    run has not seen its effect, and while nobody can be told, nothing more is changed.
    """
    earlier = [entry for entry in draft.entries if entry.transition in BINDING]
    ids, _ = fitting(_unused(violation), ID_BYTES - sum(len(e.lists) for e in earlier))
    if ids and all(entry.check != violation.check.name for entry in earlier):
        entry = violation.entry(Transition.REMEDIATE, Target.REMEDIATION)
        draft.add(entry.model_copy(update={"impact": "{}", "lists": compact({IDS: ids})}))


def audit(violation: Violation, draft: Draft) -> None:
    """Says once, when a finding opens, that playbooks would be deprecated."""
    count = len(_unused(violation))
    if violation.opens and count:
        what = "1 unused playbook" if count == 1 else f"{count} unused playbooks"
        said = f"enforcement is Audit: {what} would be deprecated now"
        entry = violation.entry(Transition.WOULD_REMEDIATE, Target.EVENT)
        draft.add(entry.model_copy(update={"message": said, "impact": "{}", "lists": "{}"}))


def done(decision: Decision, chosen: Entry, outcome: RemediationOutcome) -> Entry:
    """What tells of a remediation: a row's every id, and an Event if something changed."""
    touched = bool(outcome.changed or outcome.unconfirmed)
    told = chosen.model_copy(
        update={
            "transition": Transition.REMEDIATED,
            "decided_at": decision.at,
            "reason": "Cancelled" if outcome.cancelled else "Remediated",
            "message": _message(outcome),
            "lists": compact(
                {
                    "changed": outcome.changed,
                    "not_changed": outcome.not_changed,
                    "unconfirmed": outcome.unconfirmed,
                    "cancelled": outcome.cancelled,
                }
            ),
            "targets": (Target.SINK, Target.EVENT) if touched else (Target.SINK,),
        }
    )
    if chosen.finding is None:
        raise ValueError(f"entry {chosen.id} belongs to no finding")
    identity = transition_id(chosen.finding, Transition.REMEDIATED, decision.at)
    return told.model_copy(update={"id": identity})


def outcome_of(entry: Entry) -> RemediationOutcome:
    """What an entry of a remediation tells that came of it."""
    told = json.loads(entry.lists)
    return RemediationOutcome(
        changed=tuple(told.get("changed", ())),
        not_changed=tuple(told.get("not_changed", ())),
        unconfirmed=tuple(told.get("unconfirmed", ())),
        cancelled=told.get("cancelled"),
        at=entry.decided_at,
    )


def _message(outcome: RemediationOutcome) -> str:
    counts = (
        (len(outcome.changed), "deprecated"),
        (len(outcome.unconfirmed), "perhaps deprecated before a crash"),
        (len(outcome.not_changed), "left as they were"),
    )
    told = ", ".join(f"{count} {what}" for count, what in counts if count) or "none"
    cancelled = f"cancelled, as {outcome.cancelled}; " if outcome.cancelled else ""
    return f"{cancelled}playbooks: {told}"


def _unused(violation: Violation) -> Sequence[str]:
    return (violation.evidence.lists or {}).get("would_deprecate_ids", ())
