"""Reads manifests from files and standard input, as strictly as `kubectl apply` would."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from governor.api import API_VERSION
from governor.errors import SpecError

STDIN = "-"

_DATE = "tag:yaml.org,2002:timestamp"

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
        return self._metadata("name") or self._nameless()

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
        try:
            return load(self.body)
        except SpecError as error:
            raise self.refused(str(error)) from error

    def refused(self, why: str) -> SpecError:
        """An error that says where."""
        title = " ".join(word for word in (self.kind, self._metadata("name")) if word)
        return SpecError(f"{self.where}: {title or 'a document'}: {why}")

    def _metadata(self, key: str) -> str:
        metadata = self.body.get("metadata")
        value = metadata.get(key) if isinstance(metadata, Mapping) else None
        return value if isinstance(value, str) else ""

    def _nameless(self) -> str:
        raise self.refused("give it a metadata.name")


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
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise SpecError(f"{where}: not valid YAML: {_one_line(error)}") from error
        for document in documents:
            yield from _objects(where, document)


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
    try:
        return sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{where}: not UTF-8 text") from error
    except OSError as error:
        raise SpecError(f"{where}: {(error.strerror or str(error)).lower()}") from error


def _one_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return " ".join(str(error).split())


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently forget the first.

    What looks like a date stays the text that it is, as it does in kubectl.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        start: [(tag, pattern) for tag, pattern in resolvers if tag != _DATE]
        for start, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

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
