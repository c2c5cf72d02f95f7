"""The namespaces' labels, as last seen: they say who may use which resource."""

from collections.abc import Callable, Mapping

from governor.domain.resources import Labels

OnLabels = Callable[[Labels | None, Labels], None]
"""Called with the labels that a namespace had (None: it was not known) and those it has."""


class Namespaces:
    """Every namespace, for all directories."""

    def __init__(self) -> None:
        self._labels: dict[str, Labels] = {}
        self._listeners: list[OnLabels] = []

    def listen(self, on_labels: OnLabels) -> None:
        """Calls back whenever a namespace was seen."""
        self._listeners.append(on_labels)

    def seen(self, name: str, labels: Mapping[str, str]) -> None:
        """A namespace's labels, new or changed."""
        before = self._labels.get(name)
        self._labels[name] = now = dict(labels)
        for on_labels in self._listeners:
            on_labels(before, now)

    def gone(self, name: str) -> None:
        """The namespace is no more, and neither are its policies."""
        self._labels.pop(name, None)

    def labels(self, name: str) -> Labels | None:
        """Its labels as they are now; None where the namespace is not known."""
        return self._labels.get(name)
