"""What a finding says: `details` of its row (checks.md, "What a finding says").

Rendered when it is delivered: numbers and lists are the log entry's, texts those of the
spec that was judged by, or the defaults where nobody has that spec any more.
"""

import json
from collections.abc import Mapping
from typing import Any

from governor.api.guidance import GuidanceSpec, OwnershipSpec
from governor.api.log import Entry
from governor.api.policy import CheckSpec, PolicySpec
from governor.domain import texts
from governor.domain.governance import CHECK_BLIND, DATA_GAP, SELF_FAILURE
from governor.domain.mutes import GOVERNANCE_MUTE
from governor.probes.base import Guidance, Probe
from governor.probes.trust_drift import TrustDrift

_STATUS = {
    SELF_FAILURE: "critical",
    DATA_GAP: "warning",
    CHECK_BLIND: "warning",
    GOVERNANCE_MUTE: "info",
}

_OMITTED = "_omitted"
"""What a list had no room for is counted under its name and this."""


def details(entry: Entry, spec: PolicySpec | None) -> dict[str, Any]:
    """What the finding of an entry says.

    Args:
        entry: an opening or a resolution.
        spec: the policy's spec at the entry's generation; None if it is not known,
            which `texts` then says.
    """
    kind = _kind(entry)
    check = _check(entry, spec)
    texts_of_spec = spec is not None and (check is not None or not entry.check)
    numbers = _json_object(entry.impact)
    if entry.event_type == CHECK_BLIND:
        told = {"check": entry.check, "reason": entry.reason, "message": entry.message}
        numbers = told | numbers
    unjudged = {"unjudged": numbers.pop("unjudged")} if "unjudged" in numbers else {}
    parts = {
        "impact": numbers,
        "remediation": _remediation(entry, kind, check),
        "actionable": {},
    }
    parts["actionable"]["items"] = parts["remediation"]["items"]
    ownership = _ownership(entry, kind, check)
    if entry.event_type == GOVERNANCE_MUTE:
        ownership |= _owner_of_mute(numbers)
    if kind is TrustDrift:
        _tell_deprecations(parts, enforced=spec is not None and spec.enforcement == "Enforce")
    _place_lists(entry, parts)
    return {
        "status": kind.FINDING_STATUS if kind else _STATUS.get(entry.event_type, "warning"),
        **parts,
        **unjudged,
        "objective": _objective(entry),
        "ownership": ownership,
        "generation": entry.generation,
        "message": entry.message,
        "texts": "generation" if texts_of_spec else "defaults",
    }


def _kind(entry: Entry) -> type[Probe] | None:
    """The kind of probe whose finding this is; None for those about governance itself."""
    for kind in CheckSpec.kinds().values():
        if entry.check and kind.event_type(entry.check) == entry.event_type:
            return kind
    return None


def _check(entry: Entry, spec: PolicySpec | None) -> CheckSpec | None:
    """The check of the spec that the finding is about, if it is still of that kind."""
    for check in spec.checks if spec else ():
        if check.name == entry.check:
            told = {CHECK_BLIND, *(probe.event_type(check.name) for probe in check.probes)}
            return check if entry.event_type in told else None
    return None


def _remediation(entry: Entry, kind: type[Probe] | None, check: CheckSpec | None) -> dict[str, Any]:
    if kind is None:
        # What a check's author advises is about its violation, not about its blindness.
        guidance = texts.GUIDANCE.get(entry.event_type, texts.UNKNOWN_GUIDANCE)
        return _guided(guidance, None)
    return _guided(kind.GUIDANCE, check.guidance if check else None)


def _guided(default: Guidance, said: GuidanceSpec | None) -> dict[str, Any]:
    said = said or GuidanceSpec()
    return {
        "items": list(default.items if said.remediation is None else said.remediation),
        "next_action": said.next_action or default.next_action,
        "hint": said.hint or default.hint,
    }


def _ownership(entry: Entry, kind: type[Probe] | None, check: CheckSpec | None) -> dict[str, Any]:
    default = texts.OWNERSHIP.get(entry.event_type)
    if default is None:
        default = texts.SLO_OWNERSHIP if kind else texts.OWNERSHIP[SELF_FAILURE]
    said = (check.ownership if check else None) or OwnershipSpec()
    supports = default.support_agents if said.support_agents is None else said.support_agents
    # A reason explains one name: with another name, the default reason would be wrong.
    return {
        "lead_agent": said.lead_agent or default.lead_agent,
        "lead_reason": said.lead_reason or (None if said.lead_agent else default.lead_reason),
        "support_agents": list(supports),
        "human_owner": said.human_owner or default.human_owner,
        "human_reason": said.human_reason or (None if said.human_owner else default.human_reason),
    }


def _owner_of_mute(impact: Mapping[str, Any]) -> dict[str, Any]:
    """Whom the mute itself names, and why; its end says neither again."""
    told = {"human_owner": impact.get("owner"), "human_reason": impact.get("reason")}
    return {name: value for name, value in told.items() if value}


def _objective(entry: Entry) -> dict[str, Any] | None:
    objective = entry.objective
    if objective is None:
        return None
    return {
        "direction": objective.direction.value,
        "red_line": objective.red_line,
        "target": objective.target,
    }


def _tell_deprecations(parts: dict[str, dict[str, Any]], *, enforced: bool) -> None:
    """Under Audit it is said what would be deprecated; what was, the sink adds."""
    would = parts["impact"].pop("would_deprecate_count", None)
    parts["remediation"] |= {"auto_deprecated_count": 0, "auto_deprecated_ids": []}
    if not enforced:
        parts["remediation"] |= {"would_deprecate_count": would, "would_deprecate_ids": []}
    parts["actionable"]["sample_playbook_ids"] = []


def _place_lists(entry: Entry, parts: dict[str, dict[str, Any]]) -> None:
    """Puts each list, and the count of what it had no room for, where it is read."""
    places = {"would_deprecate_ids": "remediation", "sample_playbook_ids": "actionable"}
    for name, value in _json_object(entry.lists).items():
        if name.startswith("would_") and "would_deprecate_ids" not in parts["remediation"]:
            continue  # they are deprecated, not only listed
        parts[places.get(name.removesuffix(_OMITTED), "impact")][name] = value


def _json_object(text: str) -> dict[str, Any]:
    """What an entry keeps as text; nothing if somebody else has written there."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return dict(value) if isinstance(value, Mapping) else {}
