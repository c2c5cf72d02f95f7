"""Ends the rows of policies that are no more, and that nobody told of.

The rows are read first, then what policies there are, then each suspect live: a policy
that came between is never taken for gone (protocol, rule 21).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence

from governor.app.ports import (
    Clock,
    Kind,
    LiveObjects,
    ObjectKey,
    OpenFinding,
    Sink,
    Telemetry,
)
from governor.app.telling import episode
from governor.domain.bequests import end_of, implausible
from governor.domain.entries import Decision
from governor.errors import DeliveryError, GoneError, StoreError

FIRST_AFTER_SECONDS = 30.0
"""The policies have taken over by then what is theirs."""
PERIOD_SECONDS = 3600.0
RETRY_SECONDS = 60.0
SECOND_LOOK_SECONDS = 600.0
"""Before so many are believed to be gone, they are looked for once more."""

_log = logging.getLogger(__name__)


class Vanished:
    """Looks for rows without a policy."""

    def __init__(
        self, sink: Sink, objects: LiveObjects, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._sink = sink
        self._objects = objects
        self._clock = clock
        self._telemetry = telemetry
        self._doubted: frozenset[str] = frozenset()
        """The policies that the last look missed, if they were too many to be believed."""

    async def run(self) -> None:
        """Looks until cancelled."""
        wait = FIRST_AFTER_SECONDS
        while True:
            await asyncio.sleep(wait)
            try:
                wait = await self.sweep()
            except (DeliveryError, StoreError) as error:
                _log.warning("rows can't be compared with policies now: %s", error)
                wait = RETRY_SECONDS
            except Exception:  # noqa: BLE001 - a bug here must not end the term
                _log.exception("rows can't be compared with policies now")
                wait = RETRY_SECONDS

    async def sweep(self) -> float:
        """Looks once; in how many seconds to look again.

        Raises:
            DeliveryError: the sink did not answer.
            StoreError: the API server did not. What was ended is ended.
        """
        rows: defaultdict[str, list[OpenFinding]] = defaultdict(list)
        for row in await self._sink.open_findings():
            rows[row.policy_uid].append(row)
        there = {key.uid for key in await self._objects.versions(Kind.POLICIES)}
        for uid in self._believed([uid for uid in rows if uid not in there], known=len(rows)):
            try:
                if await self._is_gone(rows[uid][0]):
                    await self._end(rows[uid])
            except (DeliveryError, StoreError):
                raise
            except Exception:  # noqa: BLE001 - an odd row must not keep the others open
                _log.exception(
                    "a row can't be compared with its policy: look at it",
                    extra={"policy_uid": uid, "row": str(rows[uid][0].id)},
                )
        return SECOND_LOOK_SECONDS if self._doubted else PERIOD_SECONDS

    def _believed(self, missing: Sequence[str], *, known: int) -> Collection[str]:
        """The policies to be looked for live; of too many, those that two looks have missed."""
        twice = self._doubted & set(missing)
        new = len(missing) - len(twice)
        if not implausible(new, known):
            self._doubted = frozenset()
            return missing
        self._doubted = frozenset(missing) - twice
        self._telemetry.vanished(ended=0, doubted=new)
        _log.warning(
            "more than half of the policies with open findings seem to be gone: nothing is"
            " done before a second look",
            extra={"gone": new, "of": known, "seconds": SECOND_LOOK_SECONDS},
        )
        return twice

    async def _is_gone(self, row: OpenFinding) -> bool:
        try:
            await self._objects.read(Kind.POLICIES, _key(row))
        except GoneError:
            return True
        return False

    async def _end(self, rows: Sequence[OpenFinding]) -> None:
        at = self._clock.now()
        for row in rows:
            decision = Decision(policy_uid=row.policy_uid, generation=0, at=at)
            entry = end_of(decision, row.known().finding, row.check_name)
            await self._sink.record(episode(entry, _key(row), None))
            self._telemetry.vanished(ended=1, doubted=0)
        first = rows[0]
        _log.info(
            "findings of a policy that is no more are ended",
            extra={
                "policy_namespace": first.namespace, "policy": first.policy, "findings": len(rows)
            },
        )  # fmt: skip


def _key(row: OpenFinding) -> ObjectKey:
    return ObjectKey(uid=row.policy_uid, namespace=row.namespace, name=row.policy)
