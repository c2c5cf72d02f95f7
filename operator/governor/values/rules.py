"""Rules that a schema's own keywords can't say, told twice: to the API server and to Python.

`kubectl apply` must be refused with a remedy, and so must `governor check -f`, which runs
without an API server. A rule therefore keeps its CEL expression, its Python predicate and
its one message side by side.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must hold of a value.

    In `Annotated[…, Rule(…)]` it holds for that field; a model lists the rules that hold
    for the whole of it in `SpecModel.rules`.
    """

    message: str
    """What is wrong and what to do, the same from the API server and from Python."""
    cel: str
    """The rule for the API server; `self` is the value as a manifest has it."""
    holds: Callable[[Any], bool]
    """The same rule for Python; the value is already of the field's type."""

    @property
    def validation(self) -> dict[str, str]:
        """The rule as an item of `x-kubernetes-validations`."""
        return {"rule": self.cel, "message": self.message}

    def check(self, value: Any) -> Any:
        """The value, if the rule holds for it.

        Raises:
            PydanticCustomError: it does not.
        """
        if not self.holds(value):
            raise broken(self)
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Makes Pydantic check the rule after the field's type."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tells the rule in the field's JSON schema."""
        told = handler(schema)
        told.setdefault(VALIDATIONS, []).append(self.validation)
        return told


def spelled(pattern: str, message: str) -> Rule:
    """Texts that a regular expression matches as a whole.

    A schema's own `pattern` would do, but is refused in the words of the expression.

    Args:
        pattern: from `^` to `$`, in what RE2 and Python read alike, without a `'`.
        message: what to write instead.
    """
    return Rule(
        message=message,
        cel=f"self.matches(r'{pattern}')",
        holds=lambda text: re.fullmatch(pattern, text) is not None,
    )


def broken(*rules: Rule) -> PydanticCustomError:
    """What Pydantic is told about rules that do not hold: one error for one value."""
    message = "; ".join(rule.message for rule in rules)
    return PydanticCustomError("rule", "{rule}", {"rule": message})


@dataclass(frozen=True, slots=True)
class Keyed:
    """Makes a list of models a Kubernetes list map: its items differ in one field.

    Server-side apply then merges item by item, and the API server refuses duplicates.
    """

    key: str
    """The field, as a manifest spells it."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Makes Pydantic refuse duplicates, too."""
        field = to_snake(self.key)

        def unique(items: tuple[Any, ...]) -> tuple[Any, ...]:
            refuse_duplicates(self.key, [getattr(item, field) for item in items])
            return items

        return core_schema.no_info_after_validator_function(unique, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tells the API server the key."""
        return handler(schema) | {
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": [self.key],
        }


@dataclass(frozen=True, slots=True)
class Distinct:
    """Makes a list of plain values a Kubernetes set: no value twice."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Makes Pydantic refuse duplicates, too."""

        def unique(items: tuple[Any, ...]) -> tuple[Any, ...]:
            refuse_duplicates("value", items)
            return items

        return core_schema.no_info_after_validator_function(unique, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tells the API server."""
        return handler(schema) | {"x-kubernetes-list-type": "set"}


def refuse_duplicates(what: str, values: "tuple[Any, ...] | list[Any]") -> None:
    """Refuses a list in which a value occurs twice, naming the first such value.

    Raises:
        PydanticCustomError: one does.
    """
    for at, value in enumerate(values):
        if value in values[:at]:
            raise PydanticCustomError(
                "duplicate", "{what} {value} occurs twice", {"what": what, "value": str(value)}
            )
