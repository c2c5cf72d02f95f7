"""GovernancePolicy.spec.notify: whom a policy's findings are told."""

from typing import Annotated

from pydantic import Field

from governor.values.durations import Duration, between
from governor.values.model import ATOMIC, SpecModel
from governor.values.names import ObjectName
from governor.values.rules import Keyed
from governor.values.severities import Severity


class ChannelRef(SpecModel):
    """Names a GovernanceChannel."""

    model_config = ATOMIC

    name: ObjectName
    """The name of a GovernanceChannel that allows this namespace."""


class NotifySpec(SpecModel):
    """Whom a policy's findings are told, and how often."""

    channels: Annotated[tuple[ChannelRef, ...], Field(min_length=1, max_length=8), Keyed("name")]
    """Where findings are told: 1 to 8 channels with distinct names."""

    minimum_severity: Severity | None = None
    """Findings of a lower severity are not told: info, warning or critical.
    Default: warning."""

    reminder_interval: Annotated[Duration, between("1m", "30d")] | None = None
    """How long after it was last told a finding that is still open is told again: 1m to 30d.
    Alertmanager repeats by its own rules. Default: 4h."""

    resolved: bool | None = None
    """Whether it is told that a finding is resolved, if its opening was told.
    Default: true."""
