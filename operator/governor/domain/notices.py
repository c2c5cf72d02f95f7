"""What people and machines are told of a transition: plain data, rendered for each medium."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from governor.api.log import Entry, Transition
from governor.api.policy import PolicySpec
from governor.domain.details import details
from governor.domain.governance import SELF_FAILURE

TOLD = (Transition.OPEN, Transition.REMINDER, Transition.RESOLVE)
"""The transitions that channels are told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One transition of a finding."""

    id: UUID
    """The transition's id, by which receivers deduplicate."""
    transition: Transition
    """One of `TOLD`."""
    finding: UUID
    event_type: str
    cluster: str
    namespace: str
    policy: str
    check: str
    """Empty for findings of the whole policy."""
    severity: str
    message: str
    """What is wrong and how bad, in one line."""
    value: float | None
    red_line: float | None
    target: float | None
    direction: str | None
    """`Above` or `Below`: the good side of the lines."""
    since: datetime
    """When the finding opened."""
    at: datetime
    """When this transition was decided."""
    resolved_reason: str | None
    hint: str
    next_action: str
    steps: tuple[str, ...]
    """What to do, in order."""
    human_owner: str
    lead_agent: str | None
    command: str
    """A kubectl command that shows more."""
    source: str | None
    """Of a self failure: the one source behind all of its errors, if it is one."""
    details: Mapping[str, Any]
    """As the database has them."""


def notice(
    entry: Entry, *, cluster: str, namespace: str, policy: str, spec: PolicySpec | None
) -> Notice:
    """What an entry of the log tells.

    Args:
        entry: one of a finding, its transition in `TOLD`.
        cluster: its name, for people.
        namespace: of the policy.
        policy: its name.
        spec: the policy's spec at the entry's generation; None if it is not known.

    Raises:
        ValueError: the entry belongs to no finding.
    """
    if entry.finding is None or entry.opened_at is None:
        raise ValueError(f"entry {entry.id} ({entry.transition}) belongs to no finding")
    told = details(entry, spec)
    lines = entry.objective
    source = told["impact"].get("source") if entry.event_type == SELF_FAILURE else None
    return Notice(
        id=entry.id,
        transition=entry.transition,
        finding=entry.finding,
        event_type=entry.event_type,
        cluster=cluster,
        namespace=namespace,
        policy=policy,
        check=entry.check,
        severity=entry.severity,
        message=entry.message,
        value=entry.value,
        red_line=lines.red_line if lines else None,
        target=lines.target if lines else None,
        direction=lines.direction.value if lines else None,
        since=entry.opened_at,
        at=entry.decided_at,
        resolved_reason=entry.resolved_reason,
        hint=told["remediation"]["hint"],
        next_action=told["remediation"]["next_action"],
        steps=tuple(told["remediation"]["items"]),
        human_owner=told["ownership"]["human_owner"],
        lead_agent=told["ownership"]["lead_agent"],
        command=f"kubectl describe governancepolicy {policy} -n {namespace}",
        source=str(source) if source else None,
        details=told,
    )
