"""Gathers the queries of one moment into batches (protocol rule 28)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from governor.adapters.moments import left
from governor.adapters.prometheus.batches import packed
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


@dataclass(slots=True, eq=False)
class _Member:
    """A query that waits for company, and those who wait for its answer."""

    text: str
    askers: list[asyncio.Future[Answered]] = field(default_factory=list)

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits."""
        return not all(asker.done() for asker in self.askers)

    def answer(self, answer: Answered) -> None:
        for asker in self._waiting():
            asker.set_result(answer)

    def fail(self, error: Exception) -> None:
        for asker in self._waiting():
            asker.set_exception(error)

    def cancel(self) -> None:
        for asker in self.askers:
            asker.cancel()

    def _waiting(self) -> list[asyncio.Future[Answered]]:
        return [asker for asker in self.askers if not asker.done()]


class Gatherer:
    """Asks one source: alone what must be asked alone, the rest together."""

    def __init__(self, requests: Requests, *, source: str, telemetry: Telemetry) -> None:
        """Nothing is known of any query yet: each is asked alone first."""
        self._standings = Standings()
        self._width = Width()
        self._divider = Divider(
            requests, self._standings, self._width, source=source, telemetry=telemetry
        )
        self._limits = (requests.deadline_seconds * DURATION_SHARE, LONGEST_BATCH)
        self._waiting: dict[datetime, dict[str, _Member]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def alone(self, text: str, at: datetime) -> Answered:
        """The answer to a query that may not join others."""
        return await self._divider.alone(text, at)

    async def together(self, text: str, at: datetime, began: datetime) -> tuple[Answered, bool]:
        """The answer to a query, the same as alone; and whether another had asked for it already.

        Args:
            text: the query, which may join others.
            at: the moment that it asks about.
            began: when its run did, in that moment; it waits for others until the moment ends.
        """
        loop = asyncio.get_running_loop()
        company = self._waiting.get(at)
        if company is None:
            company = self._waiting[at] = {}
            loop.call_later(left(began), self._depart, at)
        member = company.get(text)
        joined = member is not None
        if member is None:
            member = company[text] = _Member(text)
        asker: asyncio.Future[Answered] = loop.create_future()
        member.askers.append(asker)
        return await asker, joined

    async def close(self) -> None:
        """Ends what is under way; whoever still waits for it is cancelled, too."""
        for at in list(self._waiting):
            for member in self._waiting.pop(at).values():
                member.cancel()
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def may_join(self, text: str) -> bool:
        """Whether a query may be asked together with others."""
        standing = self._standings.of(text)
        return (
            standing.joinable
            and not standing.alone
            and self._width.most > 1
            and all(
                own <= limit for own, limit in zip(self._sizes(text), self._limits, strict=True)
            )
        )

    def _sizes(self, text: str) -> tuple[float, float]:
        standing = self._standings.of(text)
        return standing.seconds, standing.size

    def _depart(self, at: datetime) -> None:
        """The moment is over: those who still want an answer are asked for."""
        members = [member for member in self._waiting.pop(at, {}).values() if member.wanted]
        sizes = (self._sizes(member.text) for member in members)
        for group in packed(members, most=self._width.most, limits=self._limits, sizes=sizes):
            task = asyncio.get_running_loop().create_task(self._answer(group, at))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            for member in group:
                for asker in member.askers:
                    asker.add_done_callback(partial(_end_unwanted, task, group))

    async def _answer(self, members: Sequence[_Member], at: datetime) -> None:
        """Asks for a group, and gives each its answer, or what went wrong here."""
        try:
            answers = await self._divider.together([member.text for member in members], at)
        except asyncio.CancelledError:
            for member in members:
                member.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - a bug here must not leave anybody waiting
            for member in members:
                member.fail(error)
            return
        for member, answer in zip(members, answers, strict=True):
            member.answer(answer)


def _end_unwanted(
    task: asyncio.Task[None], members: Sequence[_Member], gone: asyncio.Future[Answered]
) -> None:
    """Ends a request that nobody waits for any more."""
    if gone.cancelled() and not any(member.wanted for member in members):
        task.cancel()
