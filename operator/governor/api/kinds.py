"""The four kinds of custom resource: their names, their models, what `kubectl get` shows."""

from dataclasses import dataclass

from pydantic import BaseModel

from governor.api import GROUP
from governor.api.channel import ChannelSpec, ChannelStatus
from governor.api.mute import MuteSpec, MuteStatus
from governor.api.policy import PolicySpec
from governor.api.source import SourceSpec, SourceStatus
from governor.api.status import PolicyStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    description: str
    wide: bool = False
    """Only shown with `-o wide`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of custom resource."""

    kind: str
    plural: str
    short_name: str
    namespaced: bool
    description: str
    spec: type[BaseModel]
    status: type[BaseModel]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    """Paths that field selectors may name."""
    pending: tuple[str, ...]
    """Conditions that are Unknown until the operator says more: no status is no pass."""

    @property
    def crd_name(self) -> str:
        """The name of the CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"


def _condition(type_: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{type_}")].{field}'


_AGE = Column(
    name="Age", path=".metadata.creationTimestamp", type="date", description="Time since creation."
)

_REASON = Column(
    name="Reason", path=_condition("Ready", "reason"), description="Why it is ready, or not."
)

POLICIES = Resource(
    kind="GovernancePolicy",
    plural="governancepolicies",
    short_name="govpol",
    namespaced=True,
    description="A GovernancePolicy says what a platform team tolerates from its AI agents: which "
    "checks are measured, how often, and which values are Ok, a Warning or a violation.",
    spec=PolicySpec,
    status=PolicyStatus,
    columns=(
        Column(
            name="Compliant",
            path=_condition("Compliant", "status"),
            description="True: no check is past its red line. Unknown: not all could be judged.",
        ),
        Column(name="Verdict", path=".status.verdict", description="The worst check's verdict."),
        Column(
            name="Ok", path=".status.summary.ok", type="integer", description="Checks that are Ok."
        ),
        Column(
            name="Warn",
            path=".status.summary.warning",
            type="integer",
            description="Checks that are past their target.",
        ),
        Column(
            name="Violated",
            path=".status.summary.violated",
            type="integer",
            description="Checks that are past their red line.",
        ),
        Column(
            name="NoData",
            path=".status.summary.noData",
            type="integer",
            description="Checks without data to judge.",
        ),
        Column(
            name="Error",
            path=".status.summary.error",
            type="integer",
            description="Checks that could not be measured.",
        ),
        Column(
            name="Muted",
            path=".status.summary.muted",
            type="integer",
            description="Checks that a mute silences.",
        ),
        Column(
            name="Evaluated",
            path=".status.lastEvaluated",
            type="date",
            description="Time since a check was last run.",
        ),
        _AGE,
        Column(
            name="Message",
            path=_condition("Compliant", "message"),
            description="Which checks are worst, and why.",
            wide=True,
        ),
    ),
    selectable=(".status.verdict",),
    pending=("Ready", "Compliant"),
)

SOURCES = Resource(
    kind="GovernanceSource",
    plural="governancesources",
    short_name="govsrc",
    namespaced=False,
    description="A GovernanceSource is a PostgreSQL or Prometheus server that policies measure "
    "from. It says who may use it for what; its Secrets live in the operator's namespace.",
    spec=SourceSpec,
    status=SourceStatus,
    columns=(
        Column(
            name="Ready",
            path=_condition("Ready", "status"),
            description="Whether the server answers.",
        ),
        _REASON,
        Column(
            name="Version", path=".status.serverVersion", description="What the server says it is."
        ),
        Column(
            name="Probed",
            path=".status.lastProbed",
            type="date",
            description="Time since the server was last probed.",
        ),
        _AGE,
        Column(
            name="Message",
            path=_condition("Ready", "message"),
            description="Why the server is ready, or not.",
            wide=True,
        ),
    ),
    pending=("Ready",),
)

CHANNELS = Resource(
    kind="GovernanceChannel",
    plural="governancechannels",
    short_name="govchan",
    namespaced=False,
    description="A GovernanceChannel is a place where findings are told: Alertmanager, a chat "
    "or mailbox, a CloudEvents webhook. It says who may use it; its Secrets live in the "
    "operator's namespace.",
    spec=ChannelSpec,
    status=ChannelStatus,
    columns=(
        Column(
            name="Ready",
            path=_condition("Ready", "status"),
            description="Whether it takes what it is told.",
        ),
        _REASON,
        Column(
            name="Delivered",
            path=".status.lastDelivered",
            type="date",
            description="Time since it last took something.",
        ),
        _AGE,
        Column(
            name="Message",
            path=_condition("Ready", "message"),
            description="Why it is ready, or not.",
            wide=True,
        ),
    ),
    pending=("Ready",),
)

MUTES = Resource(
    kind="GovernanceMute",
    plural="governancemutes",
    short_name="govmute",
    namespaced=True,
    description="A GovernanceMute silences checks of one policy until it expires: nobody is "
    "told, nothing is acted on. It changes no verdict.",
    spec=MuteSpec,
    status=MuteStatus,
    columns=(
        Column(
            name="Policy", path=".spec.policyRef.name", description="Whose checks are silenced."
        ),
        Column(
            name="Checks", path=".spec.checks", description="Which checks are; none: all of them."
        ),
        Column(
            name="Active",
            path=_condition("Active", "status"),
            description="Whether it silences something now.",
        ),
        Column(name="Expires", path=".spec.expiresAt", description="When it ends."),
        Column(name="Owner", path=".spec.owner", description="Who answers for it."),
        _AGE,
        Column(
            name="Message",
            path=_condition("Accepted", "message"),
            description="Whether it is honoured, and why not.",
            wide=True,
        ),
    ),
    pending=("Accepted", "Active"),
)

RESOURCES = (POLICIES, SOURCES, CHANNELS, MUTES)
