"""The directory of mutes: who is honoured, who is told of a change, and what statuses say."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.builders import policy
from tests.support.mute_world import (
    FLYWHEEL,
    NS,
    PATIENT,
    World,
    spec,
    until,
)
from tests.support.virtual_time import in_virtual_time

from governor.app.ports import Json
from governor.errors import StoreError

TOO_LONG = timedelta(days=90, seconds=1)


@pytest.fixture
def world() -> World:
    """One that looks all the time."""
    return World()


@pytest.fixture
def patient() -> World:
    """One that looks as seldom as the real one."""
    return World(pace=PATIENT)


async def test_a_mute_is_honoured_and_its_status_says_so(world: World) -> None:
    """For the policy that it names, and no other."""
    async with world.running():
        key = world.create(spec("first"))

        assert world.names() == ["quiet"]
        assert world.names("other") == []
        assert world.directory.of("elsewhere", "flywheel") == ()
        await until(lambda: world.says(key, "Accepted"))
        status = world.store.peek(key)["status"]
        assert status["observedGeneration"] == 1
        assert "silences first until 2026-01-31T00:00:00Z" in status["conditions"][0]["message"]


@pytest.mark.parametrize(
    ("given", "reason", "honoured"),
    [
        (spec(ends=TOO_LONG), "TooLong", False),
        (spec(ends=timedelta(hours=1)), "Expired", True),
        (spec("elsewhere"), "CheckNotFound", True),
        (spec("second"), "Forbidden", True),
        (spec(owner=""), "SpecInvalid", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_mute_that_is_refused_says_why(
    world: World, given: Json, reason: str, honoured: bool
) -> None:
    """Not given is what can be honoured at no time, for no policy."""
    async with world.running():
        key = world.create(given)

        await until(lambda: world.says(key, reason))
        assert bool(world.names()) is honoured


async def test_whoever_is_concerned_is_told_once_of_a_change(world: World) -> None:
    """The policy that is muted no more, and the one that is now."""
    async with world.running():
        key = world.create(spec())
        world.create(spec(), "another")
        await until(lambda: world.changes)
        assert world.changes == [FLYWHEEL]

        world.change(key, spec(of="other"))
        await until(lambda: len(world.changes) > 1)
        assert sorted(world.changes[1:]) == [FLYWHEEL, (NS, "other")]
        assert (world.names(), world.names("other")) == (["another"], ["quiet"])


async def test_a_mute_that_goes_is_told(world: World) -> None:
    """Nothing is left of it; a second telling of its end concerns nobody."""
    async with world.running():
        key = world.create(spec())
        await until(lambda: world.telemetry.muted == {FLYWHEEL: (1, 0)})
        world.changes.clear()

        world.delete(key)
        world.directory.gone(key.uid)

        assert world.names() == []
        await until(lambda: world.changes == [FLYWHEEL])
        assert world.telemetry.muted == {}


async def test_what_concerns_nobody_is_not_told(patient: World) -> None:
    """A status that was written, and mutes that are honoured neither before nor after."""
    async with patient.running():
        long = patient.create(spec(ends=TOO_LONG))
        await until(lambda: patient.says(long, "TooLong"))
        patient.directory.seen(patient.store.peek(long))
        patient.change(long, spec(ends=TOO_LONG + timedelta(days=1)))
        patient.delete(long)
        told_last = patient.create(spec(of="other"), "last")

        await until(lambda: patient.changes and patient.says(told_last, "PolicyNotFound") is False)
        assert patient.changes == [(NS, "other")]


@in_virtual_time
async def test_the_end_of_a_mute_is_told_in_time(patient: World) -> None:
    """By a timer of its own, not by the next look."""
    async with patient.running():
        soon = timedelta(hours=12, seconds=1)
        key = patient.create(spec(ends=soon))
        await until(lambda: patient.says(key, "Accepted"))
        patient.changes.clear()

        await until(lambda: patient.changes)

        (mute,) = patient.directory.of(*FLYWHEEL)
        late = patient.clock.now() - mute.expires_at
        assert timedelta(0) <= late < timedelta(seconds=1)
        await until(lambda: patient.says(key, "Expired"))
        assert patient.telemetry.muted == {}


async def test_a_wall_clock_that_jumps_is_followed_both_ways(world: World) -> None:
    """The loop's clock does not jump with it."""
    async with world.running():
        key = world.create(spec(ends=timedelta(days=2)))
        await until(lambda: world.says(key, "Accepted") and world.changes)

        for days, reason in ((3, "Expired"), (-3, "Accepted")):
            world.changes.clear()
            world.clock.step(timedelta(days=days))
            await until(lambda reason=reason: world.says(key, reason) and world.changes)  # type: ignore[misc]
            assert world.changes == [FLYWHEEL]


async def test_what_was_there_before_the_first_list_is_not_told(patient: World) -> None:
    """No policy has decided yet; a later list hides nothing."""
    patient.create(spec())
    async with patient.running():
        patient.create(spec(of="other"), "other")
        patient.directory.listed()

        await until(lambda: patient.changes)
        assert patient.changes == [(NS, "other")]


async def test_nothing_is_written_before_all_is_listed(world: World) -> None:
    """Nor afterwards, where the status says it already."""
    key = world.create(spec())
    task = asyncio.create_task(world.directory.run())
    await asyncio.sleep(0.1)
    assert world.store.writes == 0

    world.directory.listed()
    await until(lambda: world.says(key, "Accepted"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    again = World(store=world.store, clock=world.clock)
    again.directory.seen(world.store.peek(key))
    async with again.running():
        await until(lambda: again.telemetry.muted == {FLYWHEEL: (1, 0)})
    assert world.store.writes == 1


async def test_a_policy_may_come_later(patient: World) -> None:
    """As soon as it is seen, its mute is accepted; when it says otherwise, it is not."""
    key = patient.create(spec(of="new"))
    async with patient.running():
        patient.policies[NS, "new"] = policy()
        patient.directory.policy_seen(NS, "new")
        await until(lambda: patient.says(key, "Accepted"))

        patient.policies[NS, "new"] = policy(mutes="Forbidden")
        patient.directory.policy_seen(NS, "new")
        await until(lambda: patient.says(key, "Forbidden"))
        assert patient.telemetry.muted == {(NS, "new"): (0, 1)}


async def test_a_policy_is_not_missing_while_not_all_can_have_been_seen(patient: World) -> None:
    """After a start the lists come one after the other."""
    missing, there = patient.create(spec(of="missing")), patient.create(spec(), "there")
    async with patient.running():
        await until(lambda: patient.says(there, "Accepted"))

        assert patient.conditions(missing) == {}


async def test_a_policy_that_never_comes_is_missing(world: World) -> None:
    """And one that goes is missing at the next look, without being told of."""
    missing, there = world.create(spec(of="missing")), world.create(spec(), "there")
    async with world.running():
        await until(lambda: world.says(missing, "PolicyNotFound"))
        assert world.telemetry.muted[NS, "missing"] == (0, 1)

        del world.policies[FLYWHEEL]
        await until(lambda: world.says(there, "PolicyNotFound"))


async def test_what_somebody_else_wrote_is_put_right(patient: World) -> None:
    """A status is the operator's word alone."""
    async with patient.running():
        key = patient.create(spec("second"))
        await until(lambda: patient.says(key, "Forbidden"))
        version = patient.store.peek(key)["metadata"]["resourceVersion"]
        forged = await patient.store.replace_status(key, version, {"conditions": []})

        patient.directory.seen(forged)

        await until(lambda: patient.says(key, "Forbidden"))


async def test_a_write_that_meets_a_newer_version_is_decided_anew(patient: World) -> None:
    """On what stands there now."""
    async with patient.running():
        key = patient.create(spec())
        patient.store.annotate(key, {"seen": "not yet"})

        await until(lambda: patient.says(key, "Accepted"))


async def test_a_spec_that_changed_meanwhile_is_told_by_its_own_version(patient: World) -> None:
    """What was decided about the old one is dropped."""
    async with patient.running():
        key = patient.create(spec())
        newest = patient.store.change_spec(key, spec(ends=TOO_LONG))
        await until(lambda: patient.telemetry.muted == {FLYWHEEL: (1, 0)})
        assert patient.conditions(key) == {}

        patient.directory.seen(newest)
        await until(lambda: patient.says(key, "TooLong"))


@pytest.mark.parametrize("fault", ["before", "after", StoreError("planted: 422")])
async def test_a_status_that_could_not_be_written_is_written_later(
    world: World, fault: StoreError | str
) -> None:
    """And another mute's at once."""
    world.store.fail(fault)  # type: ignore[arg-type]
    async with world.running():
        first, second = world.create(spec("first")), world.create(spec("first"), "second")

        await until(lambda: world.says(first, "Accepted") and world.says(second, "Accepted"))
