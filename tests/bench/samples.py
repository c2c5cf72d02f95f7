"""Samples of a Prometheus exposition, and what two readings of them differ by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Key = tuple[str, frozenset[tuple[str, str]]]
"""A sample's name and labels."""

Bucket = tuple[float, float]
"""Of a histogram: the upper bound, and how many are at or below it."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What a server said of itself, as far as it was asked for."""

    values: Mapping[Key, float]

    @classmethod
    def parse(cls, text: str, names: Iterable[str]) -> "Samples":
        """Those whose name begins with one of these; the rest is skipped, unparsed."""
        starts = tuple(names)
        wanted = "\n".join(line for line in text.splitlines() if line.startswith(starts)) + "\n"
        return cls(
            {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(wanted)
                for sample in family.samples
            }
        )

    def minus(self, earlier: "Samples") -> "Samples":
        """What was added since an earlier reading; a series that is new began at 0."""
        return Samples({k: v - earlier.values.get(k, 0.0) for k, v in self.values.items()})

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name that have these labels; 0 if there is none."""
        return sum(value for _, value in self._of(name, labels))

    def by(self, name: str, *label_names: str, **labels: str) -> dict[tuple[str, ...], float]:
        """The same, for each combination of the named labels that occurs."""
        sums: dict[tuple[str, ...], float] = {}
        for found, value in self._of(name, labels):
            key = tuple(found.get(label, "") for label in label_names)
            sums[key] = sums.get(key, 0.0) + value
        return sums

    def buckets(self, name: str, **labels: str) -> list[Bucket]:
        """A histogram's buckets in order, series that differ in other labels put together."""
        sums = self.by(f"{name}_bucket", "le", **labels)
        return sorted((float(le), count) for (le,), count in sums.items())

    def _of(self, name: str, labels: Mapping[str, str]) -> Iterable[tuple[dict[str, str], float]]:
        for (found, pairs), value in self.values.items():
            if found == name and labels.items() <= pairs:
                yield dict(pairs), value
