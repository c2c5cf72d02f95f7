"""Gathers the queries of one moment into batches (protocol rule 28)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain

from governor.adapters.moments import left
from governor.adapters.prometheus.batches import MOST, packed
from governor.adapters.prometheus.containment import contained
from governor.adapters.prometheus.dividing import Answered, Divider
from governor.adapters.prometheus.queries import Requests
from governor.adapters.prometheus.standings import Standings
from governor.adapters.prometheus.widths import Width
from governor.adapters.web.exchange import LONGEST_ANSWER
from governor.app.ports import Telemetry

DURATION_SHARE = 0.2
"""Of the timeout, what the queries of a batch took when they were last asked, all together:
`or` runs them one after the other."""

LONGEST_BATCH = LONGEST_ANSWER / 2
"""Bytes of what they were last answered, all together."""

MOST_NEW = 10
"""Queries in a batch of those of which nothing is known yet, neither how long they take nor whether
they are vectors: few, and none of them beside one that is known."""


@dataclass(slots=True, eq=False)
class _Member:
    """A query of one moment, and those who wait for its answer."""

    text: str
    at: datetime
    askers: list[asyncio.Future[Answered]] = field(default_factory=list)
    waiting: int = 0
    """So many of them still do."""
    asking: "_Asking | None" = None
    """The batch that asks for it, once it departed."""

    def answer(self, answer: Answered) -> None:
        for asker in self._left():
            asker.set_result(answer)

    def fail(self, error: Exception) -> None:
        for asker in self._left():
            asker.set_exception(error)

    def cancel(self) -> None:
        for asker in self._left():
            asker.cancel()

    def _left(self) -> list[asyncio.Future[Answered]]:
        return [asker for asker in self.askers if not asker.done()]


@dataclass(frozen=True, slots=True, eq=False)
class _Asking:
    """A batch on its way."""

    task: asyncio.Task[None]
    members: Sequence[_Member]


class Gatherer:
    """Asks one source: alone what must be asked alone, the rest together."""

    def __init__(self, requests: Requests, *, source: str, telemetry: Telemetry) -> None:
        """Nothing is known of any query yet."""
        self._standings = Standings()
        self._width = Width()
        self._divider = Divider(
            requests, self._standings, self._width, source=source, telemetry=telemetry
        )
        self._limits = (requests.deadline_seconds * DURATION_SHARE, LONGEST_BATCH)
        self._waiting: dict[datetime, list[_Member]] = {}
        """Those of a moment that is not over."""
        self._members: dict[tuple[str, datetime], _Member] = {}
        """All that are not answered."""
        self._asking: set[asyncio.Task[None]] = set()

    async def alone(self, text: str, at: datetime) -> Answered:
        """The answer to a query that may not join others."""
        return await self._divider.alone(text, at)

    async def together(self, text: str, at: datetime, began: datetime) -> tuple[Answered, bool]:
        """The answer to a query, the same as alone; and whether another had asked for it already.

        Args:
            text: the query, which may join others, or is among them already.
            at: the moment that it asks about.
            began: when its run did, in that moment; it waits for others until the moment ends.
        """
        member = self._members.get((text, at))
        joined = member is not None
        if member is None:
            member = self._members[text, at] = _Member(text, at)
            self._gather(member, left(began))
        asker: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        asker.add_done_callback(partial(self._gone, member))
        member.askers.append(asker)
        member.waiting += 1
        return await asker, joined

    async def close(self) -> None:
        """Ends what is under way; whoever still waits for it is cancelled, too."""
        for at in list(self._waiting):
            for member in self._waiting.pop(at):
                self._forget(member)
                member.cancel()
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def may_join(self, text: str, at: datetime) -> bool:
        """Whether a query may be asked together with others; also if it is already."""
        if (text, at) in self._members:
            return True
        if self._width.most == 1:
            return False
        if not self._standings.knows(text):
            return contained(text)
        standing = self._standings.of(text)
        return standing.may_join and all(
            own <= limit for own, limit in zip(self._sizes(text), self._limits, strict=True)
        )

    def _sizes(self, text: str) -> tuple[float, float]:
        standing = self._standings.of(text)
        return standing.seconds, standing.size

    def _gather(self, member: _Member, seconds: float) -> None:
        """Has it wait for company until its moment ends."""
        company = self._waiting.get(member.at)
        if company is None:
            company = self._waiting[member.at] = []
            asyncio.get_running_loop().call_later(seconds, self._depart, member.at)
        company.append(member)

    def _depart(self, at: datetime) -> None:
        """The moment is over: those who still want an answer are asked for."""
        joining: list[_Member] = []
        new: list[_Member] = []
        alone: list[_Member] = []
        """Something was found out of them while they waited, in a batch of an earlier moment."""
        for member in self._waiting.pop(at, ()):
            if not member.waiting:
                self._forget(member)
            elif not self._standings.knows(member.text):
                new.append(member)
            elif self._standings.of(member.text).may_join:
                joining.append(member)
            else:
                alone.append(member)
        groups = self._packed(joining, MOST), self._packed(new, MOST_NEW), self._packed(alone, 1)
        for group in chain(*groups):
            task = asyncio.get_running_loop().create_task(self._answer(group, at))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            asking = _Asking(task, group)
            for member in group:
                member.asking = asking

    def _packed(self, members: Sequence[_Member], most: int) -> list[list[_Member]]:
        sizes = (self._sizes(member.text) for member in members)
        most = min(most, self._width.most)
        return packed(members, most=most, limits=self._limits, sizes=sizes)

    async def _answer(self, members: Sequence[_Member], at: datetime) -> None:
        """Asks for a group, and gives each its answer, or what went wrong here."""
        try:
            answers = await self._divider.together([member.text for member in members], at)
        except asyncio.CancelledError:
            for member in members:
                self._forget(member)
                member.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - a bug here must not leave anybody waiting
            for member in members:
                self._forget(member)
                member.fail(error)
            return
        for member, answer in zip(members, answers, strict=True):
            self._forget(member)
            member.answer(answer)

    def _gone(self, member: _Member, asker: asyncio.Future[Answered]) -> None:
        """One waits no more; a request that nobody waits for any more is ended."""
        member.waiting -= 1
        asking = member.asking
        if not asker.cancelled() or member.waiting or asking is None:
            return
        if not any(each.waiting for each in asking.members):
            for each in asking.members:
                self._forget(each)  # whoever comes now must not join what is ending
            asking.task.cancel()

    def _forget(self, member: _Member) -> None:
        """Whoever asks from now on asks anew."""
        member.asking = None  # it knows the member, too: no cycle is left
        if self._members.get((member.text, member.at)) is member:
            del self._members[member.text, member.at]
