"""What Alertmanager is told: every finding that is open now, and what ended lately.

Alertmanager is level-triggered: it is told again and again, and never by the log
(protocol, rule 24).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert, firing or resolved."""

    labels: Mapping[str, str]
    """Its identity: `alertname`, `cluster`, `namespace`, `policy`, `check`, `severity`."""
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    """In the past: it is resolved."""
