"""Leaders that follow one another over one API server and one sink, not always in good order.

Each effect asks for authority, and is then under way for a while: a leader may be cut off in
between, and what it sent arrives in the next one's time.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tests.support.around import ScriptedAround
from tests.support.builders import slo, spec
from tests.support.uids import same_uids
from tests.support.virtual_time import VirtualClock
from tests.support.world import ScriptedMeasurer

from governor.adapters.memory.authority import InMemoryAuthority
from governor.adapters.memory.events import InMemoryEventRecorder
from governor.adapters.memory.sink import InMemorySink
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.api.status import PolicyStatus
from governor.app.around import Around
from governor.app.fencing import FencedEventRecorder, FencedSink, FencedStatusStore
from governor.app.ports import ObjectKey
from governor.app.scheduling import Scheduler
from governor.app.services import Services
from governor.domain.notices import Notice
from governor.domain.surroundings import ChannelKind, ChannelView
from governor.errors import DeliveryError, GovernorError, UnavailableError

CHECKS = ("one", "two", "three")
TICK = 60
LONGEST = 2.0
"""Seconds that an effect is under way, at most."""


class World:
    """What outlives every leader."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a schedule, no secret
        self.store = InMemoryStatusStore(uids=same_uids())
        self.sink = InMemorySink()
        self.events = InMemoryEventRecorder()
        self.measurer = ScriptedMeasurer()
        self.around = ScriptedAround()
        self.around.channel("chat", ChannelKind.CHAT)
        self.around.channel("bus", ChannelKind.EVENTS)
        channels = {"channels": [{"name": "chat"}, {"name": "bus"}]}
        body = self.store.create(
            "aiops", "flywheel", spec(*(slo(name) for name in CHECKS), notify=channels)
        )
        meta = body["metadata"]
        self.key = ObjectKey(uid=meta["uid"], namespace=meta["namespace"], name=meta["name"])
        self.epoch = 0
        self.rude = 0
        """How many leaders ended in the midst of what they did."""

    @property
    def status(self) -> PolicyStatus:
        """As the API server has it."""
        return PolicyStatus.model_validate(self.store.peek(self.key).get("status") or {})

    def heard(self, channel: str) -> list[Notice]:
        """What a channel was told, in order."""
        return [notice for name, notice in self.around.told if name == channel]


class Leader:
    """One term, in a process of its own."""

    def __init__(self, world: World) -> None:
        world.epoch += 1
        self._world = world
        self.authority = authority = InMemoryAuthority(world.epoch)
        channels = _Channels(world, authority)
        self.scheduler = Scheduler(
            Services(
                store=FencedStatusStore(_UnderWay(world, world.store, UnavailableError), authority),
                sink=FencedSink(_UnderWay(world, world.sink, DeliveryError), authority),
                events=FencedEventRecorder(
                    _UnderWay(world, world.events, DeliveryError), authority
                ),
                measurer=world.measurer,
                telemetry=InMemoryTelemetry(),
                clock=VirtualClock(),
                around=Around(
                    cluster="testing",
                    mutes=world.around,
                    channels=channels,
                    remedies=world.around,
                ),
                authority=authority,
            )
        )
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        """The watch and the timer, as kopf tells of them."""
        while True:
            self.scheduler.policy_seen(self._world.store.peek(self._world.key))
            self.scheduler.policy_tick(self._world.key.uid, TICK)
            await asyncio.sleep(TICK / 6)

    async def end(self, grace_seconds: float = 0.0) -> None:
        """Ends, in good order if there is time for it."""
        self._ticking.cancel()
        await self.scheduler.stop(grace_seconds)


class _UnderWay:
    """A port behind a network: effects take their time, and some answers are lost."""

    def __init__(self, world: World, inner: Any, lost: type[GovernorError]) -> None:
        self._world = world
        self._inner = inner
        self._lost = lost

    def __getattr__(self, name: str) -> Any:
        async def sent(*arguments: Any) -> Any:
            await asyncio.sleep(self._world.rng.uniform(0, LONGEST))
            answer = await getattr(self._inner, name)(*arguments)
            await asyncio.sleep(self._world.rng.uniform(0, LONGEST))
            if self._world.rng.random() < 0.05:
                raise self._lost("the answer was lost")
            return answer

        return sent


class _Channels:
    """Channels that only the leader tells, and that take their time."""

    def __init__(self, world: World, authority: InMemoryAuthority) -> None:
        self._world = world
        self._authority = authority

    def view(self, namespace: str, name: str) -> ChannelView:
        return self._world.around.view(namespace, name)

    async def offer(
        self, channel: str, key: ObjectKey, notices: Sequence[Notice]
    ) -> Sequence[UUID]:
        self._authority.require()
        await asyncio.sleep(self._world.rng.uniform(0, LONGEST))
        told = await self._world.around.offer(channel, key, notices)
        await asyncio.sleep(self._world.rng.uniform(0, LONGEST))
        return told

    def poke(self, channel: str) -> None:
        del channel
