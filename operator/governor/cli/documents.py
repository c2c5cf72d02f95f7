"""Reads manifests from files and standard input, as strictly as `kubectl apply` would."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from governor.errors import SpecError

STDIN = "-"


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
    """Refuses a key that stands twice: YAML would silently forget the first."""

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
