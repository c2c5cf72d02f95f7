"""Valid things with whatever a test cares about set differently."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.at_rest import stays_if_at_rest

from governor.api.policy import PolicySpec
from governor.api.status import PolicyStatus
from governor.domain.episodes import Run
from governor.domain.plans import NOTHING_LEARNED, Feedback, Snapshot, decide
from governor.domain.policies import Policy, resolve
from governor.domain.schedules import slot_at, stamp
from governor.domain.surroundings import Surroundings
from governor.values.outcomes import Absence, Fault, Measurement, Outcome
from governor.values.reasons import Reason

UID = "6b1c2f0e-52a5-4f0c-9c55-0a1b2c3d4e5f"
NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)

VALUES: dict[str, Outcome] = {
    "ok": Measurement(value=0.9),
    "warning": Measurement(value=0.75),
    "violated": Measurement(value=0.5),
    "nodata": Absence(reason=Reason.EMPTY_RESULT, message="the query gave no series"),
    "error": Fault(reason=Reason.UNREACHABLE, message="connection refused"),
    "stuck": Fault(reason=Reason.QUERY_INVALID, message="parse error"),
}
"""An outcome for each verdict of `slo()` checks."""


def slo(name: str = "autonomy-rate", **overrides: Any) -> dict[str, Any]:
    """A promql check: red line 0.7, target 0.8, above is good."""
    check: dict[str, Any] = {
        "name": name,
        "interval": "60s",
        "promql": {"sourceRef": {"name": "prometheus"}, "query": f"sli:{name}"},
        "objective": {"direction": "Above", "redLine": 0.7, "target": 0.8},
    }
    return check | overrides


def blast(name: str = "blast", **overrides: Any) -> dict[str, Any]:
    """An executionBlastRadius check with every default."""
    check: dict[str, Any] = {
        "name": name,
        "interval": "60s",
        "executionBlastRadius": {"sourceRef": {"name": "platform"}},
    }
    return check | overrides


def drift(name: str = "drift", **overrides: Any) -> dict[str, Any]:
    """A trustDrift check with every default: one drifted playbook is a violation."""
    check: dict[str, Any] = {
        "name": name,
        "interval": "60s",
        "trustDrift": {"sourceRef": {"name": "platform"}},
    }
    return check | overrides


def knowledge(name: str = "knowledge", **overrides: Any) -> dict[str, Any]:
    """A knowledgeDegradation check whose findings become work of hermes."""
    check: dict[str, Any] = {
        "name": name,
        "interval": "60s",
        "knowledgeDegradation": {"sourceRef": {"name": "platform"}},
        "dispatch": {"executor": "hermes"},
    }
    return check | overrides


def drifted(*unused: str, total: int = 100) -> Measurement:
    """What a trustDrift check measures where these playbooks have drifted, unused."""
    count = len(unused) + 1
    return Measurement(
        value=count / total,
        samples=total,
        facts={
            "drifted_count": count,
            "total_playbooks": total,
            "would_deprecate_count": len(unused),
        },
        lists={"would_deprecate_ids": unused, "sample_playbook_ids": ("kept",)},
    )


def spec(*checks: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    """A policy's spec, of one SLO check unless told otherwise."""
    return {"checks": list(checks) or [slo()]} | overrides


def policy(*checks: dict[str, Any], **overrides: Any) -> Policy:
    """The same with defaults applied."""
    return resolve(PolicySpec.model_validate(spec(*checks, **overrides)))


class History:
    """A policy's life, decision by decision, on a clock that only the test moves."""

    def __init__(self, of: Policy | None = None, *, uid: str = UID) -> None:
        self.policy = of or policy()
        self.uid = uid
        self.generation = 1
        self.now = NOON
        self.status = PolicyStatus()
        self.surroundings = Surroundings()
        self.told: list[Any] = []
        """Every entry that was ever in the log, in order of decision."""

    def turn(self, policy: Policy) -> None:
        """A new generation of the spec."""
        self.policy = policy
        self.generation += 1

    def surround(self, **changes: Any) -> None:
        """Mutes, channels or what may be remediated have changed."""
        self.surroundings = replace(self.surroundings, **changes)

    def tick(self, seconds: float = 60) -> None:
        """Time goes by."""
        self.now += timedelta(seconds=seconds)

    def decide(
        self, feedback: Feedback = NOTHING_LEARNED, /, **outcomes: str | Outcome
    ) -> PolicyStatus:
        """Decides on outcomes by check name, dashes as underscores."""
        checks = {check.name: check for check in self.policy.checks}
        runs = []
        for word, outcome in outcomes.items():
            check = checks[word.replace("_", "-")]
            slot = slot_at(self.uid, check.interval, self.now)
            measured = VALUES[outcome] if isinstance(outcome, str) else outcome
            runs.append(
                Run(check=check.name, slot=slot, at=stamp(self.now, slot), outcome=measured)
            )
        snapshot = Snapshot(
            uid=self.uid,
            generation=self.generation,
            policy=self.policy,
            status=self.status,
            surroundings=self.surroundings,
        )
        known = {entry.id for entry in self.status.pending}
        self.status = decide(snapshot, runs, feedback, self.now)
        stays_if_at_rest(snapshot, self.status, self.now)
        self.told += [entry for entry in self.status.pending if entry.id not in known]
        return self.status

    def slots(self, *outcomes: str | Outcome, check: str = "autonomy_rate") -> PolicyStatus:
        """One decision a slot, for the one check of the default policy."""
        for outcome in outcomes:
            self.tick()
            self.decide(**{check: outcome})
        return self.status

    def check(self, name: str = "autonomy-rate") -> Any:
        """One check's status."""
        return next(check for check in self.status.checks if check.name == name)

    def condition(self, type_: str) -> Any:
        """One condition; None if it is absent."""
        return next((c for c in self.status.conditions if c.type == type_), None)

    def story(self) -> list[tuple[str, str, str]]:
        """What was told: transition, check, event type."""
        return [(e.transition.value, e.check, e.event_type) for e in self.told]
