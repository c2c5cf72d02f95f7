"""Reads manifests from files and standard input: what kubectl would take, as it would read it."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from governor.api import API_VERSION, GROUP
from governor.api.kinds import RESOURCES
from governor.api.loading import UNKNOWN_FIELD
from governor.errors import SpecError
from governor.values.names import NAMESPACE, SUBDOMAIN

STDIN = "-"

_KINDS = tuple(resource.kind for resource in RESOURCES)

_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})

_METADATA = frozenset(
    [
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    ]
)
"""Kubernetes' ObjectMeta."""

_SPELT = {
    "name": re.compile(rf"(?=.{{1,253}}$){SUBDOMAIN}"),
    "namespace": re.compile(NAMESPACE),
}
"""As the API server wants it."""

_Loaded = TypeVar("_Loaded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One object of a manifest, and where it stands."""

    where: str
    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What it says it is."""
        return str(self.body.get("kind") or "")

    @property
    def name(self) -> str:
        """The object's name.

        Raises:
            SpecError: it has none.
        """
        if not (name := self._metadata("name")):
            raise self._nameless()
        return name

    @property
    def namespace(self) -> str:
        """The object's namespace; `default` where it names none."""
        return self._metadata("namespace") or "default"

    def loaded(self, load: Callable[[Mapping[str, Any]], _Loaded]) -> _Loaded:
        """What an object of ours says.

        Raises:
            SpecError: it is of another version, or can't be understood.
        """
        if (version := self.body.get("apiVersion")) != API_VERSION:
            raise self.refused(f"apiVersion must be {API_VERSION}, not {version}")
        if unknown := sorted(str(field) for field in self.body.keys() - _FIELDS):
            raise self.refused(f"{unknown[0]}: {UNKNOWN_FIELD}")
        self._check_metadata()
        try:
            return load(self.body)
        except SpecError as error:
            raise self.refused(str(error)) from error

    def check_kind(self) -> None:
        """Nothing of ours may be left alone for a slip of the pen.

        Raises:
            SpecError: there is no such kind in our group.
        """
        group = str(self.body.get("apiVersion")).partition("/")[0]
        if group == GROUP and self.kind not in _KINDS:
            raise self.refused(f"there is no such kind in {GROUP}, only {', '.join(_KINDS)}")

    def refused(self, why: str) -> SpecError:
        """An error that says where."""
        title = " ".join(word for word in (self.kind, self._metadata("name")) if word)
        return SpecError(f"{self.where}: {title or 'a document'}: {why}")

    def _metadata(self, key: str) -> str:
        metadata = self.body.get("metadata")
        value = metadata.get(key) if isinstance(metadata, Mapping) else None
        return value if isinstance(value, str) else ""

    def _check_metadata(self) -> None:
        metadata = self.body.get("metadata")
        if not isinstance(metadata, Mapping):
            raise self._nameless()
        if unknown := sorted(str(field) for field in metadata.keys() - _METADATA):
            raise self.refused(f"metadata.{unknown[0]}: {UNKNOWN_FIELD}")
        for key, spelling in _SPELT.items():
            value = metadata.get(key)
            if value is None:
                continue
            if not isinstance(value, str):
                raise self.refused(f"metadata.{key}: should be a text: put it in quotes")
            if not spelling.fullmatch(value):
                raise self.refused(
                    f"metadata.{key}: use lower case letters, digits and hyphens"
                    f"{', and dots' if key == 'name' else ''}, not {value!a}"
                )

    def _nameless(self) -> SpecError:
        return self.refused("give it a metadata.name")


def read(paths: Iterable[str]) -> Iterator[Document]:
    """Every object in the files, lists taken apart.

    Raises:
        SpecError: a file can't be read, or is no YAML of objects.
    """
    for path in paths:
        where = "standard input" if path == STDIN else path
        text = _text(path, where)
        try:
            documents = list(yaml.load_all(text, Loader=_StrictLoader))
            objects = [each for document in documents for each in _objects(where, document)]
        except _NOT_YAML as error:
            raise SpecError(f"{where}: not valid YAML: {_one_line(error)}") from error
        yield from objects


def _objects(where: str, document: object) -> Iterator[Document]:
    if document is None:
        return
    if not isinstance(document, Mapping):
        raise SpecError(f"{where}: a document must be an object with apiVersion and kind")
    items = document.get("items")
    if str(document.get("kind")).endswith("List") and isinstance(items, list):
        for item in items:
            yield from _objects(where, item)
    else:
        yield Document(where=where, body=document)


def _text(path: str, where: str) -> str:
    if path == STDIN and sys.stdin is None:
        raise SpecError(f"{where}: it is closed")
    try:
        return sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{where}: not UTF-8 text") from error
    except OSError as error:
        raise SpecError(f"{where}: {(error.strerror or str(error)).lower()}") from error


_NOT_YAML = (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError)
"""How PyYAML fails: a value that does not suit its tag, as `!!timestamp x`, is no YAMLError."""


def _one_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return " ".join(str(error).split())


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently forget the first.

    Plain scalars are what they are to kubectl: `1e3` is a number; a date and `1:30` are texts.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    bool_values = {**yaml.SafeLoader.bool_values, "y": True, "n": False}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.value != "<<":
                    raise yaml.constructor.ConstructorError(
                        problem=f"{key.value!r} stands twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_YAML = "tag:yaml.org,2002:"
_PLAIN = {
    "bool": r"y|Y|n|N|[yY]es|YES|[nN]o|NO|[tT]rue|TRUE|[fF]alse|FALSE|[oO]n|ON|[oO]ff|OFF",
    "int": r"[-+]?(0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)",
    "float": r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "null": r"~|null|Null|NULL|",
    "merge": r"<<",
}
"""Plain scalars by their type, as sigs.k8s.io/yaml reads them."""


for _type, _scalar in _PLAIN.items():
    _StrictLoader.add_implicit_resolver(f"{_YAML}{_type}", re.compile(f"^({_scalar})$"), None)
