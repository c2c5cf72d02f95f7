"""A directory of channels over doubles, in virtual time, and lanes that use it as policies do."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from tests.support.notices import a_notice
from tests.support.virtual_time import VirtualClock

from governor.adapters.memory.notifier import InMemoryNotifier, InMemoryNotifiers
from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.app.channels import ChannelDirectory, Pace
from governor.app.ports import Json, ObjectKey
from governor.app.resources import Namespaces
from governor.domain.alerts import Alert
from governor.domain.notices import Notice
from governor.errors import BusyError, DeliveryError, RejectedError

ALL = {"from": "All"}
TEAM = {"from": "Selector", "selector": {"matchLabels": {"team": "aiops"}}}
CHAT: Json = {"allowedNamespaces": ALL, "apprise": {"secretRef": {"name": "s", "key": "url"}}}
EVENTS: Json = {"allowedNamespaces": ALL, "cloudEvents": {"url": "https://events.example"}}
ALERTS: Json = {"allowedNamespaces": ALL, "alertmanager": {"urls": ["http://am:9093"]}}

_SPACE = UUID(int=7)


def policy(number: int = 0, namespace: str = "aiops") -> ObjectKey:
    """One of many policies."""
    return ObjectKey(uid=f"uid-{number}", namespace=namespace, name=f"p{number}")


def notices(key: ObjectKey, count: int = 1, first: int = 0, **overrides: Any) -> list[Notice]:
    """So many notices of a policy, in order."""
    return [
        a_notice(
            id=uuid5(_SPACE, f"{key.uid}/{number}"),
            namespace=key.namespace,
            policy=key.name,
            **overrides,
        )
        for number in range(first, first + count)
    ]


def ids(told: Sequence[Notice]) -> list[UUID]:
    """Whose they are."""
    return [notice.id for notice in told]


class TimedNotifier(InMemoryNotifier):
    """Takes its time, and knows when people may have read something."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self._seconds = seconds
        self.times: list[float] = []
        """The ends of all messages that were taken, or that nobody knows of whether they were."""

    async def tell(self, notices: Sequence[Notice]) -> None:
        """As the port says."""
        await asyncio.sleep(self._seconds)
        try:
            await super().tell(notices)
        except (BusyError, RejectedError):
            raise
        except DeliveryError:
            self._note()
            raise
        self._note()

    def _note(self) -> None:
        self.times.append(asyncio.get_running_loop().time())


@dataclass
class World:
    """A directory and everything around it."""

    pace: Pace = field(default_factory=Pace)
    store: InMemoryStatusStore = field(
        default_factory=lambda: InMemoryStatusStore(kind="GovernanceChannel")
    )
    telemetry: InMemoryTelemetry = field(default_factory=InMemoryTelemetry)
    notifiers: InMemoryNotifiers = field(default_factory=InMemoryNotifiers)
    namespaces: Namespaces = field(default_factory=Namespaces)
    secrets: dict[str, Mapping[str, bytes] | Exception] = field(
        default_factory=lambda: {"s": {"url": b"json://one"}}
    )
    firing: dict[str, list[Alert]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory = ChannelDirectory(
            maker=self.notifiers,
            secrets=self,
            namespaces=self.namespaces,
            store=self.store,
            clock=VirtualClock(),
            telemetry=self.telemetry,
            alerts=self.alerts,
            on_change=self.changes.append,
            pace=self.pace,
        )

    async def read(self, name: str) -> tuple[str, Mapping[str, bytes]] | None:
        """As `SecretReader` says."""
        found = self.secrets.get(name)
        if isinstance(found, Exception):
            raise found
        return None if found is None else ("1", found)

    def alerts(self, channel: str, now: datetime) -> Sequence[Alert]:  # noqa: ARG002 - the directory's
        """What fires now."""
        return list(self.firing.get(channel, ()))

    def create(self, spec: Json, name: str = "c") -> ObjectKey:
        """What `kubectl create` does, and the watch that follows."""
        body = self.store.create("", name, spec)
        self.directory.seen(body)
        return ObjectKey(uid=body["metadata"]["uid"], namespace="", name=name)

    def change(self, key: ObjectKey, spec: Json) -> None:
        """What `kubectl apply` does, and the watch that follows."""
        self.directory.seen(self.store.change_spec(key, spec))

    def timed(self, name: str = "c", seconds: float = 0.0) -> TimedNotifier:
        """A notifier that takes so long, and knows when it was told."""
        notifier = self.notifiers.notifiers[name] = TimedNotifier(seconds)
        return notifier

    async def status(self, key: ObjectKey) -> dict[str, Any]:
        """The channel's status, and its Ready condition's fields beside it."""
        status = (await self.store.read(key)).get("status") or {}
        [condition] = status.get("conditions") or [{}]
        return {**status, **condition}

    async def offer(
        self, key: ObjectKey, owed: Sequence[Notice], channel: str = "c"
    ) -> Sequence[UUID]:
        """One offer of a policy."""
        return await self.directory.offer(channel, key, owed)

    async def deliver(self, key: ObjectKey, owed: Sequence[Notice], channel: str = "c") -> int:
        """As a lane does: offers what is left until all is told; how often that failed."""
        failures, left = 0, list(owed)
        while left:
            try:
                told = await self.offer(key, left, channel)
            except RejectedError:
                raise
            except DeliveryError:
                failures += 1
                await asyncio.sleep(1)
            else:
                assert told, "an offer that tells nothing must fail"
                assert list(told) == ids(left[: len(told)]), "told out of order"
                left = left[len(told) :]
        return failures

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The directory's background work."""
        task = asyncio.create_task(self.directory.run())
        try:
            yield
            assert not task.done(), "the background task died"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.directory.close()
