"""GovernancePolicy.spec as users write it. Defaults are applied in `domain.policies`."""

from typing import Literal

from governor.probes.base import Probe
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.probes.llm_hallucination import LlmHallucination
from governor.probes.promql import Promql
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.durations import Duration
from governor.values.model import SpecModel
from governor.values.objectives import Direction

Severity = Literal["info", "warning", "critical"]


class ObjectiveSpec(SpecModel):
    """What the value must be; what is left out comes from the probe's defaults."""

    direction: Direction | None = None
    red_line: float | None = None
    target: float | None = None
    minimum_samples: int | None = None


class GuidanceSpec(SpecModel):
    """What a person should do about a finding of this check."""

    remediation: tuple[str, ...] | None = None
    next_action: str | None = None
    hint: str | None = None


class OwnershipSpec(SpecModel):
    """Whose a finding of this check is."""

    lead_agent: str | None = None
    lead_reason: str | None = None
    support_agents: tuple[str, ...] | None = None
    human_owner: str | None = None
    human_reason: str | None = None


class CheckSpec(SpecModel):
    """One probe and one objective. A new probe kind is one more line here."""

    name: str
    interval: Duration | None = None
    severity: Severity | None = None
    objective: ObjectiveSpec | None = None
    failure_threshold: int | None = None
    success_threshold: int | None = None
    guidance: GuidanceSpec | None = None
    ownership: OwnershipSpec | None = None

    trust_drift: TrustDrift | None = None
    knowledge_degradation: KnowledgeDegradation | None = None
    llm_hallucination: LlmHallucination | None = None
    execution_blast_radius: ExecutionBlastRadius | None = None
    promql: Promql | None = None
    sql: Sql | None = None

    @property
    def probe(self) -> Probe:
        """The one probe of the check.

        Raises:
            ValueError: there is none, or more than one.
        """
        found = [v for name in type(self).model_fields if isinstance(v := getattr(self, name), Probe)]
        if len(found) != 1:
            raise ValueError(f"check {self.name!r} must have exactly one probe, not {len(found)}")
        return found[0]


class SelfFailureSpec(SpecModel):
    """When governance itself counts as failing."""

    errored_checks: int | None = None
    blind_after: int | None = None


class PolicySpec(SpecModel):
    """What a platform team tolerates, and how often to look."""

    suspend: bool | None = None
    interval: Duration | None = None
    checks: tuple[CheckSpec, ...]
    self_failure: SelfFailureSpec | None = None
