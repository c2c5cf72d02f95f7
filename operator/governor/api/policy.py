"""GovernancePolicy.spec as users write it. Defaults are applied in `domain.policies`."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from governor.api.acting import DispatchSpec
from governor.api.check_rules import check_rules, objective_rules
from governor.api.guidance import GuidanceSpec, OwnershipSpec
from governor.api.notify import NotifySpec
from governor.probes.base import Probe
from governor.probes.execution_blast_radius import ExecutionBlastRadius
from governor.probes.knowledge_degradation import KnowledgeDegradation
from governor.probes.llm_hallucination import LlmHallucination
from governor.probes.promql import Promql
from governor.probes.sql import Sql
from governor.probes.trust_drift import TrustDrift
from governor.values.durations import Interval
from governor.values.model import SpecModel
from governor.values.names import CheckName
from governor.values.objectives import Direction
from governor.values.rules import Keyed, Rule
from governor.values.severities import Severity

Threshold = Annotated[int, Field(ge=1, le=100)]
"""So many runs in a row."""

Level = Annotated[float, Field(ge=-1e15, le=1e15)]  # a distance to it is always finite


class ObjectiveSpec(SpecModel):
    """What the value must be; what is left out comes from the probe's defaults."""

    direction: Direction | None = None
    """On which side of the lines the value is good: Above or Below. Required for promql
    and sql; not allowed for the built-in checks, which are always Below."""

    red_line: Level | None = None
    """Past this value the check is Violated; on it, it is not. Required for promql and sql.
    Default: trustDrift 0, knowledgeDegradation 0.2, llmHallucination 0.1,
    executionBlastRadius 0.15."""

    target: Level | None = None
    """Past this value, but not past the red line, the check is a Warning. At or above the
    red line where the direction is Above, else at or below it.
    Default: none; the check is then never a Warning."""

    minimum_samples: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """With fewer samples than this the check is NoData. Not allowed for promql, which
    knows no samples. At least 1. Default: 1."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Target and red line on the right sides."""
        return objective_rules()


class CheckSpec(SpecModel):
    """One probe and one objective."""

    name: CheckName
    """The check's name, unique within the policy: a DNS label of up to 40 characters."""

    interval: Interval | None = None
    """How often the check runs: 5s to 7d, a multiple of 5s, as a whole number of s, m, h
    or d, such as 15m. Default: the policy's interval."""

    severity: Severity | None = None
    """How grave a finding of this check is: info, warning or critical. Default: warning."""

    objective: ObjectiveSpec | None = None
    """What the value must be. Required for promql and sql; for the built-in checks each
    field has a default of its own."""

    failure_threshold: Threshold | None = None
    """How many Violated runs in a row open a finding, 1 to 100. The verdict is always that
    of the latest run. Default: 1."""

    success_threshold: Threshold | None = None
    """How many Ok or Warning runs in a row resolve the finding, 1 to 100. Default: 1."""

    guidance: GuidanceSpec | None = None
    """What a person should do about a finding. Default: the probe's own guidance."""

    ownership: OwnershipSpec | None = None
    """Whose a finding is. Default: nobody's."""

    dispatch: DispatchSpec | None = None
    """Makes every finding of this check a work item for an executor. Default: none."""

    # A new kind of probe is one more line here, and its file.
    trust_drift: TrustDrift | None = None
    """Measures the share of playbooks in use whose trust score is below a minimum.
    A check has exactly one probe."""

    knowledge_degradation: KnowledgeDegradation | None = None
    """Measures the share of knowledge entries that are stale.
    A check has exactly one probe."""

    llm_hallucination: LlmHallucination | None = None
    """Measures the share of the latest verified diagnoses that failed verification.
    A check has exactly one probe."""

    execution_blast_radius: ExecutionBlastRadius | None = None
    """Measures the share of the latest automatic repairs that failed.
    A check has exactly one probe."""

    promql: Promql | None = None
    """Measures the value of a PromQL query. Needs objective.direction and
    objective.redLine. A check has exactly one probe."""

    sql: Sql | None = None
    """Measures the number that a SELECT gives. Needs objective.direction and
    objective.redLine. A check has exactly one probe."""

    @classmethod
    def kinds(cls) -> dict[str, type[Probe]]:
        """Every kind of probe, by its field's name in a manifest."""
        return {
            field.alias or name: kind
            for name, field in cls.model_fields.items()
            for kind in get_args(field.annotation)
            if isinstance(kind, type) and issubclass(kind, Probe)
        }

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Exactly one probe, and an objective that suits it."""
        return check_rules(cls.kinds())

    @property
    def probes(self) -> tuple[Probe, ...]:
        """The probes that are given; the rules see to it that there is one."""
        given = (getattr(self, name) for name in type(self).model_fields)
        return tuple(value for value in given if isinstance(value, Probe))

    @property
    def probe(self) -> Probe:
        """The one probe of the check.

        Raises:
            ValueError: there is none, or more than one.
        """
        if len(self.probes) != 1:
            raise ValueError(
                f"check {self.name!r} must have exactly one probe, not {len(self.probes)}"
            )
        return self.probes[0]


class SelfFailureSpec(SpecModel):
    """When governance itself counts as failing."""

    errored_checks: Annotated[int, Field(ge=1, le=32)] | None = None
    """So many checks of the policy in Error open a critical finding, 1 to 32. Default: 3."""

    blind_after: Annotated[int, Field(ge=1, le=100)] | None = None
    """So many runs in a row in Error or NoData open a finding that the check is blind,
    1 to 100. Default: 3."""


class PolicySpec(SpecModel):
    """What a platform team tolerates, and how often to look."""

    suspend: bool | None = None
    """While true, nothing is measured and every finding stays as it is. Default: false."""

    interval: Interval | None = None
    """How often each check runs that does not say so itself: 5s to 7d, a multiple of 5s,
    as a whole number of s, m, h or d, such as 15m. Default: 1h."""

    checks: Annotated[tuple[CheckSpec, ...], Field(min_length=1, max_length=32), Keyed("name")]
    """What is measured, and what is tolerated; 1 to 32 checks with distinct names."""

    enforcement: Literal["Audit", "Enforce"] | None = None
    """Audit: say what would be changed. Enforce: trustDrift checks have drifted, unused
    playbooks deprecated, where their source's access has Remediation. Default: Audit."""

    mutes: Literal["Allowed", "Forbidden"] | None = None
    """Whether a GovernanceMute may silence this policy's checks. Default: Forbidden for
    critical checks and for the finding that governance itself fails, else Allowed."""

    notify: NotifySpec | None = None
    """Who is told of findings, beside this status, Events and the database.
    Default: nobody."""

    self_failure: SelfFailureSpec | None = None
    """When governance itself counts as failing. Default: each field's own."""
