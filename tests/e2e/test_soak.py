"""A bounded soak (`make soak`), always with the same schedules."""

from collections.abc import Iterator
from functools import partial
from random import Random

import pytest
from tests.soak.estate import crowd, estate
from tests.soak.soaking import CROWDED, Soak, Summary
from tests.soak.world import soaked
from tests.support.replica_pair import Pair, replica_pair

from governor_local.operator_process import Installation, OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

SEED = 20261125
NAMESPACE, CROWD = "e2e-soak", "e2e-crowd"
MANY = 200
"""Policies that come and go; `make soak` has a thousand."""
POLICIES = 16
STEPS = 18
ROUNDS = 2


@pytest.fixture
def pair(
    stack: Stack, installation: Installation, sources: None, one_operator: OperatorProcess
) -> Iterator[Pair]:
    """Two replicas instead of the session's operator, and all servers up."""
    one_operator.stop()
    for server in stack.servers:
        server.start()
    with replica_pair(stack, installation) as pair:
        yield pair


@pytest.mark.timeout(600)
def test_nothing_is_lost_and_nothing_is_told_twice(
    stack: Stack, pair: Pair, platform: Platform
) -> None:
    """Whatever breaks and changes meanwhile: the oracle finds nothing."""
    shown: list[str] = []
    rng = Random(SEED)  # noqa: S311 - the same each time is the point
    policies = partial(estate, stack, NAMESPACE, rng, POLICIES)
    with soaked(stack, pair, platform, NAMESPACE, policies) as world:
        soak = Soak(world, Summary(seed=SEED), say=shown.append, show=shown.append)
        for _ in range(ROUNDS):
            soak.round(steps=STEPS)

    assert soak.summary.flaws == [], "\n".join([*shown, str(soak.summary)])
    assert soak.summary.faults.total() > 0
    assert soak.summary.findings > 0


@pytest.mark.timeout(600)
def test_many_policies_come_change_and_go_while_replicas_are_killed(
    stack: Stack, pair: Pair, platform: Platform
) -> None:
    """Every status is right in the end; then, of the deleted, nothing is left anywhere."""
    shown: list[str] = []
    with soaked(stack, pair, platform, CROWD, partial(crowd, CROWD, MANY)) as world:
        soak = Soak(world, Summary(seed=SEED), say=shown.append, show=shown.append)
        soak.round(CROWDED, steps=3 * MANY)
        soak.empty()

    assert soak.summary.flaws == [], "\n".join([*shown, str(soak.summary)])
    assert soak.summary.changes.total() > MANY
    assert soak.summary.faults["SIGKILL"] > 0
