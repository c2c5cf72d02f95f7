"""A tick that brings no news decides nothing; any news is decided on with the next one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
from tests.support.builders import slo, spec
from tests.support.deciding import mute
from tests.support.world import World

from governor.api.status import PolicyStatus
from governor.app.ports import Json, ObjectKey
from governor.domain import plans

POLICY = ("aiops", "flywheel")


class Decisions:
    """Counts what `decide` is asked for."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *arguments: object) -> PolicyStatus:
        self.count += 1
        return plans.decide(*arguments)  # type: ignore[arg-type]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An operator without a policy."""
    async with World() as made:
        yield made


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> Decisions:
    counting = Decisions()
    monkeypatch.setattr("governor.app.deciding.decide", counting)
    return counting


async def ticks(world: World, key: ObjectKey, count: int) -> None:
    """So many ticks, each with its turn, which looks at what is around; no slot comes."""
    for _ in range(count):
        looks = world.around.looks
        world.scheduler.policy_tick(key.uid, 60)
        await world.until(partial(_grown, world, looks))


def _grown(world: World, looks: int) -> bool:
    return world.around.looks > looks


async def quiet(world: World) -> ObjectKey:
    """A policy whose only check is well, and told so."""
    key = world.apply(slo())
    await world.settled(key, "Ok")
    await ticks(world, key, 2)
    return key


async def test_ticks_without_news_decide_nothing(world: World, decisions: Decisions) -> None:
    """Ten thousand policies have as many a minute."""
    key = await quiet(world)
    before = decisions.count

    await ticks(world, key, 5)

    assert decisions.count == before


async def test_a_run_is_decided_on(world: World, decisions: Decisions) -> None:
    key = await quiet(world)
    before = decisions.count
    world.say(autonomy_rate="violated")

    world.slot(key)

    await world.settled(key, "Violated")
    assert decisions.count > before


async def test_while_a_finding_is_open_every_tick_decides(
    world: World, decisions: Decisions
) -> None:
    """A reminder may be due."""
    key = await quiet(world)
    world.say(autonomy_rate="violated")
    world.slot(key)
    await world.settled(key, "Violated")
    before = decisions.count

    world.scheduler.policy_tick(key.uid, 60)

    await world.until(lambda: decisions.count > before)


async def test_what_is_around_is_news(world: World, decisions: Decisions) -> None:
    """Though nobody told the policy of it."""
    key = await quiet(world)
    before = decisions.count
    world.around.standing[POLICY] = (mute(),)

    world.scheduler.policy_tick(key.uid, 60)

    await world.until(lambda: decisions.count > before)
    await world.until(lambda: bool(world.store.peek(key)["status"].get("mutes")))


async def test_what_the_sink_has_is_news(world: World, decisions: Decisions) -> None:
    """Even that it has nothing: it may have lost what the status knows."""
    key = await quiet(world)
    before = decisions.count
    runner = world.scheduler.named(*POLICY)
    assert runner is not None

    runner.heal(())

    await world.until(lambda: decisions.count > before)
    await ticks(world, key, 2)
    assert decisions.count == before + 1


async def test_another_hand_s_status_is_news(world: World, decisions: Decisions) -> None:
    """It is decided on like one of our own, and put right."""
    key = await quiet(world)
    before = decisions.count
    body = world.store.peek(key)
    status = {**body["status"], "verdict": "Violated"}
    await world.store.replace_status(key, body["metadata"]["resourceVersion"], status)

    world.scheduler.policy_seen(world.store.peek(key))

    await world.settled(key, "Ok")
    assert decisions.count > before


async def test_values_that_wait_are_written_in_time(world: World, decisions: Decisions) -> None:
    """A run whose value alone is new is not written at once; later ticks see to it."""
    key = await quiet(world)
    world.slot(key)
    await world.until(lambda: world.measurer.calls["autonomy-rate"] == 2)
    await ticks(world, key, 2)
    writes = world.store.writes

    for _ in range(5):
        world.clock.forward(50)
        world.scheduler.policy_tick(key.uid, 60)

    await world.until(lambda: world.store.writes > writes)


@pytest.mark.parametrize("when", ["before the answer", "after it"])
async def test_a_spec_that_comes_while_a_status_is_written_is_news(
    world: World, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """What was decided by the old one is not taken for a decision on the new one."""
    key = await quiet(world)

    async def suspend() -> None:
        world.scheduler.policy_seen(world.store.change_spec(key, spec(slo(), suspend=True)))

    await _meanwhile(world, key, monkeypatch, suspend, early=when == "before the answer")

    await world.ticking(key, lambda: verdict(world, key) == "Suspended")


async def test_another_hand_s_status_that_comes_meanwhile_is_news(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put right with the next tick, not with the next slot."""
    key = await quiet(world)
    seen: list[str | None] = []
    write = world.store.replace_status

    async def scribble() -> None:
        body = world.store.peek(key)
        forged = {**body["status"], "verdict": "Violated"}
        world.scheduler.policy_seen(await write(key, body["metadata"]["resourceVersion"], forged))
        seen.append(verdict(world, key))

    await _meanwhile(world, key, monkeypatch, scribble, early=True)

    assert seen == ["Violated"]
    await world.ticking(key, lambda: verdict(world, key) == "Ok")


async def _meanwhile(
    world: World,
    key: ObjectKey,
    monkeypatch: pytest.MonkeyPatch,
    happen: Callable[[], Awaitable[None]],
    *,
    early: bool,
) -> None:
    """A value that rode along is written; something happens before, or after, that is answered."""
    original, happened = world.store.replace_status, asyncio.Event()

    async def replace_status(key: ObjectKey, version: str, status: Json) -> Json:
        answer = await original(key, version, status)
        if early and not happened.is_set():
            await happen()
        happened.set()
        return answer

    monkeypatch.setattr(world.store, "replace_status", replace_status)
    world.slot(key, 300)
    async with asyncio.timeout(30):
        await happened.wait()
    if not early:
        await happen()


async def test_a_term_that_writes_nothing_decides_nothing_either(
    world: World, decisions: Decisions
) -> None:
    """A quiet policy's status is left as the last term's, and that is compared with the sink."""
    key = world.apply(slo(interval="7d"))
    await world.settled(key, "Ok")
    world.authority.epoch += 1
    await world.restart(key)
    runner = world.scheduler.named(*POLICY)
    assert runner is not None
    world.clock.forward(600)
    runner.heal(())
    await ticks(world, key, 3)
    before = decisions.count

    await ticks(world, key, 5)

    assert decisions.count == before
    assert (await world.status(key)).epoch == world.authority.epoch - 1


def verdict(world: World, key: ObjectKey) -> str | None:
    """As the API server has it."""
    found: str | None = world.store.peek(key)["status"].get("verdict")
    return found
