"""The sweeper over runners that lost their timers, or whatever else keeps them going."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.app import attempts, measuring, sweeping
from governor.app.beginning import BEGINNERS
from governor.app.ports import ObjectKey
from governor.app.running import PolicyRunner
from governor.app.sweeping import Sweeper, standing_of
from governor.domain.overdue import Standing


class Sweeping(World):
    """The application without any timer, but with a sweeper."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck: list[Sequence[ObjectKey]] = []
        self.seconds = 1000.0
        self.sweeper = Sweeper(
            self.scheduler,
            clock=self.clock,
            telemetry=self.telemetry,
            on_stuck=self.stuck.append,
            monotonic=lambda: self.seconds,
        )

    def forward(self, seconds: float) -> None:
        """Time goes by, on every clock."""
        self.clock.forward(seconds)
        self.seconds += seconds


@pytest.fixture
async def world() -> AsyncIterator[Sweeping]:
    """An operator without a policy."""
    async with Sweeping() as made:
        yield made


async def test_a_policy_without_a_timer_is_evaluated(world: Sweeping) -> None:
    """Once it is overdue by two ticks, and counted once."""
    key = world.apply(slo())
    await world.settled(key, "Ok")
    world.forward(60)
    await world.sweeper.sweep()
    assert world.telemetry.overdue_now == 0

    world.say(autonomy_rate="violated")
    world.forward(121)
    await world.sweeper.sweep()
    await world.settled(key, "Violated")

    assert (world.telemetry.overdue_now, world.telemetry.overdue_ever) == (1, 1)
    await world.sweeper.sweep()
    assert (world.telemetry.overdue_now, world.telemetry.overdue_ever) == (0, 1)
    assert world.stuck == [[], [], []]


async def test_a_policy_that_a_finalizer_holds_is_evaluated_and_not_overdue(
    world: Sweeping, caplog: pytest.LogCaptureFixture
) -> None:
    """Its timer has ended with its deletion; nobody need be told of that every ten seconds."""
    caplog.set_level(logging.INFO, "governor.app.sweeping")
    key = world.apply(slo())
    await world.settled(key, "Ok")
    world.store.mark_deleted(key)
    world.scheduler.policy_seen(world.store.peek(key))
    world.say(autonomy_rate="violated")
    world.forward(181)
    await world.sweeper.sweep()
    await world.settled(key, "Violated")

    assert world.telemetry.overdue_ever == 0
    assert not caplog.records


async def test_an_episode_is_said_once(world: Sweeping, caplog: pytest.LogCaptureFixture) -> None:
    """Its beginning with the policies' names, and that the last one ended."""
    caplog.set_level(logging.INFO, "governor.app.sweeping")
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    world.apply(slo())
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    for _ in range(3):
        world.forward(700)  # longer than any measurement takes
        await world.sweeper.sweep()
    assert [record.message for record in caplog.records] == [
        "policies are overdue by two ticks, and are evaluated now"
    ]
    assert vars(caplog.records[0])["first"] == "aiops/flywheel"

    gate.set()
    await world.until(lambda: not next(iter(world.scheduler)).measuring.under_way)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await world.until(lambda: not next(iter(world.scheduler)).measuring.under_way)
    await world.sweeper.sweep()
    assert caplog.records[-1].message == "no policy is overdue any more"


async def test_one_that_can_not_be_looked_at_keeps_nobody_from_being_swept(
    world: Sweeping, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug that shows with one policy is named in the log, once."""
    broken, other = world.apply(slo(), name="broken"), world.apply(slo(), name="other")
    await world.settled(broken, "Ok")
    await world.settled(other, "Ok")

    def looked_at(runner: PolicyRunner) -> Standing:
        if runner.subject.key == broken:
            raise ArithmeticError
        return standing_of(runner)

    monkeypatch.setattr(sweeping, "standing_of", looked_at)
    world.say(autonomy_rate="violated")
    world.forward(181)
    for _ in range(2):
        await world.sweeper.sweep()
    await world.settled(other, "Violated")

    [complaint] = [record for record in caplog.records if record.exc_info]
    assert vars(complaint)["policy"] == "broken"


async def test_what_nothing_moves_is_told_as_stuck(world: Sweeping) -> None:
    """After five minutes of sweeps; no more once it moves."""
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    key = world.apply(slo())
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    world.forward(601)
    await world.sweeper.sweep()
    world.forward(300)
    await world.sweeper.sweep()
    assert world.stuck[-1] == []

    world.forward(1)
    await world.sweeper.sweep()
    assert world.stuck[-1] == [key]

    gate.set()
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await world.until(lambda: not next(iter(world.scheduler)).measuring.under_way)
    await world.sweeper.sweep()
    assert world.stuck[-1] == []


async def test_an_api_server_that_is_away_is_no_standstill(
    world: Sweeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs fail and say so: overdue, but a restart would not help."""
    key = world.apply(slo())
    await world.settled(key, "Ok")
    world.say(autonomy_rate="violated")  # worth a write
    world.store.goes(away=True)
    for backoff in ("FIRST_BACKOFF", "LONGEST_BACKOFF"):  # which goes by real time
        monkeypatch.setattr(attempts, backoff, 0.001)
    next(iter(world.scheduler)).attempts = attempts.Attempts(world.clock.now())
    for _ in range(20):
        world.forward(60)
        await world.sweeper.sweep()
        next(iter(world.scheduler)).wake()

        def failed() -> bool:  # and not at it again: what is under way is not overdue
            runner = next(iter(world.scheduler))
            return runner.attempts.failed_at == world.clock.now() and not runner.measuring

        await world.until(failed)

    assert world.telemetry.overdue_now == 1
    assert world.telemetry.overdue_ever == 1
    assert all(stuck == [] for stuck in world.stuck)
    world.store.goes(away=False)
    await world.settled(key, "Violated")


async def test_what_goes_or_is_suspended_is_forgotten(world: Sweeping) -> None:
    """An episode ends with its policy."""
    world.measurer.gates["autonomy-rate"] = asyncio.Event()
    key = world.apply(slo())
    world.forward(601)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    world.forward(601)
    await world.sweeper.sweep()
    assert world.telemetry.overdue_now == 1

    world.scheduler.policy_gone(key.uid)
    world.forward(600)
    await world.sweeper.sweep()
    assert world.telemetry.overdue_now == 0
    assert world.stuck[-1] == []


async def test_others_get_their_turn_in_a_sweep_of_many(world: Sweeping) -> None:
    """A slot must not wait until thousands are looked at."""
    for number in range(250):
        world.scheduler.policy_seen(
            world.store.create("aiops", f"p-{number}", {"checks": [slo()], "suspend": True})
        )
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(another())
    await asyncio.sleep(0)
    before = turns
    await world.sweeper.sweep()
    assert turns - before >= 2
    task.cancel()


async def test_a_crowd_behind_slow_beginners_is_no_standstill(
    world: Sweeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overdue, and counted; a restart would have all of them begin anew."""
    monkeypatch.setattr(measuring, "PATIENCE", 60)
    gate = world.measurer.gates["slow"] = asyncio.Event()
    for number in range(BEGINNERS):
        world.apply(slo("slow"), name=f"beginner-{number:03}")
    last = world.apply(slo())
    await world.until(lambda: world.measurer.calls["slow"] == BEGINNERS)
    for _ in range(3):
        world.forward(180)
        await world.sweeper.sweep()
    assert world.telemetry.overdue_now == 1
    assert world.stuck[-1] == []

    gate.set()
    await world.settled(last, "Ok")
