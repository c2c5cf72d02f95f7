"""One policy's life over doubles: what is measured, when, and what a status says of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from tests.support.builders import VALUES, blast, slo
from tests.support.world import World

from governor.api import RUN_NOW
from governor.app.ports import ObjectKey, OpenFinding


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


async def turns(count: int) -> None:
    """Lets the event loop turn so often: what is due by then is done, what spins shows."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_new_policy_is_evaluated_at_once(world: World) -> None:
    """Its status is there without any tick, and nothing is told of a good one."""
    key = world.apply()
    status = await world.settled(key, "Ok")

    assert status.observed_generation == 1
    assert status.checks[0].value == 0.9
    assert world.rows() == []
    assert world.events.events == {}
    assert world.store.writes == 1
    assert world.telemetry.statuses[key].verdict == "Ok"
    assert world.telemetry.lateness == []


async def test_a_slot_runs_once_and_its_lateness_shows(world: World) -> None:
    """Two ticks within a slot measure once; how late the run was is told."""
    key = world.apply()
    await world.settled(key, "Ok")
    world.slot(key)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    world.scheduler.policy_tick(key.uid, 60)
    world.slot(key)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 3)

    assert len(world.telemetry.lateness) == 2
    assert all(0 <= late < 60 for late in world.telemetry.lateness)
    assert world.telemetry.ticks == 3


async def test_values_ride_along_within_five_minutes(world: World) -> None:
    """A steady policy is written about once in five minutes, not at each run."""
    key = world.apply()
    await world.settled(key, "Ok")
    for n in range(10):
        world.slot(key)
        await world.until(lambda n=n: world.measurer.calls["autonomy-rate"] == n + 2)
    runner = next(iter(world.scheduler))
    await world.until(lambda: runner.status.checks[0].last_evaluated >= world.clock.now())

    assert 2 <= world.store.writes <= 4


async def test_a_new_generation_is_evaluated_at_once(world: World) -> None:
    """All checks, whatever their slots; the old spec's counts are gone."""
    key = world.apply(slo(interval="1h"))
    await world.settled(key, "Ok")
    world.change(key, slo(interval="1h"), slo("other", interval="1h"))
    await world.until(lambda: world.measurer.calls["other"] == 1)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    status = await world.settled(key, "Ok")

    assert status.observed_generation == 2


async def test_run_now_measures_everything_and_is_echoed(world: World) -> None:
    """Once per request; the same annotation again asks nothing."""
    key = world.apply(slo(interval="1h"))
    await world.settled(key, "Ok")
    body = world.store.annotate(key, {RUN_NOW: "2026-11-22T12:00:01Z"})
    world.scheduler.policy_seen(body)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await world.until(lambda: world.store.writes == 2)

    status = await world.status(key)
    assert status.last_handled_run_now == "2026-11-22T12:00:01Z"
    world.scheduler.policy_seen(await world.store.read(key))
    world.scheduler.policy_tick(key.uid, 60)
    assert (await world.settled(key, "Ok")).last_handled_run_now == "2026-11-22T12:00:01Z"
    assert world.measurer.calls["autonomy-rate"] == 2


async def test_a_slow_check_holds_no_other_back(world: World) -> None:
    """The others are decided without it; it joins when it is done."""
    world.measurer.gates["slow"] = asyncio.Event()
    world.say(autonomy_rate="violated")
    key = world.apply(slo(), slo("slow"))
    status = await world.settled(key, "Violated")
    assert [c.reason for c in status.checks] == ["PastRedLine", "NotYetEvaluated"]

    world.slot(key)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    assert world.measurer.calls["slow"] == 1
    world.measurer.gates.pop("slow").set()
    await world.until(lambda: world.telemetry.statuses[key].checks[1].verdict == "Ok")


async def test_measurements_of_an_old_spec_are_dropped(world: World) -> None:
    """What was under way when the spec changed never reaches the status."""
    gate = world.measurer.gates["slow"] = asyncio.Event()
    world.say(slow="violated")
    key = world.apply(slo("slow"))
    await world.until(lambda: world.measurer.calls["slow"] == 1)
    world.change(key, slo("quick"))
    gate.set()
    status = await world.settled(key, "Ok")

    assert [c.name for c in status.checks] == ["quick"]
    assert world.rows() == []


async def test_an_error_is_retried_before_its_turn(world: World) -> None:
    """After 30 s, then 60 s; success ends it."""
    world.say(autonomy_rate="error")
    key = world.apply(slo(interval="24h"))
    await world.settled(key, "Error")
    [runner] = world.scheduler
    for wait, calls in ((29, 1), (1, 2), (59, 2), (1, 3)):
        world.slot(key, wait)
        await world.until(lambda calls=calls: world.measurer.calls["autonomy-rate"] == calls)
        if wait == 1:  # a retry: what it waits for next counts from its decision
            await world.until(lambda: runner.status.last_evaluated >= world.clock.now())
    world.say(autonomy_rate="ok")
    world.slot(key, 120)
    await world.settled(key, "Ok")
    world.slot(key, 240)

    assert world.measurer.calls["autonomy-rate"] == 4


async def test_an_error_is_retried_after_a_restart(world: World) -> None:
    """Another process takes it up where the status is; a good check waits for its slot."""
    world.say(autonomy_rate="error")
    key = world.apply(slo(interval="24h"), slo("other", interval="1h"))
    await world.settled(key, "Error")
    world.clock.forward(20)
    await world.restart(key)
    await turns(100)
    assert world.measurer.calls["autonomy-rate"] == 1

    world.say(autonomy_rate="ok")
    world.slot(key, 10)
    await world.settled(key, "Ok")

    assert world.measurer.calls == {"autonomy-rate": 2, "other": 1}


async def test_nothing_turns_for_a_retry_that_must_not_be(world: World) -> None:
    """A policy that was suspended in Error sleeps."""
    world.say(autonomy_rate="error")
    key = world.apply(slo(interval="1h"))
    await world.settled(key, "Error")
    world.change(key, slo(interval="1h"), suspend=True)
    [runner] = world.scheduler
    await world.until(lambda: runner.status.observed_generation == 2)
    world.slot(key, 60)
    reads = world.clock.reads
    await turns(1_000)

    assert world.clock.reads - reads < 100
    assert world.measurer.calls["autonomy-rate"] == 1


async def test_a_changed_source_makes_its_checks_due(world: World) -> None:
    """Those that measure from it, and no others."""
    key = world.apply(slo(interval="1h"), blast(interval="1h"))
    await world.until(lambda: world.measurer.calls["built-in"] == 1)
    await world.until(lambda: world.store.writes >= 1)
    world.scheduler.source_changed("prometheus")
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)

    assert world.measurer.calls["built-in"] == 1
    assert key in world.telemetry.statuses


async def test_a_changed_mute_makes_every_check_due(world: World) -> None:
    """What waited for its end is done on a run, and the next slot may be days away."""
    key = world.apply(slo(interval="7d"), slo("growth", interval="7d"))
    await world.settled(key, "Ok")
    world.scheduler.mute_changed("aiops", "other")
    world.scheduler.mute_changed("aiops", "flywheel")
    await world.until(lambda: world.measurer.calls["growth"] == 2)

    assert world.measurer.calls == {"autonomy-rate": 2, "growth": 2}


async def test_the_longest_annotation_is_answered(world: World) -> None:
    """What is echoed fits the status."""
    key = world.apply()
    await world.settled(key, "Ok")
    world.scheduler.policy_seen(world.store.annotate(key, {RUN_NOW: "a" * 5000}))
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await world.until(lambda: world.store.peek(key)["status"].get("lastHandledRunNow") is not None)

    assert (await world.status(key)).last_handled_run_now == "a" * 253


async def test_a_spec_that_is_not_understood_is_told_and_measures_nothing(world: World) -> None:
    """As it can be where an older schema let it in."""
    body = world.store.create("aiops", "broken", {"checks": [{"name": "x"}]})
    world.scheduler.policy_seen(body)
    meta = body["metadata"]
    key = ObjectKey(uid=meta["uid"], namespace="aiops", name="broken")
    status = await world.settled(key, "Error")

    stalled = next(c for c in status.conditions if c.type == "Stalled")
    assert stalled.reason == "SpecInvalid"
    assert "spec.checks[0]" in stalled.message
    assert not world.measurer.calls


async def test_a_deleted_policy_leaves_nothing_behind(world: World) -> None:
    """No task, no slot, no series; one of the same name starts anew."""
    key = world.apply()
    await world.settled(key, "Ok")
    world.scheduler.policy_tick(key.uid, 60)
    world.store.delete(key)
    world.scheduler.policy_gone(key.uid)
    world.scheduler.policy_gone(key.uid)
    world.scheduler.policy_tick(key.uid, 60)

    assert len(world.scheduler) == 0
    assert world.telemetry.statuses == {}
    again = world.apply()
    assert again.uid != key.uid
    await world.settled(again, "Ok")


async def test_a_policy_deleted_while_it_runs_is_no_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Its write meets a 404, and that is that."""
    caplog.set_level("INFO")
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    key = world.apply()
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    world.store.delete(key)
    gate.set()
    await world.until(lambda: any("gone" in record.message for record in caplog.records))

    assert not [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")]


async def test_every_kind_of_outcome_keeps_its_word() -> None:
    """The doubles of this file cover each verdict."""
    verdicts = {"ok": "Ok", "warning": "Warning", "violated": "Violated", "nodata": "NoData",
                "error": "Error", "stuck": "Error"}  # fmt: skip
    assert set(verdicts) == set(VALUES)
    for word, verdict in verdicts.items():
        async with World() as world:
            world.say(autonomy_rate=word)
            await world.settled(world.apply(), verdict)


async def test_a_spec_that_changes_while_the_sink_is_asked_is_the_one_that_is_measured(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the old one asks for is never taken for an answer to the new one."""

    def of(query: str) -> dict[str, Any]:
        asks = {"sourceRef": {"name": "prometheus"}, "query": f"sli:{query}"}
        return slo("rate", promql=asks, interval="1h")

    asked, answer, found = asyncio.Event(), asyncio.Event(), world.sink.open_findings

    async def slowly(policy_uid: str | None = None) -> Sequence[OpenFinding]:
        asked.set()
        await answer.wait()
        return await found(policy_uid)

    monkeypatch.setattr(world.sink, "open_findings", slowly)
    world.measurer.gates["old"] = asyncio.Event()  # a slow one
    world.say(old="ok", new="violated")
    key = world.apply(of("old"))
    await world.until(asked.is_set)
    world.change(key, of("new"))
    answer.set()

    await world.until(lambda: world.measurer.calls["new"] == 1)
    await world.settled(key, "Violated")
    assert world.measurer.calls["old"] == 0
