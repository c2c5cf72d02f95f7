"""A sink that does not say how work items go on: the log says so, once."""

import asyncio
from typing import Any

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.app.looking_up import PLACE
from governor.app.ports import ObjectKey


async def cycles(world: World, key: ObjectKey, count: int) -> None:
    """So many further runs, each of which looks up."""
    runner = world.scheduler.named("aiops", "flywheel")
    assert runner is not None
    for _ in range(count):
        world.slot(key)
        await world.until(lambda: runner.status.checks[0].last_evaluated >= world.clock.now())


async def test_a_look_up_without_an_answer_is_logged_once_and_its_end_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once per change of words: refused, then too slow, then well again."""
    monkeypatch.setattr("governor.app.looking_up.PATIENCE", 0.05)
    caplog.set_level("INFO")

    async def hanging(policy_uid: str) -> Any:
        await asyncio.Event().wait()

    async with World() as world:
        answering = world.sink.dispatches
        world.say(autonomy_rate="violated")
        key = world.apply(slo(dispatch={"executor": "hermes"}))
        await world.settled(key, "Violated")
        await cycles(world, key, 1)
        world.sink.down = "stopped"
        await cycles(world, key, 3)
        world.sink.down = None
        monkeypatch.setattr(world.sink, "dispatches", hanging)
        await cycles(world, key, 3)
        monkeypatch.setattr(world.sink, "dispatches", answering)
        await cycles(world, key, 3)

    told = [vars(record) for record in caplog.records if vars(record).get("target") == PLACE]
    assert [(each["message"], each.get("error")) for each in told] == [
        ("can't deliver now", "stopped"),
        ("can't deliver now", "no answer within 0.05 s"),
        ("delivers again", None),
    ]
    assert not any(each["exc_info"] for each in told)


@pytest.mark.parametrize("place", ["dispatches", "open_findings"])
async def test_a_sink_that_answers_nonsense_keeps_no_run_from_standing(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was measured is judged all the same."""

    async def odd(*_: Any) -> Any:
        raise ValueError("odd")

    async with World() as world:
        monkeypatch.setattr(world.sink, place, odd)
        world.say(autonomy_rate="violated")
        key = world.apply(slo(dispatch={"executor": "hermes"}))
        await world.settled(key, "Violated", told=False)
        await cycles(world, key, 1)
        world.say(autonomy_rate="ok")
        await cycles(world, key, 1)
        await world.settled(key, "Ok", told=False)

    assert "ValueError: odd" in caplog.text
