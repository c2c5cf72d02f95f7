"""GovernanceSource: a server to measure from, and who may use it for what.

Defaults are applied where a source is put to use: `adapters.postgres`, `adapters.prometheus`.
"""

from typing import Annotated, Literal

from pydantic import Field

from governor.api.conditions import Conditions
from governor.api.namespaces import AllowedNamespaces
from governor.api.servers import (
    AT_MOST_ONE_CREDENTIAL,
    TLS_NEEDS_HTTPS,
    URL_LENGTH,
    BasicSecretRef,
    HttpTls,
    SecretKeyRef,
    addressed,
)
from governor.probes.base import Access
from governor.values.durations import Timeout
from governor.values.model import SpecModel, StatusModel
from governor.values.moments import Time
from governor.values.rules import Distinct, Rule, spelled

RELATIONS = ("playbooks", "knowledge_entries", "incident_evidence", "auto_repair_executions")
"""The governed tables, by the names that the probes know."""

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_$]{0,62}"


class PostgresTls(SpecModel):
    """How the PostgreSQL server's certificate is verified."""

    mode: Literal["VerifyFull", "VerifyCA", "Disable"] | None = None
    """VerifyFull: the certificate's authority and the host's name. VerifyCA: the authority
    alone. Disable: no TLS. Default: VerifyFull."""

    ca_secret_ref: SecretKeyRef | None = None
    """The authorities to trust, as PEM. Default: those of the operator's system."""


_RELATION_KEYS = Rule(
    message=f"relations can name {', '.join(RELATIONS[:-1])} and {RELATIONS[-1]}: remove others",
    cel=f"self.all(name, name in {list(RELATIONS)})",
    holds=lambda relations: all(name in RELATIONS for name in relations),
)

Relation = Annotated[
    str,
    Field(max_length=127),
    spelled(
        rf"^{_IDENTIFIER}(\.{_IDENTIFIER})?$",
        "write schema.table or table, as the catalog spells them",
    ),
]
"""A table or view, as `schema.table` or `table`."""


class PostgresSource(SpecModel):
    """A PostgreSQL server. It is measured in read-only transactions; only remediation writes."""

    secret_ref: SecretKeyRef
    """The key that holds the connection string (postgresql://user:password@host/database)
    for the built-in checks."""

    custom_sql_secret_ref: SecretKeyRef | None = None
    """The key that holds the connection string for sql checks: a login role of their own,
    with no more rights than their authors may have. Required where access has CustomSql."""

    remediation_secret_ref: SecretKeyRef | None = None
    """The key that holds the connection string for remediation: a login role of its own that
    may read the playbooks and update their status, and no more. Required where access has
    Remediation."""

    tls: PostgresTls | None = None
    """How the server's certificate is verified. Default: VerifyFull."""

    statement_timeout: Timeout | None = None
    """How long one statement may take: 1s to 30s. Default: 10s."""

    max_connections: Annotated[int, Field(ge=1, le=32)] | None = None
    """How many connections each of the pools may hold, 1 to 32. Default: 4."""

    relations: (
        Annotated[dict[str, Relation], Field(min_length=1, max_length=4), _RELATION_KEYS] | None
    ) = None
    """Which table or view stands for a governed table: a map from playbooks,
    knowledge_entries, incident_evidence or auto_repair_executions to `schema.table` or
    `table`, spelled as in the catalog. Default: the same name, in schema public."""


class PrometheusSource(SpecModel):
    """A server that answers instant queries as Prometheus does."""

    url: Annotated[
        str,
        Field(max_length=URL_LENGTH),
        addressed("http://prometheus.monitoring:9090", "bearerSecretRef or basicSecretRef"),
    ]
    """The server's address, with the path prefix if it has one: http or https, without
    user, query or fragment, such as http://prometheus.monitoring:9090."""

    bearer_secret_ref: SecretKeyRef | None = None
    """The key that holds a bearer token. At most one of bearerSecretRef and basicSecretRef.
    Default: none is sent."""

    basic_secret_ref: BasicSecretRef | None = None
    """The Secret that holds a user and a password for basic authentication. At most one of
    bearerSecretRef and basicSecretRef. Default: none is sent."""

    headers_secret_ref: SecretKeyRef | None = None
    """The key that holds headers to send, one `Name: value` a line, such as X-Scope-OrgID.
    Authorization may be among them where neither bearerSecretRef nor basicSecretRef is given.
    Default: none is sent."""

    tls: HttpTls | None = None
    """How the server's certificate is verified, and which one it is shown; only with an https
    URL. Default: verified by the authorities of the operator's system, and none is shown."""

    timeout: Timeout | None = None
    """How long one query may take: 1s to 30s. Default: 5s."""

    batching: bool | None = None
    """Whether queries of several checks may be sent in one request, which costs the server and
    the operator a small part of what one request each does. Each has the result that it has
    alone: it is sent so when what it is in fails. Set it to false where a proxy must see each
    query as its author wrote it. Default: true."""

    partial_response: bool | None = None
    """Whether a number may stand that the server calculated without some of its stores, as
    Thanos can; a check may then pass on what is missing. Default: false, and such an answer
    is an Error."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """One way to authenticate; TLS where there is TLS."""
        return (AT_MOST_ONE_CREDENTIAL, TLS_NEEDS_HTTPS)


class SourceSpec(SpecModel):
    """A server to measure from, and who may use it for what."""

    allowed_namespaces: AllowedNamespaces
    """Whose policies may use the source. They can learn all that the source's credentials
    can read."""

    access: Annotated[tuple[Access, ...], Field(min_length=1, max_length=3), Distinct()] | None = (
        None
    )
    """What a PostgreSQL source may be used for. BuiltinChecks: trustDrift,
    knowledgeDegradation, llmHallucination and executionBlastRadius. CustomSql: sql checks.
    Remediation: policies that say enforcement Enforce may have playbooks deprecated.
    Only with postgres. Default: BuiltinChecks."""

    postgres: PostgresSource | None = None
    """A PostgreSQL server. Exactly one of postgres and prometheus."""

    prometheus: PrometheusSource | None = None
    """A Prometheus server. Exactly one of postgres and prometheus."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """One kind of server, and access that it can give."""
        return _SOURCE_RULES


_SOURCE_RULES = (
    Rule(
        message="give exactly one of postgres and prometheus",
        cel="has(self.postgres) != has(self.prometheus)",
        holds=lambda it: (it.postgres is None) != (it.prometheus is None),
    ),
    Rule(
        message="access belongs to postgres: remove it",
        cel="!has(self.access) || has(self.postgres)",
        holds=lambda it: it.access is None or it.postgres is not None,
    ),
    Rule(
        message="access CustomSql needs postgres.customSqlSecretRef, the login of sql checks",
        cel="!has(self.access) || !('CustomSql' in self.access) || !has(self.postgres)"
        " || has(self.postgres.customSqlSecretRef)",
        holds=lambda it: (
            Access.CUSTOM_SQL not in (it.access or ())
            or it.postgres is None
            or it.postgres.custom_sql_secret_ref is not None
        ),
    ),
    Rule(
        message="access Remediation needs postgres.remediationSecretRef, the login that may "
        "deprecate playbooks",
        cel="!has(self.access) || !('Remediation' in self.access) || !has(self.postgres)"
        " || has(self.postgres.remediationSecretRef)",
        holds=lambda it: (
            Access.REMEDIATION not in (it.access or ())
            or it.postgres is None
            or it.postgres.remediation_secret_ref is not None
        ),
    ),
)


class SourceStatus(StatusModel):
    """Whether the server can be reached. It never gates measuring."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status is about."""

    server_version: Annotated[str, Field(max_length=200)] | None = None
    """The server's product and version, as it told at the latest successful probing."""

    last_probed: Time | None = None
    """When the server was last probed."""

    conditions: Conditions = ()
    """Ready: True while the server answers; else its message says why not."""
