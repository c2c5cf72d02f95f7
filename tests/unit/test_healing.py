"""Statuses and the sink are brought to agree, at start and hourly."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest
from tests.support.builders import NOON, slo
from tests.support.deciding import mute
from tests.support.virtual_time import in_virtual_time
from tests.support.world import World

from governor.adapters.memory.sink import InMemorySink
from governor.app.healing import (
    FIRST_AFTER_SECONDS,
    PERIOD_SECONDS,
    RETRY_SECONDS,
    heal,
    keep_healed,
)
from governor.app.ports import ObjectKey, OpenFinding
from governor.domain.identity import finding_id
from governor.errors import DeliveryError

SLO = "slo_autonomy_rate_violation"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


async def test_a_restored_database_gets_its_rows_back(world: World) -> None:
    """The open finding and the last resolved one, as they were."""
    world.say(autonomy_rate="violated", b="ok")
    key = world.apply(slo(), slo("b"))
    await world.settled(key, "Violated")
    world.say(autonomy_rate="ok", b="violated")
    world.slot(key)
    await world.settled(key, "Violated")
    # The verdict was the same before: wait for what the second slot does.
    await world.until(
        lambda: (
            sorted(resolved for _, _, resolved in world.rows()) == [False, True]
            and not world.store.peek(key)["status"].get("pending")
        )
    )
    before = {
        row["id"]: (row["opened_at"], row["resolved_at"]) for row in world.sink.events.values()
    }
    world.sink.events.clear()
    await heal(world.scheduler, world.sink)
    await world.until(lambda: len(world.sink.events) == 2)

    after = {
        row["id"]: (row["opened_at"], row["resolved_at"]) for row in world.sink.events.values()
    }
    assert after == before
    assert sorted(resolved for _, _, resolved in world.rows()) == [False, True]


async def test_healing_what_is_well_changes_nothing(world: World) -> None:
    """Neither rows nor Events nor the status."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    (runner,) = world.scheduler
    await world.until(lambda: not runner.courier.news.delivered)  # its last write is confirmed
    version = world.store.peek(key)["metadata"]["resourceVersion"]
    told = world.telemetry.deliveries.count(("sink", "delivered"))
    await heal(world.scheduler, world.sink)
    await world.until(lambda: world.telemetry.deliveries.count(("sink", "delivered")) == told + 1)

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]
    assert world.store.peek(key)["metadata"]["resourceVersion"] == version


async def test_an_open_row_that_the_status_forgot_is_taken_over(world: World) -> None:
    """Somebody edited the status: the finding is judged again, and resolved."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    before = await world.settled(key, "Violated")
    body = world.store.peek(key)
    world.say(autonomy_rate="ok")
    edited = {**body["status"]}
    edited["checks"] = [
        {k: v for k, v in check.items() if k != "finding"} for check in edited["checks"]
    ]
    seen = await world.store.replace_status(key, body["metadata"]["resourceVersion"], edited)
    world.scheduler.policy_seen(seen)
    await heal(world.scheduler, world.sink)
    await world.until(lambda: world.telemetry.statuses[key].checks[0].finding is not None)
    assert world.telemetry.statuses[key].checks[0].finding == before.checks[0].finding

    world.slot(key)
    await world.settled(key, "Ok")
    assert world.rows() == [("autonomy-rate", SLO, True)]


async def test_an_open_row_of_a_check_that_is_gone_is_resolved(world: World) -> None:
    """As it is when a status was wiped and its check removed in one go."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    world.store.change_spec(key, {"checks": [slo("other")]})
    body = world.store.peek(key)
    wiped = await world.store.replace_status(key, body["metadata"]["resourceVersion"], {})
    world.scheduler.policy_seen(wiped)
    await world.settled(key, "Ok")
    await heal(world.scheduler, world.sink)
    await world.until(lambda: world.rows() == [("autonomy-rate", SLO, True)])

    assert [row["resolved_reason"] for row in world.sink.events.values()] == ["CheckRemoved"]


async def test_rows_of_policies_that_are_not_here_are_left_alone(world: World) -> None:
    """Whether they are deleted is the sweep's to find out (test_vanished)."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    world.store.delete(key)
    world.scheduler.policy_gone(key.uid)
    await heal(world.scheduler, world.sink)

    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_a_sink_that_is_away_is_asked_again_later(world: World) -> None:
    """Nothing is changed meanwhile."""
    world.sink.down = "stopped"
    with pytest.raises(DeliveryError, match="stopped"):
        await heal(world.scheduler, world.sink)


async def wipe(world: World, key: ObjectKey) -> None:
    """Somebody removes the status, and the operator sees it."""
    version = world.store.peek(key)["metadata"]["resourceVersion"]
    world.scheduler.policy_seen(await world.store.replace_status(key, version, {}))


@in_virtual_time
async def test_a_policy_that_asked_in_vain_need_not_wait_for_the_hour() -> None:
    """Its status was wiped while the sink was down: a minute after that it knows what is open."""
    async with World() as world:
        healing = asyncio.create_task(keep_healed(world.scheduler, world.sink))
        await asyncio.sleep(FIRST_AFTER_SECONDS + 1)
        world.say(autonomy_rate="violated")
        key = world.apply()
        before = await world.settled(key, "Violated")
        world.sink.down = "stopped"
        world.say(autonomy_rate="ok")
        await wipe(world, key)
        await world.settled(key, "Ok", told=False)
        await asyncio.sleep(3 * RETRY_SECONDS)
        assert world.store.peek(key)["status"]["checks"][0].get("finding") is None

        world.sink.down = None
        await asyncio.sleep(RETRY_SECONDS + 1)
        known, finding = world.telemetry.statuses[key].checks[0].finding, before.checks[0].finding
        assert known is not None
        assert finding is not None
        assert known.id == finding.id
        world.slot(key)
        await world.settled(key, "Ok")
        assert world.rows() == [("autonomy-rate", SLO, True)]
        restated = world.telemetry.deliveries.count(("sink", "delivered"))
        await asyncio.sleep(10 * RETRY_SECONDS)
        assert world.telemetry.deliveries.count(("sink", "delivered")) == restated
        healing.cancel()


@in_virtual_time
async def test_all_are_compared_at_the_start_and_every_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a minute after the sink could not be asked."""
    asked: list[float] = []
    sink, loop = InMemorySink(), asyncio.get_running_loop()
    open_findings = sink.open_findings

    async def noted() -> Sequence[OpenFinding]:
        asked.append(loop.time())
        return await open_findings()

    monkeypatch.setattr(sink, "open_findings", noted)
    healing = asyncio.create_task(keep_healed((), sink))
    await asyncio.sleep(2 * PERIOD_SECONDS)
    sink.down = "stopped"
    await asyncio.sleep(PERIOD_SECONDS)
    sink.down = None
    await asyncio.sleep(PERIOD_SECONDS)
    healing.cancel()

    first, hour = FIRST_AFTER_SECONDS, PERIOD_SECONDS
    assert [round(at) for at in asked[:2]] == [first, first + hour]
    down = [at for at in asked[2:] if at < 3 * hour]
    assert {round(b - a) for a, b in pairwise(down)} == {RETRY_SECONDS}
    assert len(asked) == 2 + len(down) + 1


async def test_a_row_that_a_restored_database_has_open_again_is_not_taken_for_the_present_one(
    world: World,
) -> None:
    """It is older than the last finding that ended, so it had ended before that."""
    world.say(autonomy_rate="violated")
    key = world.apply()
    await world.settled(key, "Violated")
    backup = {key: dict(row) for key, row in world.sink.events.items()}
    for word, verdict in (("ok", "Ok"), ("violated", "Violated")) * 2:
        world.say(autonomy_rate=word)
        world.slot(key)
        await world.settled(key, verdict)
    present = world.store.peek(key)["status"]["checks"][0]["finding"]
    world.sink.events.clear()
    world.sink.events.update(backup)
    await heal(world.scheduler, world.sink)
    await world.until(lambda: len(world.sink.events) == 3)

    [first, last, now] = sorted(world.sink.events.values(), key=lambda row: row["opened_at"])
    assert (first["resolved_reason"], last["resolved_reason"]) == ("Superseded", "Recovered")
    assert first["resolved_at"] == last["opened_at"]
    assert (str(now["id"]), now["resolved"]) == (present["id"], False)
    assert world.store.peek(key)["status"]["checks"][0]["finding"] == present


async def test_a_restored_database_gets_the_row_of_a_mute_in_force_back(world: World) -> None:
    """As it was, and nobody is told again; the mute's end resolves it."""
    world.around.standing["aiops", "flywheel"] = (mute(),)
    key = world.apply()
    await world.settled(key, "Ok")
    [(before, opened_at)] = [(row["id"], row["opened_at"]) for row in world.sink.events.values()]
    world.sink.events.clear()
    await heal(world.scheduler, world.sink)
    await world.until(lambda: bool(world.sink.events))
    [(found, row)] = world.sink.events.items()
    assert (found, row["opened_at"], row["resolved"]) == (before, opened_at, False)
    assert world.reasons() == ["FindingOpened"]

    world.slot(key, 3600)
    await world.until(lambda: bool(world.sink.events[before]["resolved"]))
    await world.settled(key, "Ok")
    assert world.reasons() == ["FindingOpened", "FindingResolved"]


@pytest.mark.parametrize("suspend", [False, True], ids=["measured", "suspended"])
async def test_a_new_leader_brings_back_the_row_of_a_mute_that_it_did_not_see_begin(
    world: World, suspend: bool
) -> None:
    """Though the mute is all that the status has to tell: it is the leader's own before that."""
    world.around.standing["aiops", "flywheel"] = (mute(),)
    key = world.apply(suspend=suspend)
    await world.settled(key, "Suspended" if suspend else "Ok")
    before = list(world.sink.events)
    world.sink.events.clear()
    await world.restart(key)
    await heal(world.scheduler, world.sink)
    await world.until(lambda: bool(world.sink.events))

    assert list(world.sink.events) == before


async def test_an_odd_row_keeps_nobody_else_from_being_compared(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody's hand in the table; the log says which row."""
    key = world.apply(slo(), slo("b"))
    await world.settled(key, "Ok")
    row = OpenFinding(
        id=UUID(int=1),
        event_type="x" * 254,
        check_name="b",
        policy_uid=key.uid,
        namespace="aiops",
        policy="flywheel",
        opened_at=NOON,
    )
    plain = replace(
        row,
        id=finding_id(key.uid, "slo_b_violation", "b", NOON),
        event_type="slo_b_violation",
    )

    async def open_findings(policy_uid: str | None = None) -> Sequence[OpenFinding]:
        del policy_uid
        return [row, plain]

    world.sink.open_findings = open_findings  # type: ignore[method-assign]
    (runner,) = world.scheduler
    await heal(world.scheduler, world.sink)
    await world.until(lambda: runner.status.checks[1].finding is not None)

    assert f"row {row.id} of the sink can't be read" in caplog.text
