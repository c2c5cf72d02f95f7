"""The CustomResourceDefinitions, generated from the models: `crds/` has them as YAML."""

from typing import Any

from pydantic import BaseModel

from governor.api import GROUP, VERSION
from governor.api.kinds import Column, Resource
from governor.api.structural import Schema, structural_schema


def definition(resource: Resource) -> dict[str, Any]:
    """The CustomResourceDefinition of a resource, as a manifest."""
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in resource.columns],
        "schema": {"openAPIV3Schema": _schema(resource)},
    }
    if resource.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in resource.selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.crd_name},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                "shortNames": [resource.short_name],
                "categories": ["governance"],
            },
            "versions": [version],
        },
    }


def _column(column: Column) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    return made | ({"priority": 1} if column.wide else {})


def _schema(resource: Resource) -> Schema:
    """The whole object; the API server itself describes `metadata`."""
    return {
        "description": resource.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "description": f"The version of this schema: {GROUP}/{VERSION}.",
                "type": "string",
                "maxLength": 100,
            },
            "kind": {
                "description": f"The kind of resource: {resource.kind}.",
                "type": "string",
                "maxLength": 100,
            },
            "metadata": {"type": "object"},
            "spec": _described(resource.spec, "What is wanted."),
            "status": _described(resource.status, "What is known. Only the operator writes it.")
            | {"default": {"conditions": [_pending(type_) for type_ in resource.pending]}},
        },
    }


def _pending(type_: str) -> dict[str, Any]:
    """A condition of an object that the operator has not seen yet.

    Who waits for a rollout (kstatus, Flux, Argo CD) takes an object without conditions for
    healthy. The API server has no clock for defaults; the time is the Gateway API's.
    """
    return {
        "type": type_,
        "status": "Unknown",
        "reason": "Pending",
        "message": "Waiting for the operator",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }


def _described(model: type[BaseModel], lead: str) -> Schema:
    schema = structural_schema(model)
    return schema | {"description": f"{lead} {schema['description']}"}
