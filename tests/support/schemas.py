"""The schemas of the generated CRDs, field by field."""

from collections.abc import Iterator
from typing import Any

import pytest

from governor.api.crds import definition
from governor.api.kinds import RESOURCES, Resource

every_resource = pytest.mark.parametrize(
    "resource", RESOURCES, ids=[resource.kind for resource in RESOURCES]
)


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field below a schema: properties, items of lists, values of maps."""
    below = {f"{path}.{name}": field for name, field in schema.get("properties", {}).items()}
    if "items" in schema:
        below[f"{path}[]"] = schema["items"]
    if "additionalProperties" in schema:
        below[f"{path}{{}}"] = schema["additionalProperties"]
    for place, field in below.items():
        yield place, field
        yield from fields(field, place)


def schema_of(resource: Resource) -> dict[str, Any]:
    """The schema of a resource's only version."""
    (version,) = definition(resource)["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema
