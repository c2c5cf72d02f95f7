"""Which namespaces' policies may use a cluster-scoped resource."""

import re
from typing import Annotated, Literal

from pydantic import Field

from governor.values.model import ATOMIC, SpecModel
from governor.values.rules import Rule, spelled

_LABEL_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = rf"^([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}$"
_LABEL_KEY_LENGTH = 317

_LABEL_KEY_ADVICE = "write a label's key, such as team or example.com/team"

LabelKey = Annotated[
    str,
    Field(max_length=_LABEL_KEY_LENGTH),
    spelled(_LABEL_KEY, _LABEL_KEY_ADVICE),
]
LabelValue = Annotated[
    str,
    Field(max_length=63),
    spelled(
        rf"^({_LABEL_NAME})?$",
        "write a label's value: letters, digits, dashes, dots and underscores",
    ),
]


class LabelRequirement(SpecModel):
    """As in a Kubernetes label selector."""

    key: LabelKey
    """The label's key."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared with the values: In, NotIn, Exists or DoesNotExist."""

    values: Annotated[tuple[LabelValue, ...], Field(min_length=1, max_length=16)] | None = None
    """The values for In and NotIn, 1 to 16; not allowed otherwise."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Values exactly where they are compared with."""
        return _LABEL_REQUIREMENT_RULES


_LABEL_REQUIREMENT_RULES = (
    Rule(
        message="In and NotIn need values; Exists and DoesNotExist take none",
        cel="(self.operator in ['In', 'NotIn']) == has(self.values)",
        holds=lambda it: (it.operator in ("In", "NotIn")) == (it.values is not None),
    ),
)

_LABEL_KEYS = Rule(
    message=_LABEL_KEY_ADVICE,
    cel=f"self.all(key, size(key) <= {_LABEL_KEY_LENGTH} && key.matches(r'{_LABEL_KEY}'))",
    holds=lambda labels: all(
        len(key) <= _LABEL_KEY_LENGTH and re.fullmatch(_LABEL_KEY, key) for key in labels
    ),
)


class LabelSelector(SpecModel):
    """As in Kubernetes: all of it must match."""

    model_config = ATOMIC

    match_labels: (
        Annotated[dict[str, LabelValue], Field(min_length=1, max_length=16), _LABEL_KEYS] | None
    ) = None
    """Labels that a namespace must have, with exactly these values; 1 to 16."""

    match_expressions: (
        Annotated[tuple[LabelRequirement, ...], Field(min_length=1, max_length=16)] | None
    ) = None
    """Requirements that a namespace's labels must meet; 1 to 16."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """An empty selector selects everything: that is spelled `from: All`."""
        return _SELECTOR_RULES


_SELECTOR_RULES = (
    Rule(
        message="an empty selector would select every namespace: give matchLabels or "
        "matchExpressions, or say from: All",
        cel="has(self.matchLabels) || has(self.matchExpressions)",
        holds=lambda it: it.match_labels is not None or it.match_expressions is not None,
    ),
)


class AllowedNamespaces(SpecModel):
    """Whose policies may use a source or a channel."""

    # `from` is a word of Python's.
    from_: Annotated[Literal["All", "Selector"], Field(alias="from")]
    """All: policies of every namespace may use it. Selector: those of the namespaces that
    the selector selects."""

    selector: LabelSelector | None = None
    """Selects namespaces by their labels. Required with from: Selector, else not allowed."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """A selector exactly where it is used."""
        return _ALLOWED_NAMESPACES_RULES


_ALLOWED_NAMESPACES_RULES = (
    Rule(
        message="from: Selector needs a selector",
        cel="self.from != 'Selector' || has(self.selector)",
        holds=lambda it: it.from_ != "Selector" or it.selector is not None,
    ),
    Rule(
        message="selector is used only with from: Selector: remove it, or change from",
        cel="self.from == 'Selector' || !has(self.selector)",
        holds=lambda it: it.from_ == "Selector" or it.selector is None,
    ),
)
