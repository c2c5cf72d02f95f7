"""What is watched, as last seen: every replica has it, and a new leader starts from it."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from governor.app.ports import Clock, Informed, Json
from governor.app.resources.entries import newer
from governor.domain.leases import made_up


class Caches:
    """Takes in what the handlers see, and passes it on while somebody listens (`Informed`)."""

    def __init__(self, clock: Clock) -> None:
        """Knows nothing yet.

        Args:
            clock: by which epochs that nobody can have written are told.
        """
        self._clock = clock
        self.complete = asyncio.Event()
        """Set once everything that policies depend on was seen."""
        self.highest_epoch = 0
        """The highest epoch that any policy's status has shown."""
        self._policies: dict[str, Json] = {}
        self._ticks: dict[str, int] = {}
        self._sources: dict[str, Json] = {}
        self._channels: dict[str, Json] = {}
        self._mutes: dict[str, Json] = {}
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._listeners: tuple[Informed, ...] = ()

    @property
    def uids(self) -> Collection[str]:
        """Of every policy that is known."""
        return self._policies.keys()

    @contextmanager
    def relayed_to(self, listener: Informed) -> Iterator[None]:
        """Tells all that is known, what policies depend on first; then whatever comes."""
        for name, labels in self._namespaces.items():
            listener.namespace_seen(name, labels)
        for source in self._sources.values():
            listener.source_seen(source)
        for channel in self._channels.values():
            listener.channel_seen(channel)
        for mute in self._mutes.values():
            listener.mute_seen(mute)
        listener.listed()
        for uid, policy in self._policies.items():
            listener.policy_seen(policy)
            if uid in self._ticks:
                listener.policy_tick(uid, self._ticks[uid])
        self._listeners = (listener,)
        try:
            yield
        finally:
            self._listeners = ()

    def policy_seen(self, body: Json) -> None:
        """A policy is there, new or changed."""
        self._note_epoch(body)
        _keep(self._policies, body)
        for listener in self._listeners:
            listener.policy_seen(body)

    def policy_gone(self, uid: str) -> None:
        """A policy was deleted."""
        self._policies.pop(uid, None)
        self._ticks.pop(uid, None)
        for listener in self._listeners:
            listener.policy_gone(uid)

    def policy_tick(self, uid: str, tick_seconds: int) -> None:
        """A timer of that length fired for a policy."""
        if uid in self._policies:
            self._ticks[uid] = tick_seconds
        for listener in self._listeners:
            listener.policy_tick(uid, tick_seconds)

    def source_seen(self, body: Json) -> None:
        """A source is there, new or changed."""
        _keep(self._sources, body)
        for listener in self._listeners:
            listener.source_seen(body)

    def source_gone(self, uid: str) -> None:
        """A source was deleted."""
        self._sources.pop(uid, None)
        for listener in self._listeners:
            listener.source_gone(uid)

    def channel_seen(self, body: Json) -> None:
        """A channel is there, new or changed."""
        _keep(self._channels, body)
        for listener in self._listeners:
            listener.channel_seen(body)

    def channel_gone(self, uid: str) -> None:
        """A channel was deleted."""
        self._channels.pop(uid, None)
        for listener in self._listeners:
            listener.channel_gone(uid)

    def mute_seen(self, body: Json) -> None:
        """A mute is there, new or changed."""
        _keep(self._mutes, body)
        for listener in self._listeners:
            listener.mute_seen(body)

    def mute_gone(self, uid: str) -> None:
        """A mute was deleted."""
        self._mutes.pop(uid, None)
        for listener in self._listeners:
            listener.mute_gone(uid)

    def namespace_seen(self, name: str, labels: Mapping[str, str]) -> None:
        """A namespace is there, new or changed."""
        self._namespaces[name] = labels
        for listener in self._listeners:
            listener.namespace_seen(name, labels)

    def namespace_gone(self, name: str) -> None:
        """A namespace was deleted."""
        self._namespaces.pop(name, None)
        for listener in self._listeners:
            listener.namespace_gone(name)

    def listed(self) -> None:
        """Everything that policies depend on was seen, once more."""
        self.complete.set()
        for listener in self._listeners:
            listener.listed()

    def _note_epoch(self, policy: Json) -> None:
        epoch = (policy.get("status") or {}).get("epoch")
        if isinstance(epoch, int) and not made_up(epoch, self._clock.now()):
            self.highest_epoch = max(self.highest_epoch, epoch)


def _keep(kept: dict[str, Json], body: Json) -> None:
    """Keeps the newest version of an object."""
    uid = body["metadata"]["uid"]
    kept[uid] = newer(kept[uid], body) if uid in kept else body
