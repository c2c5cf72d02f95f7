"""What the author of a policy wants of it, in the few words that a model of it needs."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.builders import VALUES, drift, drifted, slo

from governor.values.outcomes import Measurement, Outcome

MEASURED = ("ok", "warning", "violated")
"""What a check says that has a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check; `failure` and `success` are its thresholds."""

    name: str
    kind: str = "slo"
    """`slo` or `drift`."""
    red_line: float = 0.7
    failure: int = 1
    success: int = 1
    severity: str = "warning"

    @property
    def event_type(self) -> str:
        """Of its findings."""
        return "trust_drift" if self.kind == "drift" else f"slo_{self.name}_violation"

    @property
    def spec(self) -> dict[str, Any]:
        """As its author writes it."""
        thresholds = {
            "failureThreshold": self.failure,
            "successThreshold": self.success,
            "severity": self.severity,
        }
        if self.kind == "drift":
            return drift(self.name, **thresholds)
        objective = {"direction": "Above", "redLine": self.red_line, "target": 0.8}
        return slo(self.name, objective=objective, **thresholds)

    def outcome(self, word: str) -> Outcome:
        """What measures as that word."""
        if self.kind == "slo" or word not in MEASURED:
            return VALUES[word]
        return drifted("a", "b") if word == "violated" else Measurement(value=0.0, samples=100)

    def verdict(self, word: str) -> str:
        """What is said of it."""
        if word == "stuck":
            return "error"
        return "ok" if self.kind == "drift" and word == "warning" else word


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A policy's spec."""

    checks: tuple[Check, ...] = (Check(name="a"), Check(name="b", kind="drift", failure=2))
    suspended: bool = False
    enforced: bool = False
    channels: tuple[str, ...] = ("chat", "pager")
    severity: str = "warning"
    """The least that channels are told of."""
    ends: bool = True
    """Whether channels are told of ends."""
    mutes: str | None = None
    errored: int = 2
    blind_after: int = 2

    @property
    def spec(self) -> dict[str, Any]:
        """As its author writes it."""
        spec: dict[str, Any] = {
            "checks": [check.spec for check in self.checks],
            "suspend": self.suspended,
            "enforcement": "Enforce" if self.enforced else "Audit",
            "selfFailure": {"erroredChecks": self.errored, "blindAfter": self.blind_after},
        }
        if self.mutes:
            spec["mutes"] = self.mutes
        if self.channels:
            spec["notify"] = {
                "channels": [{"name": name} for name in self.channels],
                "minimumSeverity": self.severity,
                "resolved": self.ends,
                "reminderInterval": "10m",
            }
        return spec

    def mutable(self, severity: str) -> bool:
        """Whether a mute may silence what is so severe."""
        return severity != "critical" if self.mutes is None else self.mutes == "Allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a decision of the model takes into account beside the wish."""

    mutes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Those in force: uid, and the checks that are named; none: all."""
    usable: frozenset[str] = field(default_factory=frozenset)
    """The channels that can be told of single transitions now."""
