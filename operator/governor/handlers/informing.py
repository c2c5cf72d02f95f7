"""The way out of kopf's thread: what a handler sees is told in the application's loop."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from governor.app.ports import Informed, Json

POLICIES = "governancepolicies"
SOURCES = "governancesources"
CHANNELS = "governancechannels"
MUTES = "governancemutes"
NAMESPACES = "namespaces"
KINDS = (POLICIES, SOURCES, CHANNELS, MUTES, NAMESPACES)
"""What is watched."""

_log = logging.getLogger(__name__)


class Pulse(Protocol):
    """Knows whether the operator still sees and still ticks."""

    def watch_activity(self, kind: str) -> None:
        """The API server answered a list or a watch of that kind."""

    def watch_ended(self, kind: str) -> None:
        """The kind is not watched any more."""

    def policies(self, count: int) -> None:
        """So many policies have a timer."""

    def tick(self) -> None:
        """A timer fired."""


class Informer:
    """Tells the application and the pulse, for one life of kopf.

    Its methods may be called from any thread; each call ends at once, and calls arrive
    in the order in which they were made.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, informed: Informed, pulse: Pulse) -> None:
        self._loop = loop
        self._informed = informed
        self._pulse = pulse
        self._ticking: set[str] = set()
        self._unheard = set(KINDS)
        self.all_heard = asyncio.Event()
        """Every kind was listed or watched at least once."""

    def heard(self, kind: str) -> None:
        """The API server answered a list or a watch."""
        self._tell(self._heard, kind)

    def policy(self, body: Json, *, ticking: bool) -> None:
        """A policy is there; ticking, unless it is being deleted."""
        self._tell(self._count, body["metadata"]["uid"], ticking)
        self._tell(self._informed.policy_seen, body)

    def policy_gone(self, uid: str) -> None:
        """A policy was deleted."""
        self._tell(self._count, uid, False)  # noqa: FBT003 - passed on by position
        self._tell(self._informed.policy_gone, uid)

    def tick(self, uid: str, tick_seconds: int) -> None:
        """A timer fired."""
        self._tell(self._pulse.tick)
        self._tell(self._informed.policy_tick, uid, tick_seconds)

    def source(self, body: Json) -> None:
        """A source is there."""
        self._tell(self._informed.source_seen, body)

    def source_gone(self, uid: str) -> None:
        """A source was deleted."""
        self._tell(self._informed.source_gone, uid)

    def channel(self, body: Json) -> None:
        """A channel is there."""
        self._tell(self._informed.channel_seen, body)

    def channel_gone(self, uid: str) -> None:
        """A channel was deleted."""
        self._tell(self._informed.channel_gone, uid)

    def mute(self, body: Json) -> None:
        """A mute is there."""
        self._tell(self._informed.mute_seen, body)

    def mute_gone(self, uid: str) -> None:
        """A mute was deleted."""
        self._tell(self._informed.mute_gone, uid)

    def namespace(self, name: str, labels: dict[str, str]) -> None:
        """A namespace is there."""
        self._tell(self._informed.namespace_seen, name, labels)

    def namespace_gone(self, name: str) -> None:
        """A namespace was deleted."""
        self._tell(self._informed.namespace_gone, name)

    def ended(self) -> None:
        """The life of kopf ended: no tick can be expected, and nothing is watched."""
        self._tell(self._pulse.policies, 0)
        for kind in KINDS:
            self._tell(self._pulse.watch_ended, kind)

    def _heard(self, kind: str) -> None:
        self._pulse.watch_activity(kind)
        self._unheard.discard(kind)
        if not self._unheard:
            self.all_heard.set()

    def _count(self, uid: str, ticking: bool) -> None:
        before = len(self._ticking)
        (self._ticking.add if ticking else self._ticking.discard)(uid)
        if len(self._ticking) != before:
            self._pulse.policies(len(self._ticking))

    def _tell(self, what: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(_safely, what, *arguments)
        except RuntimeError:  # the application's loop is closed: the process is ending
            _log.debug("nobody is left to be told", exc_info=True)


def _safely(what: Callable[..., None], *arguments: Any) -> None:
    try:
        what(*arguments)
    except Exception:  # noqa: BLE001 - or one bad object would hide all others
        _log.exception("what kopf saw could not be taken in")
