"""Writes the CustomResourceDefinitions as YAML: `python -m governor.cli.crds crds/`."""

import sys
from pathlib import Path

import yaml

from governor.api.crds import definition
from governor.api.kinds import RESOURCES, Resource

_HEADER = "# Generated from operator/governor/api; change the models, then `make crds`.\n"


class _Dumper(yaml.SafeDumper):
    """Spells everything out, and indents lists below their key."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Anchors are for programs; these files are for people, too."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """As kubectl's own manifests have it; PyYAML would not indent lists."""
        super().increase_indent(flow, indentless=False)


def file_name(resource: Resource) -> str:
    """As controller-gen would name it."""
    group = resource.crd_name.removeprefix(f"{resource.plural}.")
    return f"{group}_{resource.plural}.yaml"


def as_yaml(resource: Resource) -> str:
    """The CustomResourceDefinition as a YAML document."""
    document = yaml.dump(
        definition(resource), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True
    )
    return f"{_HEADER}---\n{document}"


def write(folder: Path) -> list[Path]:
    """Writes one file per resource; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for resource in RESOURCES:
        file = folder / file_name(resource)
        file.write_text(as_yaml(resource), encoding="utf-8")
        files.append(file)
    return files


def main() -> None:
    """Writes into the folder that the command line names."""
    try:
        (folder,) = sys.argv[1:]
    except ValueError:
        sys.exit("usage: python -m governor.cli.crds FOLDER")
    for file in write(Path(folder)):
        sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
