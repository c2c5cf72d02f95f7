"""The way out of kopf's thread: what a handler sees is told in the application's loop."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from governor.app.ports import Informed, Json, Kind, ObjectKey

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

    Its methods may be called from any thread, but where they say otherwise; each call ends
    at once, and calls arrive in the order in which they were made.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, informed: Informed, pulse: Pulse) -> None:
        self._loop = loop
        self._informed = informed
        self._pulse = pulse
        self._ticked: dict[str, float] = {}
        """Every policy that should tick → when it last did, by the loop's clock."""
        self._unheard = set(Kind)
        self.all_heard = asyncio.Event()
        """Every kind was listed or watched at least once."""

    def heard(self, kind: Kind) -> None:
        """The API server answered a list or a watch."""
        self._tell(self._heard, kind)

    def listing(self, kind: Kind) -> None:
        """Kopf begins with a list: it does not know, and tells nobody, what went before it."""
        self._tell(self._informed.unwatched, kind)

    def seen(self, kind: Kind, body: Json) -> None:
        """An object is there, new or changed."""
        self._tell(self._informed.seen, kind, body)

    def gone(self, kind: Kind, key: ObjectKey) -> None:
        """An object was deleted."""
        self._tell(self._informed.gone, kind, key)

    def ticking(self, uid: str, *, on: bool) -> None:
        """Whether a policy has a timer from now on."""
        self._tell(self.expect if on else self.forget, uid)

    def tick(self, uid: str, tick_seconds: int) -> None:
        """A timer fired."""
        self._tell(self._pulse.tick)
        self._tell(self._note_tick, uid)
        self._tell(self._informed.policy_tick, uid, tick_seconds)

    def ended(self) -> None:
        """The life of kopf ended: no tick can be expected, and nothing is watched."""
        self._tell(self._pulse.policies, 0)
        for kind in Kind:
            self._tell(self._pulse.watch_ended, kind)
            self._tell(self._informed.unwatched, kind)

    def expect(self, uid: str) -> None:
        """A policy should tick before long; called in the application's loop."""
        if uid not in self._ticked:
            self._ticked[uid] = self._loop.time()
            self._pulse.policies(len(self._ticked))

    def forget(self, uid: str) -> None:
        """A policy should tick no more; called in the application's loop."""
        if self._ticked.pop(uid, None) is not None:
            self._pulse.policies(len(self._ticked))

    def silent(self, seconds: float) -> set[str]:
        """The policies that should tick, but did not for so long; in the application's loop."""
        since = self._loop.time() - seconds
        return {uid for uid, ticked in self._ticked.items() if ticked < since}

    def _heard(self, kind: Kind) -> None:
        self._pulse.watch_activity(kind)
        self._unheard.discard(kind)
        if not self._unheard:
            self.all_heard.set()

    def _note_tick(self, uid: str) -> None:
        if uid in self._ticked:
            self._ticked[uid] = self._loop.time()

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
