"""The generated CRDs as people and server-side apply meet them: names, columns, keys of lists."""

import re

import pytest
from tests.support.schemas import every_resource, fields, schema_of

from governor.api.crds import definition
from governor.api.kinds import (
    CHANNELS,
    MUTES,
    POLICIES,
    RESOURCES,
    SOURCES,
    Resource,
)


@pytest.mark.parametrize(
    ("resource", "scope", "short_name", "columns", "wide"),
    [
        (
            POLICIES,
            "Namespaced",
            "govpol",
            "Compliant Verdict Ok Warn Violated NoData Error Muted Evaluated Age",
            "Message",
        ),
        (SOURCES, "Cluster", "govsrc", "Ready Reason Version Probed Age", "Message"),
        (CHANNELS, "Cluster", "govchan", "Ready Reason Delivered Age", "Message"),
        (MUTES, "Namespaced", "govmute", "Policy Checks Active Expires Owner Age", "Message"),
    ],
)
def test_names_and_columns(
    resource: Resource, scope: str, short_name: str, columns: str, wide: str
) -> None:
    """As people type them, and what they are shown."""
    spec = definition(resource)["spec"]
    printed = spec["versions"][0]["additionalPrinterColumns"]

    assert spec["scope"] == scope
    assert spec["names"]["shortNames"] == [short_name]
    assert spec["names"]["categories"] == ["governance"]
    assert [c["name"] for c in printed if "priority" not in c] == columns.split()
    assert [c["name"] for c in printed if "priority" in c] == [wide]
    assert all(c["description"].endswith(".") for c in printed)


@every_resource
def test_columns_show_fields_that_there_are(resource: Resource) -> None:
    """A misspelt path would show nothing, and nobody would know."""
    known = {path for path, _ in fields(schema_of(resource))}

    for column in definition(resource)["spec"]["versions"][0]["additionalPrinterColumns"]:
        path = re.sub(r"\[[^]]*\]", "[]", column["jsonPath"])
        assert path in known or path.startswith(".metadata."), column


@every_resource
def test_an_object_that_nobody_looked_at_claims_nothing(resource: Resource) -> None:
    """Its conditions are Unknown from its first moment, and a status of the model's own."""
    default = schema_of(resource)["properties"]["status"]["default"]
    conditions = resource.status.model_validate(default).model_dump()["conditions"]

    assert [it["type"] for it in conditions] == list(resource.pending)
    assert {(it["status"], it["reason"]) for it in conditions} == {("Unknown", "Pending")}


def test_what_nobody_looked_at_lacks_the_conditions_that_are_waited_for() -> None:
    """`kubectl wait` names one of these."""
    assert {resource.kind: resource.pending for resource in RESOURCES} == {
        "GovernancePolicy": ("Ready", "Compliant"),
        "GovernanceSource": ("Ready",),
        "GovernanceChannel": ("Ready",),
        "GovernanceMute": ("Accepted", "Active"),
    }


@pytest.mark.parametrize(
    ("resource", "path", "key"),
    [
        (POLICIES, ".spec.checks", "name"),
        (POLICIES, ".status.checks", "name"),
        (POLICIES, ".status.conditions", "type"),
        (POLICIES, ".status.findings", "eventType"),
        (POLICIES, ".spec.notify.channels", "name"),
        (POLICIES, ".status.mutes", "uid"),
        (SOURCES, ".status.conditions", "type"),
        (CHANNELS, ".status.conditions", "type"),
        (MUTES, ".status.conditions", "type"),
    ],
)
def test_lists_of_named_things_are_list_maps(resource: Resource, path: str, key: str) -> None:
    """Server-side apply merges them item by item, and duplicates are refused."""
    field = dict(fields(schema_of(resource)))[path]

    assert field["x-kubernetes-list-type"] == "map"
    assert field["x-kubernetes-list-map-keys"] == [key]
    assert key in field["items"]["required"]


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (SOURCES, ".spec.access"),
        (CHANNELS, ".spec.alertmanager.urls"),
        (MUTES, ".spec.checks"),
        (POLICIES, ".status.pending[].targets"),
    ],
)
def test_lists_of_words_are_sets(resource: Resource, path: str) -> None:
    """No word twice, and server-side apply merges them."""
    assert dict(fields(schema_of(resource)))[path]["x-kubernetes-list-type"] == "set"


@every_resource
def test_references_are_replaced_as_a_whole(resource: Resource) -> None:
    """Else one field's owner could be left with half of another's Secret."""
    references = {
        path: field
        for path, field in fields(schema_of(resource)["properties"]["spec"])
        if path.endswith("Ref")
    }

    assert references
    assert {field["x-kubernetes-map-type"] for field in references.values()} == {"atomic"}


def test_the_log_is_replaced_as_a_whole() -> None:
    """Else `managedFields` would list every field of every entry."""
    assert dict(fields(schema_of(POLICIES)))[".status.pending"]["x-kubernetes-list-type"] == (
        "atomic"
    )
