"""What the handlers see, passed on to whom it concerns."""

from collections.abc import Mapping
from typing import Any, Protocol, assert_never

from governor.app.mutes import MuteDirectory
from governor.app.ports import Json, Kind, ObjectKey
from governor.app.resources import Namespaces
from governor.app.scheduling import Scheduler


class Listing(Protocol):
    """A directory of one kind of resource."""

    def seen(self, body: Json) -> None: ...
    def gone(self, uid: str) -> None: ...
    def listed(self) -> None: ...


class Relay:
    """The whole application, by the kinds of what is seen."""

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
        self._named: dict[str, tuple[str, int]] = {}
        """Namespaces by name → uid and resourceVersion of the one that bears it now."""

    def seen(self, kind: Kind, body: Json) -> None:
        """An object is there, new or changed."""
        match kind:
            case Kind.POLICIES:
                self._scheduler.policy_seen(body)
                self._mutes.policy_seen(body["metadata"]["namespace"], body["metadata"]["name"])
            case Kind.SOURCES:
                self._sources.seen(body)
            case Kind.CHANNELS:
                self._channels.seen(body)
            case Kind.MUTES:
                self._mutes.seen(body)
            case Kind.NAMESPACES:
                self._namespace_seen(body["metadata"])
            case _:
                assert_never(kind)

    def gone(self, kind: Kind, key: ObjectKey) -> None:
        """An object was deleted."""
        match kind:
            case Kind.POLICIES:
                self._scheduler.policy_gone(key.uid)
            case Kind.SOURCES:
                self._sources.gone(key.uid)
            case Kind.CHANNELS:
                self._channels.gone(key.uid)
            case Kind.MUTES:
                self._mutes.gone(key.uid)
            case Kind.NAMESPACES:
                self._namespace_gone(key)
            case _:
                assert_never(kind)

    def lost(self, policy: Json) -> None:
        """A policy was deleted a moment before this term."""
        self._scheduler.policy_lost(policy)

    def policy_tick(self, uid: str, tick_seconds: int) -> None:
        """A timer of that length fired for a policy."""
        self._scheduler.policy_tick(uid, tick_seconds)

    def listed(self) -> None:
        """Everything that policies depend on was seen."""
        for directory in (self._sources, self._channels, self._mutes):
            directory.listed()

    def _namespace_seen(self, metadata: Mapping[str, Any]) -> None:
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        known, newest = self._named.get(metadata["name"], (uid, version))
        if known != uid and version < newest:
            return  # of one that is no more, told late
        self._named[metadata["name"]] = uid, version
        self._namespaces.seen(metadata["name"], metadata.get("labels") or {})

    def _namespace_gone(self, key: ObjectKey) -> None:
        """The end of one may be noticed after the start of the next of its name."""
        if self._named.get(key.name, ("", 0))[0] == key.uid:
            del self._named[key.name]
            self._namespaces.gone(key.name)
