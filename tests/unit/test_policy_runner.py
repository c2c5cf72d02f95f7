"""One policy's life over doubles: measure, decide, write, tell, clear."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.builders import VALUES, blast, slo
from tests.support.world import World

from governor.api import RUN_NOW
from governor.api.log import Target
from governor.app.ports import Episode, ObjectKey, OpenFinding
from governor.errors import ConflictError, StoreError

SLO = "slo_autonomy_rate_violation"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


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


async def test_a_finding_is_told_everywhere_once_and_cleared(world: World) -> None:
    """Row and Event follow the write; the log is empty again after the second one."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    status = await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]
    assert status.checks[0].finding is not None
    assert status.checks[0].finding.id in world.sink.events
    assert world.store.writes == 2

    world.say(autonomy_rate="ok")
    world.slot(key)
    status = await world.settled(key, "Ok")
    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert world.reasons() == ["FindingOpened", "FindingResolved"]
    assert world.store.writes == 4


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
    key = world.apply(slo(interval="1h"))
    await world.settled(key, "Error")
    for wait, calls in ((29, 1), (1, 2), (59, 2), (1, 3)):
        world.slot(key, wait)
        await world.until(lambda calls=calls: world.measurer.calls["autonomy-rate"] == calls)
    world.say(autonomy_rate="ok")
    world.slot(key, 120)
    await world.settled(key, "Ok")
    world.slot(key, 240)

    assert world.measurer.calls["autonomy-rate"] == 4


async def test_a_changed_source_makes_its_checks_due(world: World) -> None:
    """Those that measure from it, and no others."""
    key = world.apply(slo(interval="1h"), blast(interval="1h"))
    await world.until(lambda: world.measurer.calls["built-in"] == 1)
    await world.until(lambda: world.store.writes >= 1)
    world.scheduler.source_changed("prometheus")
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)

    assert world.measurer.calls["built-in"] == 1
    assert key in world.telemetry.statuses


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_a_write_whose_answer_is_lost_is_decided_again(world: World, fault: str) -> None:
    """Whether it was done or not: one finding, one row, one Event."""
    world.say(autonomy_rate="violated")
    world.store.fail(fault)  # type: ignore[arg-type]
    key = world.apply()
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]


async def test_a_conflict_is_decided_again_on_the_newer_version(world: World) -> None:
    """With the same measurements: the check is not measured twice."""
    world.say(autonomy_rate="violated")
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    key = world.apply()
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    world.store.annotate(key, {"somebody": "else"})  # the operator's cache is old now
    gate.set()
    await world.settled(key, "Violated")

    assert world.measurer.calls["autonomy-rate"] == 1
    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_a_run_that_could_not_be_written_is_measured_again(world: World) -> None:
    """The API server is away for a while: nothing is told until it took the status."""
    world.say(autonomy_rate="violated")
    world.store.fail(*["before"] * 4)
    key = world.apply()
    await world.settled(key, "Violated")

    assert world.measurer.calls["autonomy-rate"] > 1
    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_a_refused_status_is_reported_and_tried_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A 422 is a bug or a limit; it never ends the policy's life."""
    world.store.fail(StoreError("status.checks: too long"))
    key = world.apply()
    await world.settled(key, "Ok")

    (record,) = [r for r in caplog.records if "could not be written" in r.message]
    assert record.__dict__["error"] == "status.checks: too long"


async def test_a_read_that_fails_after_a_conflict_ends_a_turn_and_not_the_policy(
    world: World,
) -> None:
    """It backs off and comes again."""
    gate = world.measurer.gates["autonomy-rate"] = asyncio.Event()
    key = world.apply()
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 1)
    world.store.fail(*[ConflictError("busy") for _ in range(2)])
    gate.set()
    await world.settled(key, "Ok")

    assert world.store.writes == 1


async def test_the_sink_down_stops_no_verdict(world: World) -> None:
    """Status and Events go on; the row comes when the sink is back, exactly once."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    status = await world.settled(key, "Violated", told=False)
    await world.until(lambda: world.reasons() == ["FindingOpened"])
    assert len(status.pending) == 1

    world.say(autonomy_rate="ok")
    world.slot(key)
    await world.settled(key, "Ok", told=False)
    world.sink.down = None
    await world.settled(key, "Ok")

    assert world.rows() == [("autonomy-rate", SLO, True)]
    assert ("sink", "retried") in world.telemetry.deliveries
    assert world.reasons() == ["FindingOpened", "FindingResolved"]


async def test_what_ails_a_target_is_logged_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at each retry; and once more when it delivers again."""
    caplog.set_level("INFO")
    world.sink.down = "run `governor migrate`"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.until(lambda: world.telemetry.deliveries.count(("sink", "retried")) >= 2)
    world.sink.down = None
    await world.settled(key, "Violated")

    said = [(r.message, r.__dict__.get("error")) for r in caplog.records if "deliver" in r.message]
    assert said == [("can't deliver now", "run `governor migrate`"), ("delivers again", None)]


async def test_a_fault_that_nobody_foresaw_ends_no_delivery(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sink's driver raises something of its own: it is tried again like any outage."""
    record, calls = world.sink.record, 0

    async def broken_once(episode: Episode) -> OpenFinding | None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError
        return await record(episode)

    monkeypatch.setattr(world.sink, "record", broken_once)
    world.say(autonomy_rate="violated")
    await world.settled(world.apply(), "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_a_restart_before_delivery_tells_what_was_decided(world: World) -> None:
    """The next process finds it in the status."""
    world.sink.down = "stopped"
    world.events.fail(*["before"] * 3)
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    await world.restart(key)
    world.sink.down = None
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]


async def test_a_restart_between_delivery_and_clearing_tells_nothing_twice(world: World) -> None:
    """Row and Event are there already; the receivers deduplicate."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.until(lambda: bool(world.rows()) and bool(world.reasons()))
    await world.restart(key)
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]


async def test_a_refused_event_is_dropped_and_counted(world: World) -> None:
    """A namespace that is being terminated takes none; the row is stored all the same."""
    world.events.terminate("aiops")
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert ("event", "rejected") in world.telemetry.deliveries


async def test_a_wiped_status_opens_no_second_row(world: World) -> None:
    """The finding is taken over from the sink, and resolved under its old id."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    before = await world.settled(key, "Violated")
    body = await world.store.read(key)
    wiped = await world.store.replace_status(key, body["metadata"]["resourceVersion"], {})
    world.scheduler.policy_seen(wiped)
    after = await world.settled(key, "Violated")
    assert after.checks[0].finding == before.checks[0].finding

    world.say(autonomy_rate="ok")
    world.slot(key)
    await world.settled(key, "Ok")
    assert world.rows() == [("autonomy-rate", SLO, True)]


async def test_a_status_edited_by_hand_opens_nothing_anew(world: World) -> None:
    """The sink is asked first: neither a second row nor a second Event."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    before = await world.settled(key, "Violated")
    world.clock.forward(1)
    body = world.store.peek(key)
    edited = {**body["status"], "checks": []}
    seen = await world.store.replace_status(key, body["metadata"]["resourceVersion"], edited)
    world.scheduler.policy_seen(seen)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await world.until(lambda: bool(world.telemetry.statuses[key].checks))
    after = await world.settled(key, "Violated")

    assert after.checks[0].finding == before.checks[0].finding
    assert world.reasons() == ["FindingOpened"]


async def test_a_clock_that_was_ahead_stops_no_check(world: World) -> None:
    """What was evaluated in the future is evaluated again now."""
    world.clock.forward(26 * 3600)
    key = world.apply()
    await world.settled(key, "Ok")
    world.clock.forward(-26 * 3600)
    world.say(autonomy_rate="violated")
    await world.restart(key)
    status = await world.settled(key, "Violated")

    assert status.valid_until is not None
    assert status.valid_until < world.clock.now() + timedelta(hours=1)


async def test_the_longest_annotation_is_answered(world: World) -> None:
    """What is echoed fits the status."""
    key = world.apply()
    await world.settled(key, "Ok")
    world.scheduler.policy_seen(world.store.annotate(key, {RUN_NOW: "a" * 5000}))
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await world.until(lambda: world.store.peek(key)["status"].get("lastHandledRunNow") is not None)

    assert (await world.status(key)).last_handled_run_now == "a" * 253


async def test_a_status_wiped_while_the_sink_is_down_adopts_its_row(world: World) -> None:
    """It decides without the sink; the index answers with the row that is open."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    before = await world.settled(key, "Violated")
    world.clock.forward(1)
    world.sink.down = "stopped"
    body = await world.store.read(key)
    wiped = await world.store.replace_status(key, body["metadata"]["resourceVersion"], {})
    world.scheduler.policy_seen(wiped)
    await world.settled(key, "Violated", told=False)
    world.sink.down = None
    after = await world.settled(key, "Violated")

    assert after.checks[0].finding == before.checks[0].finding
    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert ("sink", "adopted") in world.telemetry.deliveries


async def test_a_forged_entry_is_not_told(world: World) -> None:
    """Neither by the operator that runs nor by the next one; it is counted."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    body = await world.store.read(key)
    entry = {
        "id": "00000000-0000-5000-8000-000000000001",
        "finding": "00000000-0000-5000-8000-000000000002",
        "transition": "open",
        "check": "autonomy-rate",
        "eventType": "forged",
        "openedAt": "2026-11-22T12:00:00Z",
        "decidedAt": "2026-11-22T12:00:00Z",
        "generation": 1,
        "severity": "critical",
        "reason": "Forged",
        "targets": ["sink", "event"],
    }
    forged = {**body["status"], "pending": [entry]}
    await world.store.replace_status(key, body["metadata"]["resourceVersion"], forged)
    await world.restart(key)
    await world.settled(key, "Violated")

    assert [row[1] for row in world.rows()] == [SLO]
    assert world.reasons() == ["FindingOpened"]
    assert ("log", "dropped") in world.telemetry.deliveries


async def test_three_applies_within_a_slot_make_two_rows(world: World) -> None:
    """Open, resolve, reopen: in the order of decision, also under one unique index."""
    world.say(autonomy_rate="warning")
    lines = (0.8, 0.5, 0.78)
    key = world.apply(slo(objective={"direction": "Above", "redLine": lines[0]}))
    await world.settled(key, "Violated", told=False)
    world.clock.forward(0.1)
    world.change(key, slo(objective={"direction": "Above", "redLine": lines[1]}))
    await world.settled(key, "Ok", told=False)
    world.clock.forward(0.1)
    world.change(key, slo(objective={"direction": "Above", "redLine": lines[2]}))
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, True), ("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened", "FindingResolved", "FindingOpened"]


async def test_each_generation_is_kept_as_a_revision(world: World) -> None:
    """Who changed which threshold when."""
    key = world.apply()
    await world.settled(key, "Ok")
    world.change(key, slo(severity="critical"))
    await world.until(lambda: len(world.sink.revisions) == 2)

    generations = sorted(generation for _, _, generation in world.sink.revisions)
    assert generations == [1, 2]


async def test_a_suspended_policy_measures_nothing_and_still_tells(world: World) -> None:
    """What was decided before is delivered; findings stay as they are."""
    world.sink.down = "stopped"
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    world.change(key, suspend=True)
    await world.settled(key, "Suspended", told=False)
    world.sink.down = None
    calls = world.measurer.calls["autonomy-rate"]
    world.slot(key)
    status = await world.settled(key, "Suspended")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert status.checks[0].finding is not None
    assert world.measurer.calls["autonomy-rate"] == calls


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


async def test_a_new_process_takes_back_what_is_too_old_before_it_measures(world: World) -> None:
    """A slow check is not shown as it was hours ago, beside what is known now."""
    key = world.apply(slo(), slo("slow"))
    await world.settled(key, "Ok")
    world.clock.forward(3600)
    gate = world.measurer.gates["slow"] = asyncio.Event()
    world.measurer.gates["autonomy-rate"] = gate
    await world.restart(key)
    status = await world.settled(key, "NoData")

    compliant = next(c for c in status.conditions if c.type == "Compliant")
    assert (compliant.status, compliant.reason) == ("Unknown", "Stale")
    assert all("evaluating again" in check.message for check in status.checks)
    gate.set()
    await world.settled(key, "Ok")
    assert world.events.events == {}


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


async def test_stopping_tells_what_can_be_told(world: World) -> None:
    """The sink is back, but its lane still waits: the end does not wait for it."""
    world.say(autonomy_rate="violated")
    world.sink.down = "stopped"
    key = world.apply()
    await world.settled(key, "Violated", told=False)
    await world.until(lambda: ("sink", "retried") in world.telemetry.deliveries)
    world.sink.down = None

    await world.scheduler.stop(grace_seconds=5)

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert (await world.status(key)).pending == ()


async def test_stopping_does_not_wait_for_a_sink_that_is_down(world: World) -> None:
    """What can't be told stays in the log, for the next process."""
    world.say(autonomy_rate="violated")
    world.sink.down = "stopped"
    key = world.apply()
    await world.settled(key, "Violated", told=False)

    async with asyncio.timeout(2):
        await world.scheduler.stop(grace_seconds=60)

    assert world.rows() == []
    [entry] = (await world.status(key)).pending
    assert entry.targets == (Target.SINK,)
