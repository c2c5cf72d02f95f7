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
    """A query that waits for company."""

    text: str
    answer: asyncio.Future[Answered] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


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
        self._waiting: dict[datetime, list[_Member]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def ask(self, text: str, at: datetime, began: datetime) -> Answered:
        """The answer to a query, the same as if it had been asked alone.

        Args:
            text: the query.
            at: the moment that it asks about.
            began: when its run did, in that moment; it waits for others until the moment
                ends, if it may join them.
        """
        if not self._may_join(text):
            return await self._divider.alone(text, at)
        member = _Member(text)
        company = self._waiting.get(at)
        if company is None:
            company = self._waiting[at] = []
            asyncio.get_running_loop().call_later(left(began), self._depart, at)
        company.append(member)
        return await member.answer

    async def close(self) -> None:
        """Ends what is under way; whoever still waits for it is cancelled, too."""
        for at in list(self._waiting):
            for member in self._waiting.pop(at):
                member.answer.cancel()
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _may_join(self, text: str) -> bool:
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
        members = [it for it in self._waiting.pop(at, ()) if not it.answer.done()]
        sizes = (self._sizes(member.text) for member in members)
        for group in packed(members, most=self._width.most, limits=self._limits, sizes=sizes):
            task = asyncio.get_running_loop().create_task(self._answer(group, at))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            for member in group:
                member.answer.add_done_callback(partial(_end_unwanted, task, group))

    async def _answer(self, members: Sequence[_Member], at: datetime) -> None:
        """Asks for a group, and gives each its answer, or what went wrong here."""
        try:
            answers = await self._divider.together([member.text for member in members], at)
        except asyncio.CancelledError:
            for member in members:
                member.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - a bug here must not leave anybody waiting
            for member in members:
                if not member.answer.done():
                    member.answer.set_exception(error)
            return
        for member, answer in zip(members, answers, strict=True):
            if not member.answer.done():
                member.answer.set_result(answer)


def _end_unwanted(
    task: asyncio.Task[None], members: Sequence[_Member], _done: asyncio.Future[Answered]
) -> None:
    """Ends a request that nobody waits for any more."""
    if all(member.answer.cancelled() for member in members):
        task.cancel()
