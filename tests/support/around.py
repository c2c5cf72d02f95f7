"""What is around policies, as a test sets it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from governor.app.around import Around
from governor.app.ports import Deprecation, ObjectKey
from governor.domain.notices import Notice
from governor.domain.surroundings import ChannelKind, ChannelView, Mute
from governor.probes.trust_drift import TrustDrift

MISSING = ChannelView(kind=None, fault=("ChannelNotFound", "there is no such channel"))


class ScriptedAround:
    """Mutes, channels and remedies that do what the test says, and remember what they did."""

    def __init__(self) -> None:
        self.standing: dict[tuple[str, str], tuple[Mute, ...]] = {}
        self.looks = 0
        """How often it was asked for mutes."""
        self.views: dict[str, ChannelView] = {}
        self.told: list[tuple[str, Notice]] = []
        self.poked: list[str] = []
        self.refused: dict[str, str] = {}
        self.dead: dict[str, Exception] = {}
        """What offers to a channel raise."""
        self.resting: dict[str, asyncio.Event] = {}
        """Offers to a channel wait for it, untold."""
        self.answering: asyncio.Event | None = None
        """The answer to whatever was told waits for it."""
        self.on_offer: Callable[[str], object] = str
        """Called with the channel whenever it is about to be told."""
        self.one_by_one = True
        """Chats are told one notice an offer."""
        self.deprecated: list[tuple[str, ...]] = []
        self.deprecation: Deprecation | Exception | None = None
        """What comes of it; None: all are changed."""
        self.deprecating: asyncio.Event | None = None
        """Remediation waits for it."""

    def around(self) -> Around:
        """The same, as the application knows it."""
        return Around(cluster="testing", mutes=self, channels=self, remedies=self)

    def channel(self, name: str, kind: ChannelKind) -> None:
        """There is a channel of that kind."""
        self.views[name] = ChannelView(kind=kind)

    def heard(self, channel: str) -> list[tuple[str, str]]:
        """What a channel was told, in order: transitions and checks."""
        return [(n.transition.value, n.check) for name, n in self.told if name == channel]

    def of(self, namespace: str, policy: str) -> tuple[Mute, ...]:
        self.looks += 1
        return self.standing.get((namespace, policy), ())

    def view(self, namespace: str, name: str) -> ChannelView:
        del namespace
        return self.views.get(name, MISSING)

    async def offer(
        self, channel: str, key: ObjectKey, notices: Sequence[Notice]
    ) -> Sequence[UUID]:
        del key
        if channel in self.resting:
            await self.resting[channel].wait()
        if channel in self.dead:
            raise self.dead[channel]
        self.on_offer(channel)
        chat = self.views[channel].kind is ChannelKind.CHAT
        taken = notices[:1] if chat and self.one_by_one else notices
        self.told.extend((channel, notice) for notice in taken)
        if self.answering is not None:
            await self.answering.wait()
        return [notice.id for notice in taken]

    def poke(self, channel: str) -> None:
        self.poked.append(channel)

    def remediation_refused(self, namespace: str, source: str) -> str | None:
        del namespace
        return self.refused.get(source)

    async def deprecate(
        self, namespace: str, probe: TrustDrift, ids: Sequence[str], at: datetime
    ) -> Deprecation:
        del namespace, probe, at
        if self.deprecating is not None:
            await self.deprecating.wait()
        self.deprecated.append(tuple(ids))
        if isinstance(self.deprecation, Exception):
            raise self.deprecation
        return self.deprecation or Deprecation(changed=tuple(ids), already=(), kept=())
