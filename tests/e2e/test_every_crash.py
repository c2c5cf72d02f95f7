"""The operator, killed at any external effect of a finding's life, loses and doubles nothing.

Real processes end by SIGKILL before and after each effect, and at random pairs of such points;
what everybody was told in the end is what an undisturbed process tells.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import pytest
from tests.support.cluster import Cluster
from tests.support.crash_outcome import Came, Outcomes
from tests.support.crash_stage import (
    EFFECTS,
    WAITING,
    CrashingOperator,
    Moment,
    Schedule,
    Stage,
    lies_ahead,
    named,
    point,
)
from tests.support.crash_stories import CHOSEN, Stories
from tests.support.crashes import Crash

from governor_local.operator_process import Installation, OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

NAMESPACE = "e2e-crashes"
PAIRS = 20
UNDISTURBED = "undisturbed"
POINTS = [
    Crash(number, before) for number in range(1, len(EFFECTS) + 1) for before in (True, False)
]


def random_pairs() -> list[Schedule]:
    """The same ones each time."""
    ahead = [pair for pair in product(POINTS, repeat=2) if lies_ahead(*pair)]
    return random.Random(5).sample(ahead, PAIRS)  # noqa: S311 - a schedule, no secret


SINGLES: Mapping[str, Schedule] = {f"single-{n:02}": (each,) for n, each in enumerate(POINTS, 1)}
TWICE: Mapping[str, Schedule] = {f"pair-{n:02}": each for n, each in enumerate(random_pairs(), 1)}


@dataclass(frozen=True)
class Told:
    """All stories, as they went and what came of them."""

    lives: Mapping[str, Sequence[Sequence[Moment]]]
    came: Mapping[str, Came]


@pytest.fixture(scope="module")
def told(
    stack: Stack,
    cluster: Cluster,
    installation: Installation,
    one_operator: OperatorProcess,
    built_platform: Platform,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Told]:
    """Every story, told to its end."""
    one_operator.stop()
    for server in stack.servers:
        server.start()
    schedules = {**SINGLES, **TWICE, UNDISTURBED: ()}
    operator = CrashingOperator(stack, installation, tmp_path_factory.mktemp("crashes"))
    stories = Stories(cluster, NAMESPACE)
    with stories.prepared(schedules):
        try:
            stage = Stage(operator, stories)
            stage.tell(schedules)
            outcomes = Outcomes(stories)
            yield Told(stage.told, {name: outcomes.of(name) for name in schedules})
        finally:
            operator.kill()


def test_an_undisturbed_process_has_every_effect(told: Told) -> None:
    """Else the points would prove little."""
    [life] = told.lives[UNDISTURBED]
    came = told.came[UNDISTURBED]
    outcome = came.outcome

    assert {each["effect"] for each in life} - {WAITING} == set(EFFECTS)
    [row] = outcome.rows
    assert (row["resolved"], row["resolved_reason"]) == (True, "Recovered")
    assert [item["dispatch_status"] for item in outcome.items] == ["cancelled"]
    [run] = row["details"]["remediation"]["runs"]
    assert run == {"done": list(CHOSEN), "not_changed": [], "cancelled": None}
    assert outcome.touched == dict.fromkeys(CHOSEN, 1)
    reasons = [reason for _, reason, _ in outcome.events]
    assert reasons == ["FindingOpened", "Remediated", "FindingResolved"]
    assert [each["generation"] for each in outcome.revisions] == [1, 2]
    assert len(outcome.cloud_events) == len(outcome.chat) == came.messages == 2


@pytest.mark.parametrize("name", SINGLES, ids=lambda name: named(SINGLES[name]))
def test_every_single_point(told: Told, name: str) -> None:
    judge(told, name, SINGLES[name])


@pytest.mark.parametrize("name", TWICE, ids=lambda name: named(TWICE[name]))
def test_random_pairs_of_points(told: Told, name: str) -> None:
    judge(told, name, TWICE[name])


def judge(told: Told, name: str, schedule: Schedule) -> None:
    """The process was killed there and nowhere else, and nothing of it is left to see."""
    *killed, last = told.lives[name]
    came = told.came[name]

    ends = [(life[-1]["effect"], life[-1]["moment"], life[-1]["frozen"]) for life in killed]
    assert ends == [(*point(crash), True) for crash in schedule]
    assert not any(each["frozen"] for each in last)
    assert came.outcome == told.came[UNDISTURBED].outcome
    # A chat can't tell a repetition: it may hear one for each crash.
    assert came.messages <= len(came.outcome.chat) + len(schedule)
