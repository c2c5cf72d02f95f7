"""Who may measure what from which source, and how a source's status says that it is there."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from governor.api.source import SourceSpec, SourceStatus
from governor.domain import resources
from governor.domain.conditions import READY, Told, upsert
from governor.domain.judging import one_line
from governor.domain.resources import Labels, allows, misread
from governor.probes.base import Access, Probe, SourceKind
from governor.values.outcomes import Fault
from governor.values.reasons import Reason

PROBED_EVERY = timedelta(minutes=5)
"""How old `lastProbed` may get while nothing else changes: a write a probing is too many."""


def admit(
    spec: SourceSpec, namespace: str, namespace_labels: Labels | None, probe: Probe
) -> Fault | None:
    """Why a policy may not measure this probe from this source; None if it may.

    To be asked before anything is sent, and before an answer is shared. The namespace
    comes first: who may not use a source learns nothing more of it.

    Args:
        spec: the source.
        namespace: of the policy.
        namespace_labels: as they are now; None where the namespace is not known.
        probe: what would be measured; it names the source.
    """
    name = probe.source_ref.name
    return _refusal(spec, namespace, namespace_labels, name, kind=probe.SOURCE, access=probe.ACCESS)


def may_remediate(
    spec: SourceSpec, namespace: str, namespace_labels: Labels | None, source: str
) -> Fault | None:
    """Why a policy may not have playbooks deprecated through this source; None if it may.

    Args:
        spec: the source.
        namespace: of the policy.
        namespace_labels: as they are now; None where the namespace is not known.
        source: its name.
    """
    kind, access = SourceKind.POSTGRES, Access.REMEDIATION
    return _refusal(spec, namespace, namespace_labels, source, kind=kind, access=access)


def _refusal(
    spec: SourceSpec,
    namespace: str,
    namespace_labels: Labels | None,
    name: str,
    *,
    kind: SourceKind,
    access: Access | None,
) -> Fault | None:
    if not allows(spec, namespace_labels):
        return Fault(
            reason=Reason.SOURCE_FORBIDDEN,
            message=f"GovernanceSource {name} does not allow namespace {namespace}: an "
            "administrator can, in its allowedNamespaces",
        )
    is_kind = kind_of(spec)
    if is_kind is not kind:
        return Fault(
            reason=Reason.SOURCE_NOT_FOUND,
            message=f"GovernanceSource {name} is a {is_kind} source: this check needs a "
            f"{kind} source in sourceRef",
        )
    if access is not None and access not in access_of(spec):
        return Fault(
            reason=Reason.SOURCE_FORBIDDEN,
            message=f"GovernanceSource {name} does not allow {access}: an administrator "
            "can add it to its access",
        )
    return None


def kind_of(spec: SourceSpec) -> SourceKind:
    """What the source is; its rules make it exactly one."""
    return SourceKind.POSTGRES if spec.postgres is not None else SourceKind.PROMETHEUS


def access_of(spec: SourceSpec) -> tuple[Access, ...]:
    """What a source may be used for, with the default applied."""
    return (Access.BUILTIN_CHECKS,) if spec.access is None else spec.access


def parse(name: str, spec: object) -> SourceSpec | Fault:
    """The source, or why it can't be understood. Tells no value: a url may hold a secret."""
    try:
        return SourceSpec.model_validate(spec)
    except ValidationError as error:
        return Fault(
            reason=Reason.SOURCE_NOT_FOUND, message=misread("GovernanceSource", name, error)
        )


def probed(
    before: SourceStatus, found: str | Fault, *, generation: int, now: datetime
) -> SourceStatus:
    """The status after a probing that found a version or a fault.

    A fault leaves the version that was last seen.
    """
    told: Told
    if isinstance(found, Fault):
        version = before.server_version
        told = ("False", str(found.reason), one_line(found.message))
    else:
        version = found
        told = ("True", "Reachable", f"the server answers, version {found}")
    return before.model_copy(
        update={
            "observed_generation": generation,
            "server_version": version,
            "last_probed": now.replace(microsecond=0),
            "conditions": upsert(before.conditions, READY, told, generation=generation, now=now),
        }
    )


def worth_writing(before: SourceStatus, after: SourceStatus) -> bool:
    """Whether a status says more than that the source was probed once more."""
    return resources.worth_writing(before, after, "last_probed", PROBED_EVERY)
