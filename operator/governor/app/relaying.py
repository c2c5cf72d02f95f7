"""What the handlers see, passed on to whom it concerns."""

from collections.abc import Mapping

from governor.app.ports import Json
from governor.app.resources import Namespaces
from governor.app.scheduling import Scheduler
from governor.app.sources import SourceDirectory


class Relay:
    """The whole application as the handlers know it (`app.ports.Informed`)."""

    def __init__(
        self, scheduler: Scheduler, sources: SourceDirectory, namespaces: Namespaces
    ) -> None:
        self._scheduler = scheduler
        self._sources = sources
        self._namespaces = namespaces

    def policy_seen(self, body: Json) -> None:
        """A policy is there, new or changed."""
        self._scheduler.policy_seen(body)

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

    def namespace_seen(self, name: str, labels: Mapping[str, str]) -> None:
        """A namespace is there, new or changed."""
        self._namespaces.seen(name, labels)

    def namespace_gone(self, name: str) -> None:
        """A namespace was deleted."""
        self._namespaces.gone(name)
