"""What a real API server refuses, and in which words."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.judge import Judge
from tests.support.refusals import Refusal, refusals

from governor.api.loading import load_policy
from governor.errors import SpecError
from governor_local.stack import Stack

pytestmark = pytest.mark.e2e

TABLE = refusals()


@pytest.fixture(scope="module")
def judge(stack: Stack) -> Iterator[Judge]:
    """The stack's API server."""
    with Judge.of(stack) as judge:
        yield judge


@pytest.mark.parametrize("row", TABLE, ids=[row.case for row in TABLE])
def test_a_bad_manifest_is_refused(judge: Judge, row: Refusal) -> None:
    """In exactly these words, which name the field and the remedy."""
    assert judge.refusal(row.kind, row.spec) == row.server


lines = st.one_of(st.integers(-2, 2), st.sampled_from([0.1, 0.15, 0.2, 0.5, -0.1, 1.5]))
objectives = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["Above", "Below"]),
        "redLine": lines,
        "target": lines,
        "minimumSamples": st.integers(1, 3),
    },
)
intervals = st.builds(
    "{}{}".format,
    st.one_of(st.integers(1, 20), st.sampled_from([168, 169, 10080, 10085, 604800, 604805])),
    st.sampled_from("smhd"),
)
kinds = st.sampled_from(
    ["trustDrift", "knowledgeDegradation", "llmHallucination", "executionBlastRadius"]
).map(lambda kind: {kind: {"sourceRef": {"name": "s"}}}) | st.sampled_from(["promql", "sql"]).map(
    lambda kind: {kind: {"sourceRef": {"name": "s"}, "query": "1"}}
)
checks = st.builds(
    lambda kind, fields: kind | fields,
    kinds,
    st.fixed_dictionaries({}, optional={"objective": objectives, "interval": intervals}),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(checks, min_size=1, max_size=32))
def test_both_readers_refuse_the_same(judge: Judge, checks: list[dict[str, Any]]) -> None:
    """CEL and Python agree on each check, and on each message."""
    spec = {"checks": [check | {"name": f"c{at}"} for at, check in enumerate(checks)]}
    said = judge.refusal("GovernancePolicy", spec)
    try:
        load_policy({"spec": spec})
        mine = ""
    except SpecError as error:
        mine = str(error)

    # Python asks a check's own rules only where its fields are right: then it says less.
    assert bool(said) == bool(mine)
    for fault in mine.split("; ") if mine else ():
        assert any(fault.rpartition(": ")[2] in words for words in said)
    for at, check in enumerate(checks):
        refused = any(words.startswith(f"spec.checks[{at}]") for words in said)
        assert refused == _refused_alone(check), (check, said)


def _refused_alone(check: dict[str, Any]) -> bool:
    try:
        load_policy({"spec": {"checks": [check | {"name": "alone"}]}})
    except SpecError:
        return True
    return False
