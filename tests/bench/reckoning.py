"""What the readings amount to: pure, so that it can be tested without a stack."""

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median

from tests.bench.samples import Bucket


def bucket_quantile(buckets: Sequence[Bucket], share: float) -> float | None:
    """The value that so great a share of a histogram's observations is at or below.

    Within a bucket they are taken to lie evenly, as Prometheus takes them. What lies beyond
    the last finite bound counts as that bound. None: nothing was observed.
    """
    total = buckets[-1][1] if buckets else 0.0
    if total <= 0:
        return None
    rank = share * total
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank and count > below:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        if not math.isinf(bound):
            lower = bound
        below = count
    return lower


def highest_bound(buckets: Sequence[Bucket]) -> float | None:
    """The upper bound of the highest bucket that holds anything; None: none does."""
    below, highest = 0.0, None
    for bound, count in buckets:
        if count > below:
            highest = bound
        below = count
    return highest


def beyond(buckets: Sequence[Bucket], bound: float) -> float:
    """How many observations lie above one of the bounds."""
    total = buckets[-1][1] if buckets else 0.0
    return total - dict(buckets).get(bound, total)


def quantile(values: Collection[float], share: float) -> float | None:
    """The smallest value that so great a share of the values is at or below; None: no values."""
    if not values:
        return None
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


def milliseconds_each(seconds: float, count: float) -> float | None:
    """Of so many seconds, what falls to each of so many; None where there were none."""
    return 1000 * seconds / count if count else None


def phase(uid: str, interval: int) -> float:
    """Where the slots of a policy lie in every interval, in seconds; as the documents say.

    Reckoned here anew, so that a mistake of the operator's own can be seen.
    """
    digest = hashlib.sha256(uid.encode()).digest()
    return int.from_bytes(digest[:8], "big") % (interval * 1000) / 1000


def offset(moment: float, uid: str, interval: int) -> float:
    """How long after its slot a run began, in seconds; negative: before it.

    The circle is cut half an interval away from the slot: a run that starts a little early
    would otherwise look a whole interval late.
    """
    half = interval / 2
    return (moment - phase(uid, interval) + half) % interval - half


def drift(offsets: Iterable[tuple[float, float]], every: float = 60) -> float | None:
    """By how many seconds the runs wandered off the grid, from the first minute to the last.

    Args:
        offsets: moment and offset of each run, in seconds.
        every: how long a minute is.

    Returns:
        The last minute's median less the first one's; None if there are no two minutes.
    """
    minutes: dict[int, list[float]] = {}
    runs = sorted(offsets)
    for moment, late in runs:
        minutes.setdefault(int((moment - runs[0][0]) // every), []).append(late)
    if len(minutes) < 2:
        return None
    return median(minutes[max(minutes)]) - median(minutes[min(minutes)])


def growth_per_hour(points: Sequence[tuple[float, float]]) -> float | None:
    """How fast a figure grows, by least squares; points are seconds and values.

    None where all points were taken at once, or there is only one.
    """
    if not points:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return None
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def by_the_minute(points: Sequence[tuple[float, float]]) -> list[float]:
    """The last value up to the end of each minute, counted from the first point.

    Tells a trend that ends from one that goes on. Points are seconds and values; a minute
    without one has the value of the one before.
    """
    last = {int((at - points[0][0]) // 60): value for at, value in points}
    told: list[float] = []
    for minute in range(max(last, default=-1) + 1):
        told.append(last[minute] if minute in last else told[-1])
    return told


def difference(later: Mapping[str, float], earlier: Mapping[str, float]) -> dict[str, float]:
    """What each figure grew by; one that is new began at 0."""
    return {name: value - earlier.get(name, 0.0) for name, value in later.items()}
