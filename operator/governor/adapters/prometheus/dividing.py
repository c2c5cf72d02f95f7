"""Asks queries together; where that fails, finds out whose fault it is.

Whatever happens to a batch, each of its queries ends as it would have ended alone.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from governor.adapters.prometheus.batches import UnlikeBatchError, compose, joinable, split
from governor.adapters.prometheus.blame import of_nobody, of_the_server
from governor.adapters.prometheus.queries import Reply, Requests
from governor.adapters.prometheus.standings import Standings
from governor.adapters.prometheus.widths import Width
from governor.adapters.web.allowances import Allowance
from governor.adapters.web.exchange import UnsentError
from governor.app.ports import Telemetry
from governor.values.outcomes import Fault, FaultError
from governor.values.reasons import Reason

PATIENCE = 0.5
"""Of a query's timeout, what may pass for a batch and its parts, from its turn on: its queries took
a fifth of it, all together. After that each is asked alone."""

_TOO_LATE = 0.05
"""Of the timeout, what must be left of that for a part to be sent."""

Answered = object | Fault
"""The `data` of an answer, or why there is none."""


class Unsent(Fault):
    """The server was not asked, was down as others showed, or had too many requests.

    That says nothing of the query.
    """


class Divider:
    """Asks one source."""

    def __init__(
        self,
        requests: Requests,
        standings: Standings,
        width: Width,
        *,
        source: str,
        telemetry: Telemetry,
    ) -> None:
        """Uses and feeds what is known of the source's queries."""
        self._requests = requests
        self._standings = standings
        self._width = width
        self._source = source
        self._telemetry = telemetry

    async def alone(self, text: str, at: datetime) -> Answered:
        """Asks one query by itself."""
        self._telemetry.queried(self._source, "alone", 1)
        try:
            reply = await self._requests.ask(text, at)
        except UnsentError as error:
            return _unsent(error.fault)
        except FaultError as error:
            if of_nobody(error.fault):
                return _unsent(error.fault)
            if not of_the_server(error.fault):
                self._standings.failed_alone(text)
            return error.fault
        self._standings.answered_alone(
            text, joinable=joinable(reply.data), seconds=reply.seconds, size=reply.size
        )
        self._width.worked()
        return reply.data

    async def together(self, texts: Sequence[str], at: datetime) -> list[Answered]:
        """Asks for all of these, in one request if that works; their answers, in order."""
        if len(texts) == 1:
            return [await self.alone(texts[0], at)]
        allowance = Allowance(self._requests.deadline_seconds * PATIENCE)
        new = not all(self._standings.knows(text) for text in texts)
        answers = await self._whole(texts, at, allowance)
        if not isinstance(answers, Fault):
            return answers
        until = asyncio.get_running_loop().time() + allowance.left
        found = await self._divided(texts, at, until, answers)
        failed = [text for text, it in zip(texts, found, strict=True) if _failed(it)]
        if not new and not any(isinstance(it, Fault) for it in found):
            self._width.failed(len(texts))  # One that is new may be no vector, or slow.
        elif len(failed) < len(texts):  # Where all fail, it is nobody's fault.
            for text in failed:
                self._standings.blamed(text)
        return found

    async def _whole(
        self, texts: Sequence[str], at: datetime, allowance: Allowance
    ) -> list[Answered] | Fault:
        """The answers to a batch, or why it failed."""
        try:
            reply = await self._requests.ask(compose(texts), at, allowance=allowance)
            answers = self._taken_apart(texts, reply)
        except UnsentError as error:  # Nor would any of them have been sent alone.
            return [_unsent(error.fault)] * len(texts)
        except FaultError as error:
            self._telemetry.batched(self._source, "divided")
            return error.fault
        self._telemetry.batched(self._source, "answered")
        self._telemetry.queried(self._source, "batched", len(texts))
        self._width.worked()
        return answers

    def _taken_apart(self, texts: Sequence[str], reply: Reply) -> list[Answered]:
        """What each query was answered.

        Raises:
            FaultError: the server did not answer what it was asked.
        """
        try:
            answers: list[Answered] = [*split(reply.data, len(texts))]
        except UnlikeBatchError as error:
            raise FaultError(Reason.MALFORMED_ANSWER, str(error)) from None
        self._standings.answered_together(texts, seconds=reply.seconds, size=reply.size)
        return answers

    async def _divided(
        self, texts: Sequence[str], at: datetime, until: float, fault: Fault
    ) -> list[Answered]:
        """The answers to a batch that failed so, by asking in smaller parts.

        Until then, in the event loop's time, and waiting included: each part has a turn of its
        own, and behind a crowd they would add up. After that each query is asked alone.
        """
        if of_the_server(fault):
            return await self._doubted(texts, at, until)
        if fault.reason is Reason.TIMEOUT:
            return await self._parts([[text] for text in texts], at, until)
        return await self._parts(_halves(texts), at, until)

    async def _doubted(self, texts: Sequence[str], at: datetime, until: float) -> list[Answered]:
        """The same, where the server may be down: two that fail alone, too, are enough to see it.

        Else an outage would cost more than ever. Any two: a gateway may cut off a certain query,
        and the others shall not go down with it.
        """
        asked: dict[int, Answered] = {}
        for place in random.sample(range(len(texts)), 2):
            answer = asked[place] = await self.alone(texts[place], at)
            if not isinstance(answer, Fault) or not of_the_server(answer):
                break
            if len(asked) > 1:
                return [_unsent(answer)] * len(texts)
        rest = [text for place, text in enumerate(texts) if place not in asked]
        answers = iter(await self._parts(_halves(rest), at, until))
        return [asked[place] if place in asked else next(answers) for place in range(len(texts))]

    async def _parts(
        self, parts: Sequence[Sequence[str]], at: datetime, until: float
    ) -> list[Answered]:
        """The answers to all parts, which are asked at the same time."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._part(part, at, until)) for part in parts]
        return [answer for task in tasks for answer in task.result()]

    async def _part(self, texts: Sequence[str], at: datetime, until: float) -> list[Answered]:
        if len(texts) == 1:
            return [await self.alone(texts[0], at)]
        left = until - asyncio.get_running_loop().time()
        answers: list[Answered] | Fault = _TOO_LONG
        if left >= self._requests.deadline_seconds * _TOO_LATE:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    answers = await self._whole(texts, at, Allowance(left))
        if isinstance(answers, Fault):
            return await self._divided(texts, at, until, answers)
        return answers


_TOO_LONG = Fault(reason=Reason.TIMEOUT, message="the batch took too long")


def _halves(texts: Sequence[str]) -> list[Sequence[str]]:
    middle = len(texts) // 2
    return [half for half in (texts[:middle], texts[middle:]) if half]


def _failed(answer: Answered) -> bool:
    return isinstance(answer, Fault) and not isinstance(answer, Unsent)


def _unsent(fault: Fault) -> Unsent:
    return Unsent(reason=fault.reason, message=fault.message)
