"""How grave a finding is."""

from typing import Literal

Severity = Literal["info", "warning", "critical"]

_RANKS = {"info": 0, "warning": 1, "critical": 2}


def at_least(severity: str, minimum: Severity) -> bool:
    """Whether a severity, as somebody wrote it, is as grave as the minimum; in doubt it is."""
    return _RANKS.get(severity, _RANKS["critical"]) >= _RANKS[minimum]
