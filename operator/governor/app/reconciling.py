"""Finds what no watch told, and tells it.

After a list, kopf tells of no deletion that came before it; and a watch may go quiet
without an error. So what there is, is compared with what is known: of each kind from time
to time, and whenever it was not watched for a while. A list only raises suspicion. What
is told is what a live read of the object says.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass

from governor.api.slimming import slim
from governor.app.caches import Caches, Shelf
from governor.app.ports import Kind, LiveObjects, ObjectKey, Telemetry, Watches
from governor.app.resources.pace import within
from governor.domain.reconciling import Missed, Versions, missed
from governor.errors import GoneError, StoreError

GONE, SEEN, NO_NEWS = "gone", "seen", ""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Times in seconds."""

    period: float = 120.0
    """Between two comparisons of a kind that was watched all the time."""

    grace: float = 10.0
    """So much later than a list the watches may be."""

    retrying: float = 5.0
    """Until an API server that did not answer is asked again."""


class Reconciler:
    """Compares each kind by itself; on every replica."""

    def __init__(
        self,
        objects: LiveObjects,
        caches: Caches,
        watches: Watches,
        telemetry: Telemetry,
        *,
        pace: Pace | None = None,
    ) -> None:
        """Joins the parts; nothing is asked before `run`.

        Args:
            objects: what there is.
            caches: what is known; told what was missed.
            watches: told likewise, as they keep things by object.
            telemetry: counts what was missed.
            pace: how often to compare.
        """
        self._objects = objects
        self._caches = caches
        self._watches = watches
        self._telemetry = telemetry
        self._pace = pace or Pace()

    async def run(self) -> None:
        """Compares until cancelled."""
        await asyncio.gather(*(self._keep(kind) for kind in Kind))

    async def reconcile(self, kind: Kind) -> None:
        """Compares once, and tells what was missed.

        Raises:
            StoreError: the API server did not say everything; what was found is told.
        """
        shelf = self._caches.shelf(kind)
        before, buried = dict(shelf.versions), set(shelf.buried)
        listed = await self._objects.versions(kind)
        shelf.buried -= buried
        found = await self._settled(before, listed, shelf)
        ends = Counter([await self._look(kind, key) for key in (*found.ghosts, *found.unseen)])
        if ends[GONE] or ends[SEEN]:
            self._telemetry.missed(kind, gone=ends[GONE], seen=ends[SEEN])
            _log.warning(
                "no watch told what happened to objects; it was found by comparing",
                extra={"kind": str(kind), "gone": ends[GONE], "seen": ends[SEEN]},
            )

    async def _settled(
        self, before: Versions[ObjectKey], listed: Versions[ObjectKey], shelf: Shelf
    ) -> Missed[ObjectKey]:
        """What is missing once the watches tell no more of what was listed."""
        left = len(listed) + 1
        while True:
            await asyncio.sleep(self._pace.grace)
            found = missed(before=before, listed=listed, after=shelf.versions)
            if len(found.unseen) in (0, left):
                return found
            left = len(found.unseen)

    async def _look(self, kind: Kind, key: ObjectKey) -> str:
        """Reads an object live and tells what came of it: `GONE`, `SEEN`, or no news.

        Raises:
            StoreError: the API server does not say.
        """
        shelf = self._caches.shelf(kind)
        try:
            body = await self._objects.read(kind, key)
        except GoneError:
            news = GONE if key in shelf.versions else NO_NEWS
            self._caches.gone(kind, key)
            self._watches.forget(key)
            return news
        known = shelf.versions.get(key)
        self._caches.seen(kind, slim(body))
        if kind is Kind.POLICIES and known is None and "deletionTimestamp" not in body["metadata"]:
            self._watches.expect(key)
        return SEEN if shelf.versions.get(key) != known else NO_NEWS

    async def _keep(self, kind: Kind) -> None:
        told = ""
        wait = self._pace.period
        while True:
            await within(self._caches.shelf(kind).unwatched, wait)
            wait = self._pace.period
            try:
                await self.reconcile(kind)
                told = ""
            except StoreError as error:
                wait = self._pace.retrying
                if str(error) != told:
                    extra = {"kind": str(kind), "error": str(error)}
                    _log.warning("what is known can't be compared now", extra=extra)
                told = str(error)
            except Exception:  # noqa: BLE001 - it must go on
                _log.exception("comparing failed; it goes on", extra={"kind": str(kind)})
