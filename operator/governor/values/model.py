"""The base of every model that mirrors a part of a custom resource."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from governor.values.rules import VALIDATIONS, Rule, broken

ATOMIC = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})
"""For a model that only makes sense as a whole: server-side apply replaces it, and
`managedFields` has one line for it."""


class SpecModel(BaseModel):
    """A part of a spec: immutable, camelCase outside, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """What must hold of the fields together."""
        return ()

    @model_validator(mode="after")
    def _obeys_its_rules(self) -> Self:
        """Refuses what a rule refuses, naming every rule that does."""
        if refusing := [rule for rule in self.rules() if not rule.holds(self)]:
            raise broken(*refusing)
        _count_as_set(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tells the rules in the model's JSON schema."""
        told = handler(schema)
        if rules := cls.rules():
            handler.resolve_ref_schema(told)[VALIDATIONS] = [rule.validation for rule in rules]
        return told


class StatusModel(BaseModel):
    """A part of a status: immutable; what an older or newer version wrote is ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, but a copy counts as set field by field: all share one set of names.

        A decision makes dozens of copies, and ten thousand policies keep theirs.
        """
        if deep:
            return super().model_copy(update=update, deep=True)
        copy = self.__class__.__new__(self.__class__)
        object.__setattr__(copy, "__dict__", {**self.__dict__, **(update or {})})
        _count_as_set(copy)
        object.__setattr__(copy, "__pydantic_extra__", None)
        object.__setattr__(copy, "__pydantic_private__", None)
        return copy


def _count_as_set(model: BaseModel) -> None:
    """All its fields: which were given, nobody asks, and a set for each model is much memory."""
    object.__setattr__(model, "__pydantic_fields_set__", _names(model.__class__))


@cache
def _names(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)
