"""The measurements of one policy that are under way."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from governor.domain.episodes import Run
from governor.domain.schedules import Due, stamp
from governor.probes.base import Probe
from governor.values.outcomes import Fault, Outcome
from governor.values.reasons import Reason

PATIENCE = 1.0
"""Seconds that quick checks of a policy wait for its slow ones, to share a write."""

_SILENT = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE})
"""Why a check has no answer from its source."""


class Measurer(Protocol):
    """Knows how to measure a probe for a policy of a namespace."""

    async def measure(self, namespace: str, probe: Probe, at: datetime) -> Outcome:
        """One measurement; a failure is a Fault, never an exception."""


class Measuring:
    """Starts measurements and hands out those that have ended.

    A check is measured once at a time: a slot that finds it under way is folded
    into it. A slow check holds nobody back: the others are handed out without it.
    """

    def __init__(self, namespace: str, measurer: Measurer, on_done: Callable[[], None]) -> None:
        self._namespace = namespace
        self._measurer = measurer
        self._on_done = on_done
        self._running: dict[str, asyncio.Task[Run]] = {}
        self._begun: dict[str, datetime] = {}
        self.answered = True
        """Whether a source has answered since measurements were last started, whatever it said."""

    @property
    def under_way(self) -> Mapping[str, datetime]:
        """Check → since when it is being measured."""
        return {name: self._begun[name] for name in self._running}

    def __contains__(self, check: str) -> bool:
        return check in self._running

    def __bool__(self) -> bool:
        return bool(self._running)

    def start(self, due: Collection[Due], now: datetime) -> None:
        """Measures these checks, all at the same time of reference."""
        if due and not self._running:
            self.answered = False
        for each in due:
            task = asyncio.create_task(self._run(each, now), name=f"measure {each.check.name}")
            self._running[each.check.name] = task
            self._begun[each.check.name] = now

    async def ended(self) -> list[Run]:
        """What has ended, or ends within `PATIENCE`; the rest calls `on_done` when it does."""
        if not self._running:
            return []
        _, slow = await asyncio.wait(self._running.values(), timeout=PATIENCE)
        for task in slow:
            task.add_done_callback(self._done)
        runs = [self._running.pop(name).result() for name in self._finished()]
        self.answered = self.answered or any(map(_answered, runs))
        return runs

    def discard(self) -> None:
        """Gives up on everything under way: it belongs to a spec that is no more."""
        for task in self._running.values():
            task.remove_done_callback(self._done)
            task.cancel()
        self._running.clear()
        self._begun.clear()

    def _finished(self) -> list[str]:
        return [name for name, task in self._running.items() if task.done()]

    def _done(self, task: asyncio.Task[Run]) -> None:
        if not task.cancelled():
            self._on_done()

    async def _run(self, due: Due, now: datetime) -> Run:
        started = time.perf_counter()
        try:
            outcome = await self._measurer.measure(self._namespace, due.check.probe, now)
        except (Exception, asyncio.CancelledError) as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise  # it is we who give up
            outcome = Fault(
                reason=Reason.SERVER_ERROR,
                message=f"the operator failed to measure: {type(error).__name__}",
            )
        return Run(
            check=due.check.name,
            slot=due.slot,
            at=stamp(now, due.slot),
            outcome=outcome,
            seconds=time.perf_counter() - started,
        )


def _answered(run: Run) -> bool:
    outcome = run.outcome
    return not isinstance(outcome, Fault) or outcome.reason not in _SILENT
