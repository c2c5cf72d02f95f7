"""What every kind of probe says about itself."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from governor.values.model import ATOMIC, SpecModel
from governor.values.names import ObjectName
from governor.values.objectives import Objective
from governor.values.outcomes import Fact, Outcome


class Access(StrEnum):
    """What a PostgreSQL source may be used for."""

    BUILTIN_CHECKS = "BuiltinChecks"
    CUSTOM_SQL = "CustomSql"
    REMEDIATION = "Remediation"


class SourceKind(StrEnum):
    """What a probe measures from."""

    POSTGRES = "postgres"
    PROMETHEUS = "prometheus"


class SourceRef(SpecModel):
    """Names a GovernanceSource."""

    model_config = ATOMIC

    name: ObjectName
    """The name of a GovernanceSource that allows this namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What a person should do about a finding, where the policy does not say."""

    hint: str
    next_action: str
    items: tuple[str, ...]


class Probe(SpecModel, ABC):
    """A probe as a policy declares it, and what its kind knows."""

    SOURCE: ClassVar[SourceKind]
    ACCESS: ClassVar[Access | None] = None
    FINDING_STATUS: ClassVar[str]
    """`details.status` of this kind's findings: `warning` or `violation`."""
    OBJECTIVE: ClassVar[Objective | None]
    """The default objective; None where the check must bring direction and red line."""
    GUIDANCE: ClassVar[Guidance]

    source_ref: SourceRef
    """The source to measure from."""

    @classmethod
    @abstractmethod
    def event_type(cls, check: str) -> str:
        """The `event_type` of this kind's findings, for the check of that name."""

    @abstractmethod
    def impact(
        self, check: str, value: float, objective: Objective, facts: Mapping[str, Fact]
    ) -> dict[str, Fact]:
        """The numbers that a finding tells, as `details.impact` spells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlQuery:
    """One statement, its parameters, and the columns that it relies on."""

    text: str
    """The statement; parameters are `$1`, `$2`, …"""
    parameters: tuple[object, ...] = ()
    columns: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Quoted relation → column → the PostgreSQL types that it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlAnswer:
    """What a statement returned. Column names may repeat: custom SQL can do that."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def row(self) -> Mapping[str, object]:
        """The first row by column names; a built-in's aggregate always has one."""
        return dict(zip(self.columns, self.rows[0], strict=True))


class SqlProbe(Probe, ABC):
    """A probe that a PostgreSQL source answers with rows."""

    SOURCE = SourceKind.POSTGRES

    @abstractmethod
    def query(self, relations: Mapping[str, str], at: datetime) -> SqlQuery:
        """What to ask at that time; relations are schema-qualified and quoted."""

    @abstractmethod
    def read(self, answer: SqlAnswer) -> Outcome:
        """What the answer says."""


class PromProbe(Probe, ABC):
    """A probe that a Prometheus source answers with an instant query's `data`."""

    SOURCE = SourceKind.PROMETHEUS

    @property
    @abstractmethod
    def expression(self) -> str:
        """The PromQL expression."""

    @abstractmethod
    def read(self, data: object) -> Outcome:
        """What the answer's `data` member (resultType, result) says."""
