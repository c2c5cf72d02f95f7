"""Joining queries and taking the answer apart: no series is lost, none changes its owner."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.adapters.prometheus.batches import (
    MARK,
    UnlikeBatchError,
    compose,
    joinable,
    packed,
    split,
)

labels = st.dictionaries(st.sampled_from(["__name__", "a", "b"]), st.text(max_size=3), max_size=3)
vectors = st.lists(labels, max_size=3)


def vector(*metrics: dict[str, str]) -> dict[str, Any]:
    result = [{"metric": dict(metric), "value": [1, "1"]} for metric in metrics]
    return {"resultType": "vector", "result": result}


def test_each_query_is_an_argument_that_ends_with_a_line() -> None:
    """As protocol rule 28 writes it."""
    assert compose(["up # all", "sum(x)"]) == (
        'label_replace(up # all\n,"__q__","0","","") or label_replace(sum(x)\n,"__q__","1","","")'
    )


@given(answers=st.lists(vectors, min_size=1, max_size=12), order=st.randoms())
def test_each_gets_its_own_series_back(answers: list[list[dict[str, str]]], order: Any) -> None:
    """Whatever the labels, also the same ones; who has none gets an empty vector."""
    marked = [{**series, MARK: str(number)} for number, own in enumerate(answers) for series in own]
    order.shuffle(marked)

    found = split(vector(*marked), len(answers))

    for own, got in zip(answers, found, strict=True):
        assert got["resultType"] == "vector"
        key = lambda metric: sorted(metric.items())  # noqa: E731
        assert sorted((s["metric"] for s in got["result"]), key=key) == sorted(own, key=key)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"resultType": "scalar", "result": [1, "1"]},
        {"resultType": "vector", "result": None},
        {"resultType": "vector", "result": [1]},
        {"resultType": "vector", "result": [{"value": [1, "1"]}]},
        vector({}),
        vector({MARK: "2"}),
        vector({MARK: "-1"}),
        vector({MARK: "01"}),
        vector({MARK: ""}),
    ],
)
def test_what_answers_no_batch_is_given_to_nobody(data: object) -> None:
    """Rather all are asked again, alone."""
    with pytest.raises(UnlikeBatchError):
        split(data, 2)


@pytest.mark.parametrize(
    ("data", "may"),
    [
        (vector({"a": "b"}), True),
        (vector(), True),
        (vector({MARK: "0"}), False),
        (vector({}, {MARK: "0"}), False),
        ({"resultType": "scalar", "result": [1, "1"]}, False),
        ({"resultType": "string", "result": [1, "1"]}, False),
        ({"resultType": "matrix", "result": []}, False),
        ({"resultType": "vector", "result": [1]}, False),
        (None, False),
    ],
)
def test_only_a_vector_without_our_mark_may_join(data: object, may: bool) -> None:
    """Anything else would be answered otherwise in a batch."""
    assert joinable(data) is may


@given(
    sizes=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), max_size=30),
    most=st.integers(1, 8),
)
def test_groups_keep_the_order_and_the_limits(sizes: list[tuple[float, float]], most: int) -> None:
    """Only one that is too large by itself is beyond them, and that is alone."""
    members = list(range(len(sizes)))

    groups = packed(members, most=most, limits=(2.0, 2.0), sizes=sizes)

    assert [member for group in groups for member in group] == members
    for group in groups:
        assert 1 <= len(group) <= most
        for size in (0, 1):
            assert len(group) == 1 or sum(sizes[member][size] for member in group) <= 2.0
