"""What a value must be: a direction, a red line and, where wanted, a target before it."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """On which side of its lines a value is good. On the line is not past it."""

    ABOVE = "Above"
    BELOW = "Below"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """An objective with every default applied."""

    direction: Direction
    red_line: float
    target: float | None = None
    minimum_samples: int = 1

    def past(self, value: float, line: float) -> bool:
        """Whether a value lies on the bad side of a line."""
        return value < line if self.direction is Direction.ABOVE else value > line

    def distance(self, value: float, line: float) -> float:
        """How far a value is on the good side of a line; negative where it is past it."""
        return value - line if self.direction is Direction.ABOVE else line - value
