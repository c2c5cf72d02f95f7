"""Finds the channel that a policy names, asks whether it may be used, and has it told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from uuid import UUID

from governor.api.channel import ChannelSpec
from governor.app.channels.chat import ChatOutbox
from governor.app.channels.messenger import AnyNotifier, Messenger
from governor.app.channels.outbox import EventsOutbox, Outbox
from governor.app.channels.pace import Pace
from governor.app.channels.posting import AlertPoster
from governor.app.channels.readiness import ChannelEntry, Readiness
from governor.app.ports import (
    Clock,
    NotifierMaker,
    ObjectKey,
    SecretReader,
    StatusStore,
    Telemetry,
)
from governor.app.resources import Directory, Namespaces, OnChange
from governor.domain.alerts import Alert
from governor.domain.channels import (
    DELIVERY_FAILED,
    RETIRED,
    SPEC_INVALID,
    Configured,
    Delivered,
    Failed,
    News,
    admit,
    digest_after,
    kind_of,
    parse,
    view,
)
from governor.domain.notices import Notice
from governor.domain.surroundings import ChannelKind, ChannelView
from governor.errors import DeliveryError, PartlyDeliveredError, RetiredError
from governor.values.outcomes import Fault, FaultError

Alerts = Callable[[str, datetime], Sequence[Alert]]
"""What a channel of that name should be told at that time, of all policies."""


class ChannelDirectory(Directory[ChannelSpec, AnyNotifier]):
    """Every GovernanceChannel, as last seen, and what waits to be told through it."""

    def __init__(
        self,
        *,
        maker: NotifierMaker,
        secrets: SecretReader,
        namespaces: Namespaces,
        store: StatusStore,
        clock: Clock,
        telemetry: Telemetry,
        alerts: Alerts,
        on_change: OnChange,
        pace: Pace | None = None,
    ) -> None:
        """Joins the parts; nothing is read or sent before `run` or `offer`.

        Args:
            maker: builds notifiers.
            secrets: reads Secrets of the operator's own namespace.
            namespaces: say who may use which channel.
            store: holds the GovernanceChannels.
            clock: for conditions, `lastDelivered` and alerts.
            telemetry: told whether each channel is ready.
            alerts: asked, in every round, what an Alertmanager channel is to be told.
            on_change: called with the name of a channel whose policies should be
                decided anew: its spec, its Secret or who may use it has changed.
            pace: how often to look, and how fast to tell.
        """
        self._pace = pace or Pace()
        super().__init__(
            parse=parse,
            maker=maker,
            secrets=secrets,
            namespaces=namespaces,
            on_change=on_change,
            pace=self._pace,
        )
        self._clock = clock
        self._telemetry = telemetry
        self._alerts = alerts
        self._readiness = Readiness(
            news=self._news_of, store=store, clock=clock, telemetry=telemetry, pace=self._pace
        )
        self._news: dict[str, News] = {}
        self._ways: dict[str, tuple[ChannelKind, Outbox | AlertPoster]] = {}

    def view(self, namespace: str, name: str) -> ChannelView:
        """The channel of that name, as policies of that namespace may use it."""
        entry = self._entries.get(name)
        built = entry.made.result if entry and entry.made else None
        return view(
            entry.spec if entry else None,
            built if isinstance(built, Fault) else None,
            name,
            namespace,
            self._namespaces.labels(namespace),
        )

    async def offer(
        self, channel: str, key: ObjectKey, notices: Sequence[Notice]
    ) -> Sequence[UUID]:
        """Tells some of what one policy owes that channel, as `Outbox.offer` says.

        Raises:
            DeliveryError: also where there is no such channel, or it is told of alerts.
        """
        _, way = self._ways.get(channel, (None, None))
        if not isinstance(way, Outbox):
            raise DeliveryError(f"GovernanceChannel {channel} takes no notices as it is now")
        self._admit(channel, key.namespace)
        return await way.offer(key.uid, notices)

    def poke(self, channel: str) -> None:
        """What `alerts` gives for that channel has changed; others than Alertmanager don't mind."""
        _, way = self._ways.get(channel, (None, None))
        if isinstance(way, AlertPoster):
            way.poke()

    def renewed(self, entry: ChannelEntry) -> None:
        """What waits goes to the new notifier; another kind of channel is told anew."""
        self._news.pop(entry.name, None)
        kind, way = self._ways.get(entry.name, (None, None))
        if isinstance(entry.spec, Fault):
            return
        if way is None or kind is not kind_of(entry.spec):
            if way is not None:
                way.messenger.end()
            self._ways[entry.name] = (kind_of(entry.spec), self._way(entry.name, entry.spec))
            return
        way.messenger.renew()
        if isinstance(way, ChatOutbox):
            way.allow(digest_after(entry.spec))
        if isinstance(way, AlertPoster):
            way.poke()

    def forgotten(self, name: str) -> None:
        """Nothing more is told through it, and its series goes."""
        self._news.pop(name, None)
        _, way = self._ways.pop(name, (None, None))
        if way is not None:
            way.messenger.end()
        self._telemetry.channel_ready(name, None)

    async def watch(self, entry: ChannelEntry) -> None:
        """Sees to its status, and to its alerts if it is told of alerts."""
        _, way = self._ways.get(entry.name, (None, None))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._readiness.watch(entry))
            if isinstance(way, AlertPoster):
                tasks.create_task(way.run())

    async def close(self) -> None:
        """Whoever still waits is refused, and every notifier closed once it is idle."""
        for _, way in self._ways.values():
            way.messenger.end()
        await super().close()

    def _way(self, name: str, spec: ChannelSpec) -> Outbox | AlertPoster:
        messenger = Messenger(
            name,
            borrow=partial(self._borrow, name, kind_of(spec)),
            on_result=partial(self._learn, name),
            pace=self._pace,
        )
        may = partial(self._admit, name)
        match kind_of(spec):
            case ChannelKind.LEVEL:
                collect = partial(self._alerts, name)
                return AlertPoster(
                    messenger, may, collect=collect, clock=self._clock, pace=self._pace
                )
            case ChannelKind.CHAT:
                return ChatOutbox(messenger, may, most=digest_after(spec), pace=self._pace)
            case ChannelKind.EVENTS:
                return EventsOutbox(messenger, may)

    @asynccontextmanager
    async def _borrow(self, name: str, kind: ChannelKind) -> AsyncIterator[AnyNotifier]:
        """The channel's notifier, as its spec and Secret are now."""
        while True:
            entry = self._entries.get(name)
            if entry is None or (
                not isinstance(entry.spec, Fault) and kind_of(entry.spec) is not kind
            ):
                raise DeliveryError(f"GovernanceChannel {name} is not what it was")
            await self._keeper.prepare(entry)
            if self._entries.get(name) is entry:
                break
        self._make(entry)
        async with self._keeper.borrow(entry) as notifier:
            yield notifier

    def _make(self, entry: ChannelEntry) -> None:
        """Builds the notifier, unless it is built; until then it was taken for usable.

        Raises:
            FaultError: it can't be.
        """
        fresh = entry.made is None
        try:
            self._keeper.make(entry)
        except FaultError:
            if fresh:
                self._announcer.add(entry.name)
            raise

    def _admit(self, name: str, namespace: str) -> None:
        entry = self._entries.get(name)
        spec = entry.spec if entry else None
        refused = admit(spec, name, namespace, self._namespaces.labels(namespace))
        if refused is not None:
            raise DeliveryError(refused[1])

    def _learn(self, name: str, error: DeliveryError | None) -> None:
        """An attempt to tell the channel ended."""
        match error:
            case None:
                self._news[name] = Delivered(self._clock.now())
            case PartlyDeliveredError():
                self._news[name] = Failed(DELIVERY_FAILED, str(error), self._clock.now())
            case _:
                reason = RETIRED if isinstance(error, RetiredError) else DELIVERY_FAILED
                self._news[name] = Failed(reason, str(error))
        if name in self._entries:
            self._entries[name].look_now.set()

    async def _news_of(self, entry: ChannelEntry) -> News:
        """What was last learned; before all else whether there is a notifier."""
        if isinstance(entry.spec, Fault):
            return Failed(SPEC_INVALID, entry.spec.message)
        try:
            await self._keeper.prepare(entry)
            self._make(entry)
        except FaultError as error:
            return Failed(str(error.fault.reason), error.fault.message)
        return self._news.get(entry.name, Configured())
