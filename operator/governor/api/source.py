"""GovernanceSource: a server to measure from, and who may use it for what."""

from typing import Literal

from governor.probes.base import Access
from governor.values.durations import Duration
from governor.values.model import SpecModel, StatusModel

from governor.api.conditions import Condition


class SecretKeyRef(SpecModel):
    """One key of a Secret in the operator's own namespace."""

    name: str
    key: str


class BasicSecretRef(SpecModel):
    """A Secret in the operator's own namespace holding a user and a password."""

    name: str
    username_key: str | None = None
    password_key: str | None = None


class LabelRequirement(SpecModel):
    """As in a Kubernetes label selector."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] | None = None


class LabelSelector(SpecModel):
    """As in Kubernetes: all of it must match."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[LabelRequirement, ...] | None = None


class AllowedNamespaces(SpecModel):
    """Whose policies may use the source. (`from` is a word of Python's.)"""

    from_: Literal["All", "Selector"]
    selector: LabelSelector | None = None


class PostgresTls(SpecModel):
    mode: Literal["VerifyFull", "VerifyCA", "Disable"] | None = None
    ca_secret_ref: SecretKeyRef | None = None


class PostgresSource(SpecModel):
    secret_ref: SecretKeyRef
    custom_sql_secret_ref: SecretKeyRef | None = None
    tls: PostgresTls | None = None
    statement_timeout: Duration | None = None
    max_connections: int | None = None
    relations: dict[str, str] | None = None


class PrometheusTls(SpecModel):
    ca_secret_ref: SecretKeyRef | None = None


class PrometheusSource(SpecModel):
    url: str
    bearer_secret_ref: SecretKeyRef | None = None
    basic_secret_ref: BasicSecretRef | None = None
    tls: PrometheusTls | None = None
    timeout: Duration | None = None


class SourceSpec(SpecModel):
    allowed_namespaces: AllowedNamespaces
    access: tuple[Access, ...] | None = None
    postgres: PostgresSource | None = None
    prometheus: PrometheusSource | None = None


class SourceStatus(StatusModel):
    observed_generation: int | None = None
    server_version: str | None = None
    last_probed: str | None = None
    conditions: tuple[Condition, ...] = ()
