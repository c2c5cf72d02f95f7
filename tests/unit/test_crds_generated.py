"""The generated CRDs: as committed, structural, described and bounded in every field."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import yaml
from pydantic import BaseModel, Field
from tests.support.schemas import every_resource, fields, schema_of

from governor.api.crds import definition
from governor.api.kinds import RESOURCES, Resource
from governor.api.structural import structural_schema
from governor.cli.crds import as_yaml, file_name, write

CRDS = Path(__file__).parents[2] / "crds"


def lacking(resource: Resource, *keywords: str, type_: str) -> list[str]:
    """The fields of a type that lack one of these keywords."""
    return [
        path
        for path, field in fields(schema_of(resource))
        if field["type"] == type_ and not all(keyword in field for keyword in keywords)
    ]


@every_resource
def test_the_committed_crd_is_the_generated_one(resource: Resource) -> None:
    """Else: `make crds`, and commit the difference."""
    committed = (CRDS / file_name(resource)).read_text(encoding="utf-8")

    assert committed == as_yaml(resource)
    assert yaml.safe_load(committed) == definition(resource)


def test_no_other_crd_is_committed() -> None:
    """A renamed resource leaves nothing behind."""
    assert {path.name for path in CRDS.glob("governance.aiops.dev_*")} == {
        "governance.aiops.dev_governancechannels.yaml",
        "governance.aiops.dev_governancemutes.yaml",
        "governance.aiops.dev_governancepolicies.yaml",
        "governance.aiops.dev_governancesources.yaml",
    }


def test_all_of_them_are_applied_together() -> None:
    """`kubectl apply -k crds` forgets none."""
    kustomization = yaml.safe_load((CRDS / "kustomization.yaml").read_text(encoding="utf-8"))

    assert kustomization["resources"] == sorted(file_name(resource) for resource in RESOURCES)


def test_the_generator_can_be_run(tmp_path: Path) -> None:
    """As `make crds` runs it."""
    run = subprocess.run(
        [sys.executable, "-m", "governor.cli.crds", tmp_path / "made"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.splitlines() == [
        str(tmp_path / "made" / file_name(resource)) for resource in RESOURCES
    ]
    assert write(tmp_path / "again") == [
        tmp_path / "again" / file_name(resource) for resource in RESOURCES
    ]
    for resource in RESOURCES:
        assert (tmp_path / "made" / file_name(resource)).read_text() == as_yaml(resource)


def test_the_generator_says_how_it_is_used() -> None:
    """Without a folder it writes nothing."""
    run = subprocess.run(
        [sys.executable, "-m", "governor.cli.crds"], capture_output=True, text=True, check=False
    )

    assert run.returncode == 1
    assert run.stderr == "usage: python -m governor.cli.crds FOLDER\n"


@every_resource
def test_every_property_is_described(resource: Resource) -> None:
    """`kubectl explain` has something to say about each, in whole sentences."""
    properties = {
        path: field.get("description", "")
        for path, field in fields(schema_of(resource))
        if not path.endswith(("[]", "{}")) and path != ".metadata"  # the API server's own
    }

    assert [path for path, text in properties.items() if not text.endswith(".")] == []
    assert [path for path, text in properties.items() if len(text) < 10] == []


@every_resource
def test_every_string_is_bounded(resource: Resource) -> None:
    """By a length, or by a list of words."""
    without_length = set(lacking(resource, "maxLength", type_="string"))

    assert without_length & set(lacking(resource, "enum", type_="string")) == set()


@every_resource
def test_every_list_and_every_map_is_bounded(resource: Resource) -> None:
    """Else the API server could not estimate what a rule costs, nor we a status's size."""
    maps = [p for p, field in fields(schema_of(resource)) if "additionalProperties" in field]

    assert lacking(resource, "maxItems", type_="array") == []
    assert set(maps).isdisjoint(lacking(resource, "maxProperties", type_="object"))


@every_resource
def test_every_object_says_what_is_in_it(resource: Resource) -> None:
    """No free-form objects: nothing is stored that nothing reads."""
    free = [
        path
        for path, field in fields(schema_of(resource))
        if field["type"] == "object" and not field.keys() & {"properties", "additionalProperties"}
    ]

    assert free == [".metadata"]


@every_resource
def test_the_schema_is_structural(resource: Resource) -> None:
    """A type everywhere; no references, no alternatives; a default for the status only."""
    known = {
        "description", "type", "format", "enum", "minLength", "maxLength", "minimum", "maximum",
        "minItems", "maxItems", "minProperties", "maxProperties", "required", "properties",
        "items", "additionalProperties", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type", "x-kubernetes-validations",
    }  # fmt: skip

    for path, field in fields(schema_of(resource)):
        assert field["type"] in {"object", "array", "string", "integer", "number", "boolean"}, path
        assert field.keys() <= (known | {"default"} if path == ".status" else known), path
        assert set(field.get("required", ())) <= field.get("properties", {}).keys(), path


@every_resource
def test_integers_are_64_bits_wide(resource: Resource) -> None:
    """Generations are."""
    integers = [f for _, f in fields(schema_of(resource)) if f["type"] == "integer"]

    assert integers
    assert {field["format"] for field in integers} == {"int64"}


def test_a_keyword_without_a_place_is_an_error() -> None:
    """The API server would drop it in silence, or refuse the whole CRD."""

    class Odd(BaseModel):
        above: Annotated[float, Field(gt=0)]

    with pytest.raises(ValueError, match="no place for \\['exclusiveMinimum'\\]"):
        structural_schema(Odd)


def test_a_choice_of_types_is_an_error() -> None:
    """A structural schema has one type per field."""

    class Odd(BaseModel):
        either: int | str

    with pytest.raises(ValueError, match="too many values"):
        structural_schema(Odd)
