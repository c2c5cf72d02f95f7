"""What measuring a check can yield. An outcome is data: nobody raises it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from governor.values.reasons import Reason

Fact = float | int | str | None
"""A number or a word that a finding tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A number that a source gave. Whether it may be judged is for `judge` to say."""

    value: float
    """The measured number, unrounded; may be NaN or infinite."""

    samples: int | None = None
    """How many things it was computed from, where the probe knows."""

    facts: Mapping[str, Fact] = field(default_factory=dict)
    """The numbers behind the value, by their names in a finding's `impact`."""

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Lists behind the value, such as playbook ids, worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """The source answered, and there was nothing to judge."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The measuring failed."""

    reason: Reason
    message: str


Outcome = Measurement | Absence | Fault


class FaultError(Exception):
    """Carries a fault up a call stack to where it becomes an outcome again."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.fault = Fault(reason=reason, message=message)


class UnconfirmedError(FaultError):
    """Of a change, not of a measurement: it may have been made, its answer was lost."""
