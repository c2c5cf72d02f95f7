"""What the handlers see, passed on to whom it concerns."""

from collections.abc import Mapping
from typing import Protocol

from governor.app.mutes import MuteDirectory
from governor.app.ports import Json
from governor.app.resources import Namespaces
from governor.app.scheduling import Scheduler


class Listing(Protocol):
    """A directory of one kind of resource."""

    def seen(self, body: Json) -> None: ...
    def gone(self, uid: str) -> None: ...
    def listed(self) -> None: ...


class Relay:
    """The whole application as the handlers know it (`app.ports.Informed`)."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        sources: Listing,
        channels: Listing,
        mutes: MuteDirectory,
        namespaces: Namespaces,
    ) -> None:
        self._scheduler = scheduler
        self._sources = sources
        self._channels = channels
        self._mutes = mutes
        self._namespaces = namespaces

    def policy_seen(self, body: Json) -> None:
        """A policy is there, new or changed."""
        self._scheduler.policy_seen(body)
        metadata = body["metadata"]
        self._mutes.policy_seen(metadata["namespace"], metadata["name"])

    def policy_gone(self, uid: str) -> None:
        """A policy was deleted."""
        self._scheduler.policy_gone(uid)

    def policy_tick(self, uid: str, tick_seconds: int) -> None:
        """A timer of that length fired for a policy."""
        self._scheduler.policy_tick(uid, tick_seconds)

    def source_seen(self, body: Json) -> None:
        """A source is there, new or changed."""
        self._sources.seen(body)

    def source_gone(self, uid: str) -> None:
        """A source was deleted."""
        self._sources.gone(uid)

    def channel_seen(self, body: Json) -> None:
        """A channel is there, new or changed."""
        self._channels.seen(body)

    def channel_gone(self, uid: str) -> None:
        """A channel was deleted."""
        self._channels.gone(uid)

    def mute_seen(self, body: Json) -> None:
        """A mute is there, new or changed."""
        self._mutes.seen(body)

    def mute_gone(self, uid: str) -> None:
        """A mute was deleted."""
        self._mutes.gone(uid)

    def namespace_seen(self, name: str, labels: Mapping[str, str]) -> None:
        """A namespace is there, new or changed."""
        self._namespaces.seen(name, labels)

    def namespace_gone(self, name: str) -> None:
        """A namespace was deleted."""
        self._namespaces.gone(name)

    def listed(self) -> None:
        """Everything that policies depend on was seen."""
        for directory in (self._sources, self._channels, self._mutes):
            directory.listed()
