"""Counts against the ones that are committed: which have grown beyond what is tolerated."""

from collections.abc import Mapping
from dataclasses import dataclass

SLACK = 0.02
"""So much more is no regression, however small the baseline: of 0 there is no percentage."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure, beside what it was."""

    name: str
    found: float
    was: float | None
    """None: the baseline does not know it."""
    tolerance: float
    """By so great a share it may grow."""

    @property
    def limit(self) -> float | None:
        """The most that it may be."""
        return None if self.was is None else self.was * (1 + self.tolerance) + SLACK

    @property
    def regressed(self) -> bool:
        """Whether it is more."""
        return self.limit is not None and self.found > self.limit

    @property
    def improved(self) -> bool:
        """Whether it is so much less that the baseline should say so."""
        return self.was is not None and self.found < self.was * (1 - self.tolerance) - SLACK

    def __str__(self) -> str:
        """For a person."""
        if self.limit is None:
            return f"new        {self.name}: {self.found:.3f}"
        word = "REGRESSED" if self.regressed else "improved" if self.improved else "as before"
        numbers = f"{self.found:.3f}, was {self.was:.3f}, may be {self.limit:.3f}"
        return f"{word:<10} {self.name}: {numbers}"


def least(*counts: Mapping[str, float]) -> dict[str, float]:
    """Of each figure the least that was counted.

    What a busy machine adds differs from time to time; a regression is in all of them.
    """
    return {name: min(each[name] for each in counts) for name in counts[0]}


def compare(
    found: Mapping[str, float], baseline: Mapping[str, float], tolerances: Mapping[str, float]
) -> list[Line]:
    """Every figure, in its order; all of them are such that less is better.

    Raises:
        ValueError: the baseline knows a figure that was not found: it can't have improved to
            nothing.
    """
    if missing := baseline.keys() - found.keys():
        raise ValueError(
            f"not counted any more: {', '.join(sorted(missing))}; if that is meant, renew the"
            " baseline with: make bench-counts RENEW=1"
        )
    return [
        Line(name, value, baseline.get(name), tolerances[name]) for name, value in found.items()
    ]
