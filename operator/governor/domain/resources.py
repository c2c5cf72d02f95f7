"""What cluster-scoped resources share: who may use them, the Secrets they name, their status."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import assert_never

from pydantic import BaseModel, ValidationError

from governor.api.channel import ChannelSpec
from governor.api.namespaces import LabelRequirement, LabelSelector
from governor.api.servers import SecretRef
from governor.api.source import SourceSpec
from governor.domain.judging import one_line

Labels = Mapping[str, str]


def allows(spec: SourceSpec | ChannelSpec, namespace_labels: Labels | None) -> bool:
    """Whether policies of a namespace with these labels may use the resource."""
    if spec.allowed_namespaces.from_ == "All":
        return True
    if namespace_labels is None or spec.allowed_namespaces.selector is None:
        return False
    return _selects(spec.allowed_namespaces.selector, namespace_labels)


def secret_names(spec: BaseModel) -> frozenset[str]:
    """The names of all Secrets that a spec refers to, however deep."""
    return frozenset(_references(spec))


def misread(kind: str, name: str, error: ValidationError) -> str:
    """Why a resource can't be understood. Tells no value: a url may hold a secret."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "spec"
    return one_line(f"{kind} {name} can't be understood: {where}: {first['msg']}")


def _references(model: BaseModel) -> Iterator[str]:
    for field in type(model).model_fields:
        match getattr(model, field):
            case SecretRef(name=name):
                yield name
            case BaseModel() as inner:
                yield from _references(inner)


def _selects(selector: LabelSelector, labels: Labels) -> bool:
    """As Kubernetes does: every part must hold, and an empty selector selects all."""
    equal = (selector.match_labels or {}).items()
    return all(labels.get(key) == value for key, value in equal) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions or ()
    )


def _holds(requirement: LabelRequirement, labels: Labels) -> bool:
    there, values = requirement.key in labels, requirement.values or ()
    match requirement.operator:
        case "Exists":
            return there
        case "DoesNotExist":
            return not there
        case "In":
            return there and labels[requirement.key] in values
        case "NotIn":  # Also without the label: so says Kubernetes.
            return not there or labels[requirement.key] not in values
        case _:
            assert_never(requirement.operator)


def worth_writing(before: BaseModel, after: BaseModel, moment: str, every: timedelta) -> bool:
    """Whether a status says more than that something has happened once more.

    Args:
        before: as it was written.
        after: as it is.
        moment: the field that says when it last happened.
        every: how old that may get while nothing else changes.
    """
    then, now = getattr(before, moment), getattr(after, moment)
    if then is None or now is None or before.model_copy(update={moment: now}) != after:
        return before != after
    return bool(now - then >= every)
