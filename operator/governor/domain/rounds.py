"""What Alertmanagers were told to fire, and what they must yet hear the end of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from governor.domain.alerts import Alert, Identity

ENDS_KEPT = timedelta(minutes=15)
"""An end that could not be told for so long is given up: without a word from us, the alert
has long ended by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One channel's rounds so far. A new process knows of none."""

    firing: Mapping[Identity, Alert] = field(default_factory=dict)
    """What the last round told as firing, whether it was heard or not."""
    ended: Mapping[Identity, Alert] = field(default_factory=dict)
    """What fired in an earlier round and is no more spoken of: to be told as resolved, once."""

    def next(self, alerts: Sequence[Alert], now: datetime) -> "Said":
        """What a round with these alerts says."""
        spoken_of = {alert.identity for alert in alerts}
        missing = {
            identity: replace(alert, ends_at=max(now, alert.starts_at))
            for identity, alert in self.firing.items()
            if identity not in spoken_of
        }
        unheard = {
            identity: alert
            for identity, alert in self.ended.items()
            if identity not in spoken_of and now - alert.ends_at < ENDS_KEPT
        }
        firing = {alert.identity: alert for alert in alerts if alert.ends_at > now}
        return Said(firing=firing, ended=unheard | missing)

    def heard(self) -> "Said":
        """The same, once everybody has heard the round."""
        return replace(self, ended={})
