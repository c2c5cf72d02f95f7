"""What came of a remediation, on its way from the lane that tried it to the next decision."""

import json
from dataclasses import dataclass
from datetime import datetime

IDS = "ids"
"""What an entry's lists call the chosen ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemediationOutcome:
    """What one choice of playbooks came to: every chosen id under one of three words."""

    changed: tuple[str, ...] = ()
    not_changed: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    """Changed by us, perhaps, before a crash or a lost answer; or by somebody else."""
    cancelled: str | None = None
    """Why it was not carried out."""
    at: datetime
    """When it was known."""


def chosen(lists: str) -> tuple[str, ...]:
    """The ids that an entry's lists name as chosen, each once; none if somebody wrote there."""
    try:
        ids = json.loads(lists)[IDS]
    except (ValueError, TypeError, KeyError):
        return ()
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        return ()
    return tuple(dict.fromkeys(ids))
