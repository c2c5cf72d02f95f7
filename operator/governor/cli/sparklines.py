"""A row of values as one line of blocks, low to high; a gap where there was no value."""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "·"
LEVEL = "▄"
"""Of values that are all the same: they are neither low nor high."""

LONGEST_GAP = 10
"""So many marks at most stand for slots that nobody measured."""


def sparkline(values: Sequence[float | None]) -> str:
    """One mark for each value: its height among them, or `GAP` for None and what is not finite."""
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    if not numbers:
        return GAP * len(values)
    lowest, highest = min(numbers), max(numbers)
    return "".join(_mark(value, lowest, highest) for value in values)


def with_gaps(
    slots: Sequence[datetime], values: Sequence[float | None]
) -> tuple[float | None, ...]:
    """The values, oldest first, with None for each slot between them that has no row.

    How far slots lie apart is the median of the distances; `LONGEST_GAP` at most are put
    in a row.
    """
    distances = [(later - earlier).total_seconds() for earlier, later in pairwise(slots)]
    if not distances or (step := median(distances)) <= 0:
        return tuple(values)
    filled: list[float | None] = [values[0]]
    for distance, value in zip(distances, values[1:], strict=True):
        missing = round(distance / step) - 1
        filled.extend([None] * min(max(missing, 0), LONGEST_GAP))
        filled.append(value)
    return tuple(filled)


def _mark(value: float | None, lowest: float, highest: float) -> str:
    if value is None or not math.isfinite(value):
        return GAP
    if lowest == highest:
        return LEVEL
    # The distance of two large numbers may be more than a float can say: then, of their halves.
    scale = 1.0 if math.isfinite(highest - lowest) else 0.5
    share = (value * scale - lowest * scale) / (highest * scale - lowest * scale)
    return BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)]
