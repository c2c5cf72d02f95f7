"""How queries are joined into one, and how its answer is taken apart. Pure.

Each query becomes an argument of `label_replace`, which marks its series with the query's
number. The series of two queries therefore never match, and `or` keeps them all:

    label_replace(QUERY 0
    ,"__q__","0","","") or label_replace(QUERY 1
    ,"__q__","1","","")

The line end closes a comment that a query may end with. Only a query may join that closes no
bracket which it did not open: one that was answered by itself, or shows so (`containment.py`).
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

MARK = "__q__"
"""The label that says whose a series is. Labels that begin so are Prometheus' own: what it
scrapes can't carry it."""

MOST = 100
"""Queries in one batch."""

Data = dict[str, Any]
"""The `data` of an answer: resultType and result."""


class UnlikeBatchError(Exception):
    """The answer is none to the batch: its server does not know our way to ask."""


def compose(queries: Sequence[str]) -> str:
    """One query that asks for all of these."""
    return " or ".join(
        f'label_replace({query}\n,"{MARK}","{number}","","")'
        for number, query in enumerate(queries)
    )


def split(data: object, count: int) -> list[Data]:
    """What each query of a batch would have been answered alone, in order.

    Args:
        data: of the answer to a composed query.
        count: how many queries were composed.

    Raises:
        UnlikeBatchError: a series belongs to no query.
    """
    answers: list[list[object]] = [[] for _ in range(count)]
    numbers = {str(number): number for number in range(count)}
    for series in _series(data):
        labels = series.get("metric") if isinstance(series, dict) else None
        if not isinstance(labels, dict):
            raise UnlikeBatchError("a series has no labels")
        number = numbers.get(labels.pop(MARK, None))
        if number is None:
            raise UnlikeBatchError("a series has no number of a query")
        answers[number].append(series)
    return [{"resultType": "vector", "result": series} for series in answers]


def joinable(data: object) -> bool:
    """Whether a query that was answered so alone would be answered the same in a batch.

    Only an instant vector can be joined, and only one without our mark: it would be lost.
    """
    try:
        return all(
            isinstance(series, dict)
            and isinstance(labels := series.get("metric"), dict)
            and MARK not in labels
            for series in _series(data)
        )
    except UnlikeBatchError:
        return False


def _series(data: object) -> list[Any]:
    if not isinstance(data, dict) or data.get("resultType") != "vector":
        raise UnlikeBatchError("the answer is no vector")
    result = data.get("result")
    if not isinstance(result, list):
        raise UnlikeBatchError("the vector is no list")
    return result


T = TypeVar("T")


def packed(
    members: Iterable[T], *, most: int, limits: Sequence[float], sizes: Iterable[Sequence[float]]
) -> list[list[T]]:
    """Members in as few groups as their order allows.

    Args:
        members: what to group, in order.
        most: how many a group may have.
        limits: what the sizes of a group's members may come to, size by size. A member
            that is larger by itself is a group of its own.
        sizes: of each member, as many as there are limits.
    """
    groups: list[list[T]] = []
    sums = [0.0 for _ in limits]
    for member, size in zip(members, sizes, strict=True):
        sums = [total + own for total, own in zip(sums, size, strict=True)]
        full = any(total > limit for total, limit in zip(sums, limits, strict=True))
        if not groups or full or len(groups[-1]) >= most:
            groups.append([])
            sums = list(size)
        groups[-1].append(member)
    return groups
