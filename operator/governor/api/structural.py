"""From a Pydantic model to a structural schema, as a CRD must have it.

A structural schema has no references, no `null` beside a type, and no keyword that this
module does not know: better a loud error here than a field that the API server drops.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_KEPT = frozenset(
    {
        "type",
        "format",
        "enum",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "required",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type",
        "x-kubernetes-validations",
    }
)

# `default`: defaults are applied in code. `title`: the field's name in other words.
_DROPPED = frozenset({"title", "default", "$defs"})

# `additionalProperties: false` goes, too: pruning and strict validation do its work.
_BELOW = frozenset({"properties", "items", "additionalProperties"})

# How long a string of a format can be; the API server bounds none of them by itself.
_FORMAT_LENGTHS = {"date-time": 40, "uuid": 36}


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model.

    Raises:
        ValueError: the model uses something that has no place in such a schema.
    """
    told = model.model_json_schema(by_alias=True)
    return _structural(told, told.get("$defs", {}))


def _structural(told: Mapping[str, Any], models: Mapping[str, Any]) -> Schema:
    """One schema and all below it, with references and `null`s resolved."""
    told = _resolved(told, models)
    if unknown := told.keys() - _KEPT - _DROPPED - _BELOW - {"description"}:
        raise ValueError(f"no place for {sorted(unknown)} in a structural schema: {told}")
    made = {keyword: told[keyword] for keyword in _KEPT & told.keys()}
    if "description" in told:
        made["description"] = _flowing(told["description"])
    if "properties" in told:
        made["properties"] = {
            name: _structural(field, models) for name, field in told["properties"].items()
        }
    for keyword in ("items", "additionalProperties"):
        if isinstance(told.get(keyword), Mapping):
            made[keyword] = _structural(told[keyword], models)
    if made.get("type") == "integer":
        made["format"] = "int64"
    if made.get("format") in _FORMAT_LENGTHS:
        made["maxLength"] = _FORMAT_LENGTHS[made["format"]]
    return {keyword: made[keyword] for keyword in sorted(made, key=_reading_order)}


def _resolved(told: Mapping[str, Any], models: Mapping[str, Any]) -> Schema:
    """Follows a reference, and takes `X or null` for X; what stands beside them wins."""
    beside = {k: v for k, v in told.items() if k not in ("$ref", "anyOf")}
    if "anyOf" in told:
        (only,) = [option for option in told["anyOf"] if option != {"type": "null"}]
        return _resolved(only, models) | beside
    if "$ref" in told:
        return _resolved(models[told["$ref"].removeprefix("#/$defs/")], models) | beside
    return beside


def _flowing(text: str) -> str:
    """A docstring without the line breaks of the source; blank lines part paragraphs."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _reading_order(keyword: str) -> tuple[int, str]:
    """What a field means, then what it is, then what is in it."""
    first = ("description", "type", "format")
    last = ("required", "properties", "items", "additionalProperties", "x-kubernetes-validations")
    if keyword in first:
        return (first.index(keyword), "")
    if keyword in last:
        return (10 + last.index(keyword), "")
    return (5, keyword)
