"""A watch that is faster than a write's answer: our own status is not taken for another's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from tests.support.builders import slo
from tests.support.world import World

from governor.app.ports import Json, ObjectKey, OpenFinding
from governor.errors import UnavailableError

SLO = "slo_autonomy_rate_violation"


async def _nothing(_: ObjectKey) -> None:
    """As mostly."""


class Hasty(World):
    """An operator whose watch tells of every write before the write is answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.asked = 0
        """How often the sink was asked what it has open."""
        self.on_write: Callable[[ObjectKey], Awaitable[None]] = _nothing
        """Called between the write and its answer, after the watch has told of it."""
        self._write, self._open = self.store.replace_status, self.sink.open_findings
        monkeypatch.setattr(self.store, "replace_status", self._replaced)
        monkeypatch.setattr(self.sink, "open_findings", self._found)

    async def _replaced(self, key: ObjectKey, version: str, status: Json) -> Json:
        answer = await self._write(key, version, status)
        self.scheduler.policy_seen(self.store.peek(key))
        await self.on_write(key)
        return answer

    async def wipe(self, key: ObjectKey) -> None:
        """Somebody empties the status, and the watch tells of it, too."""
        body = self.store.peek(key)
        self.scheduler.policy_seen(await self._write(key, body["metadata"]["resourceVersion"], {}))

    async def _found(self, uid: str) -> list[OpenFinding]:
        self.asked += 1
        return [*await self._open(uid)]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hasty]:
    """Without a policy."""
    async with Hasty(monkeypatch) as made:
        yield made


async def test_our_own_status_is_not_distrusted(world: Hasty) -> None:
    """The sink is asked once, at the start; each write would be followed by another question."""
    key = world.apply(slo())
    await world.settled(key, "Ok")
    for verdict in ("violated", "ok", "violated", "ok"):
        world.say(autonomy_rate=verdict)
        world.slot(key)
        await world.settled(key, verdict.capitalize())

    assert world.asked == 1
    assert [resolved for _, _, resolved in world.rows()] == [True, True]


async def test_a_write_that_a_watch_told_of_was_done(world: Hasty) -> None:
    """Its answer is lost: what it says is what the next decision starts from."""
    key = world.apply(slo())
    await world.settled(key, "Ok")
    world.say(autonomy_rate="violated")

    async def lose(_: ObjectKey) -> None:
        world.on_write = _nothing
        raise UnavailableError("planted: the answer is lost")

    world.on_write = lose
    world.slot(key)
    await world.settled(key, "Violated")

    assert world.rows() == [("autonomy-rate", SLO, False)]
    assert world.reasons() == ["FindingOpened"]
    assert world.asked == 1


async def test_another_hand_s_status_is_still_distrusted(world: Hasty) -> None:
    """One that comes between the watch's word and the answer."""
    world.say(autonomy_rate="violated")
    key = world.apply(slo())
    await world.settled(key, "Violated")
    opened = (await world.status(key)).checks[0].finding
    asked = world.asked

    async def wipe(key: ObjectKey) -> None:
        world.on_write = _nothing
        await world.wipe(key)

    world.on_write = wipe
    world.clock.forward(timedelta(minutes=6).total_seconds())
    world.scheduler.policy_tick(key.uid, 60)
    await world.ticking(key, lambda: world.asked > asked)
    after = await world.settled(key, "Violated")

    assert after.checks[0].finding is not None
    assert opened is not None
    assert after.checks[0].finding.id == opened.id
    assert world.rows() == [("autonomy-rate", SLO, False)]


async def test_what_was_written_is_told_though_the_policy_goes_before_the_answer(
    world: Hasty,
) -> None:
    """The watch has told of the write, then of the deletion: its opening is not lost."""
    key = world.apply(slo())
    await world.settled(key, "Ok")
    world.say(autonomy_rate="violated")

    async def delete(key: ObjectKey) -> None:
        world.on_write = _nothing
        world.delete(key)

    world.on_write = delete
    world.slot(key)

    await world.until(lambda: world.rows() == [("autonomy-rate", SLO, True)])
    await world.until(lambda: "FindingOpened" in world.reasons())
