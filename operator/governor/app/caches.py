"""What is there, as last seen: every replica has it, and a new leader starts from it.

All that is told passes through here, whether a watch or a comparison found it. So an older
version never replaces a newer one, and what was told gone does not come back by an answer
that was long on its way.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from governor.app.ports import Clock, Json, Kind, ObjectKey
from governor.domain.leases import made_up

LATELY = timedelta(minutes=1)
"""Of a policy that went so long ago, another leader may not have seen to what it left; after
that, what it could not get told was copied."""

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Whom all of it concerns."""

    def seen(self, kind: Kind, body: Json) -> None: ...
    def gone(self, kind: Kind, key: ObjectKey) -> None: ...
    def lost(self, policy: Json) -> None: ...
    def listed(self) -> None: ...
    def policy_tick(self, uid: str, tick_seconds: int) -> None: ...


@dataclass(slots=True)
class Shelf:
    """The objects of one kind."""

    bodies: dict[ObjectKey, Json] = field(default_factory=dict)
    versions: dict[ObjectKey, int] = field(default_factory=dict)
    """Their resourceVersions."""
    buried: set[ObjectKey] = field(default_factory=set)
    """Told gone. The comparisons clear them, so that a wrong word is undone."""
    unwatched: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when deletions may have been missed."""


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
        self._shelves: Mapping[Kind, Shelf] = {kind: Shelf() for kind in Kind}
        self._ticks: dict[str, int | None] = {}
        """Policy → the length of its latest tick, if there was one."""
        self._lately: deque[tuple[datetime, Json]] = deque()
        """Policies that went, and when that was told."""
        self._listeners: tuple[Listener, ...] = ()
        self._untold: dict[ObjectKey, None] = {}
        """Policies that the listener was not told of yet, in order."""

    def shelf(self, kind: Kind) -> Shelf:
        """What is known of a kind; it goes on changing."""
        return self._shelves[kind]

    @asynccontextmanager
    async def relayed_to(self, listener: Listener) -> AsyncIterator[None]:
        """Tells all that is known, what policies depend on first; then whatever comes.

        Also of policies that went not long ago: whoever led then may have ended with them.
        Each policy is told in a turn of the event loop of its own: thousands in one would hold
        up the Lease's renewal for so long that the term is over before it has begun.
        """
        for kind in (Kind.NAMESPACES, Kind.SOURCES, Kind.CHANNELS, Kind.MUTES):
            for key, body in self._shelves[kind].bodies.items():
                _safely(key, listener.seen, kind, body)
        listener.listed()
        self._forget_long_gone()
        for _, policy in self._lately:
            _safely(ObjectKey.of(policy), listener.lost, policy)
        self._listeners = (listener,)
        self._untold = dict.fromkeys(self._shelves[Kind.POLICIES].bodies)
        try:
            while self._untold:
                self._tell(next(iter(self._untold)))
                await asyncio.sleep(0)
            yield
        finally:
            self._listeners = ()
            self._untold = {}

    def seen(self, kind: Kind, body: Json) -> None:
        """An object is there, new or changed."""
        shelf, key = self._shelves[kind], ObjectKey.of(body)
        version = int(body["metadata"]["resourceVersion"])
        if key in shelf.buried or version < shelf.versions.get(key, 0):
            return
        shelf.bodies[key], shelf.versions[key] = body, version
        if kind is Kind.POLICIES:
            self._note_epoch(body)
            self._ticks.setdefault(key.uid, None)
            self._untold.pop(key, None)
        for listener in self._listeners:
            _safely(key, listener.seen, kind, body)

    def gone(self, kind: Kind, key: ObjectKey) -> None:
        """An object was deleted."""
        shelf = self._shelves[kind]
        shelf.buried.add(key)
        if key in self._untold:
            self._tell(key)  # it is to be known what goes: it may leave something
        if shelf.versions.pop(key, None) is None:
            return
        body = shelf.bodies.pop(key)
        self._ticks.pop(key.uid, None)
        if kind is Kind.POLICIES:
            self._lately.append((self._clock.now(), body))
        for listener in self._listeners:
            _safely(key, listener.gone, kind, key)

    def unwatched(self, kind: Kind) -> None:
        """The kind was not watched for a while."""
        self._shelves[kind].unwatched.set()

    def listed(self) -> None:
        """Everything that policies depend on was seen, once more."""
        self.complete.set()
        for listener in self._listeners:
            listener.listed()

    def policy_tick(self, uid: str, tick_seconds: int) -> None:
        """A timer of that length fired for a policy."""
        if uid in self._ticks:
            self._ticks[uid] = tick_seconds
        self._forget_long_gone()
        for listener in self._listeners:
            listener.policy_tick(uid, tick_seconds)

    def _tell(self, key: ObjectKey) -> None:
        del self._untold[key]
        for listener in self._listeners:
            _safely(key, listener.seen, Kind.POLICIES, self._shelves[Kind.POLICIES].bodies[key])
            if tick := self._ticks[key.uid]:
                _safely(key, listener.policy_tick, key.uid, tick)

    def _forget_long_gone(self) -> None:
        now = self._clock.now()
        while self._lately and abs(now - self._lately[0][0]) > LATELY:
            self._lately.popleft()

    def _note_epoch(self, policy: Json) -> None:
        epoch = (policy.get("status") or {}).get("epoch")
        if isinstance(epoch, int) and not made_up(epoch, self._clock.now()):
            self.highest_epoch = max(self.highest_epoch, epoch)


def _safely(about: ObjectKey, tell: Callable[..., None], *arguments: Any) -> None:
    """Tells of one object: what goes wrong is logged, or it would hide all others from a term."""
    try:
        tell(*arguments)
    except Exception:  # noqa: BLE001 - it is a bug, and no other object's
        extra = {"object_namespace": about.namespace, "object": about.name}
        _log.exception("an object could not be taken in", extra=extra)
