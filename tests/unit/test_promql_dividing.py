"""However a batch fails, its queries are answered within one and a half of their timeout."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import pytest
from tests.support.builders import NOON
from tests.support.virtual_time import in_virtual_time

from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.adapters.prometheus.batches import MARK
from governor.adapters.prometheus.dividing import Divider
from governor.adapters.prometheus.queries import Reply, Requests
from governor.adapters.prometheus.standings import Standings
from governor.adapters.prometheus.widths import Width
from governor.adapters.web.allowances import Allowance
from governor.adapters.web.exchange import UnsentError
from governor.values.outcomes import Fault, FaultError
from governor.values.reasons import Reason

DEADLINE = 5.0
QUERIES = [f"vector({number})" for number in range(64)]
EMPTY = {"resultType": "vector", "result": []}

Refuse = Callable[[str], FaultError | None]
"""Why a batch is refused; None: it hangs until its time is over."""


class Scripted(Requests):
    """A server that does what a test says."""

    def __init__(self) -> None:
        """Connects to nothing."""

    @property
    def deadline_seconds(self) -> float:
        return DEADLINE


class Proxied(Scripted):
    """A server whose proxy lets single queries through, slowly, and no batch."""

    def __init__(self, alone: float, batch: float, refuse: Refuse) -> None:
        super().__init__()
        self._alone = alone
        self._batch = batch
        self._refuse = refuse

    async def ask(
        self, expression: str, at: datetime, *, allowance: Allowance | None = None
    ) -> Reply:
        del at
        if MARK not in expression:
            await asyncio.sleep(self._alone)
            return Reply(data=EMPTY, seconds=self._alone, size=100)
        assert allowance is not None
        with allowance.passing() as until:
            try:
                async with asyncio.timeout_at(until):
                    await asyncio.sleep(self._batch)
                    if error := self._refuse(expression):
                        raise error
                    await asyncio.Event().wait()
            except TimeoutError:
                raise FaultError(Reason.TIMEOUT, "no whole answer within 5s") from None
        raise AssertionError("unreachable")


def _gateway(_: str) -> FaultError:
    return FaultError(Reason.SERVER_ERROR, "HTTP 502")


def _invalid(_: str) -> FaultError:
    return FaultError(Reason.QUERY_INVALID, "bad_data: parse error")


def _hangs(_: str) -> None:
    """It says nothing."""


@pytest.mark.parametrize("refuse", [_gateway, _invalid, _hangs])
@pytest.mark.parametrize(("alone", "batch"), [(0.001, 0.001), (1.0, 0.001), (0.5, 1.2), (4.9, 2.4)])
@in_virtual_time
async def test_a_batch_and_its_parts_take_half_a_timeout_at_most(
    refuse: Refuse, alone: float, batch: float
) -> None:
    """And each query that is asked alone after that, what it takes."""
    divider = Divider(
        Proxied(alone, batch, refuse),
        Standings(),
        Width(),
        source="p",
        telemetry=InMemoryTelemetry(),
    )

    answers = await divider.together(QUERIES, NOON)

    assert answers == [EMPTY] * len(QUERIES)
    first = alone if refuse is _gateway else 0  # asked alone to see whether it is the server
    assert asyncio.get_running_loop().time() <= DEADLINE / 2 + first + alone + 0.01


class Crowded(Scripted):
    """A server that is never reached: others are before it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def ask(
        self, expression: str, at: datetime, *, allowance: Allowance | None = None
    ) -> Reply:
        del expression, at, allowance
        self.asked += 1
        raise UnsentError(Reason.TIMEOUT, "16 requests are before it")


async def test_a_batch_that_is_never_sent_fails_without_asking_for_each() -> None:
    """Its queries have waited; that says nothing of them, so they may still join others."""
    crowded, standings, telemetry = Crowded(), Standings(), InMemoryTelemetry()
    for query in QUERIES:
        standings.answered_alone(query, joinable=True, seconds=0.01, size=100)
    divider = Divider(crowded, standings, Width(), source="p", telemetry=telemetry)

    answers = await divider.together(QUERIES, NOON)
    [alone] = [await divider.alone(QUERIES[0], NOON)]

    assert crowded.asked == 2
    assert {it.reason for it in (*answers, alone) if isinstance(it, Fault)} == {Reason.TIMEOUT}
    assert len(answers) == len(QUERIES)
    assert all(standings.of(query).joinable for query in QUERIES)
    assert not any(standings.of(query).alone for query in QUERIES)
    assert telemetry.batches["p", "divided"] == 0


class Choosy(Scripted):
    """A server behind a gateway that cuts one query off, and each batch with it."""

    async def ask(
        self, expression: str, at: datetime, *, allowance: Allowance | None = None
    ) -> Reply:
        del at, allowance
        if QUERIES[0] in expression:
            raise FaultError(Reason.SERVER_ERROR, "HTTP 504")
        return Reply(data=EMPTY, seconds=0.01, size=100)


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize("place", range(10))
async def test_one_that_a_gateway_cuts_off_is_found_out_wherever_it_is(
    place: int, known: bool
) -> None:
    """Whoever is asked about the server, its neighbours are answered."""
    standings = Standings()
    queries = [*QUERIES[1 : place + 1], QUERIES[0], *QUERIES[place + 1 : 10]]
    for query in queries if known else ():
        standings.answered_alone(query, joinable=True, seconds=0.01, size=100)
    divider = Divider(Choosy(), standings, Width(), source="p", telemetry=InMemoryTelemetry())

    answers = await divider.together(queries, NOON)

    assert isinstance(answers.pop(place), Fault)
    assert answers == [EMPTY] * 9
    assert [query for query in queries if standings.of(query).alone] == [QUERIES[0]]


class Limited(Scripted):
    """A server that has too many requests, until it has refused so many."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self._refusals = refusals

    async def ask(
        self, expression: str, at: datetime, *, allowance: Allowance | None = None
    ) -> Reply:
        del expression, at, allowance
        self._refusals -= 1
        if self._refusals >= 0:
            raise FaultError(Reason.SERVER_ERROR, "HTTP 429: too many outstanding requests")
        return Reply(data=EMPTY, seconds=0.01, size=100)


@pytest.mark.parametrize("refusals", range(1, 12))
async def test_too_many_requests_are_nobodys_fault(refusals: int) -> None:
    """Whichever is refused may join others the next time."""
    standings = Standings()
    for query in QUERIES:
        standings.answered_alone(query, joinable=True, seconds=0.01, size=100)
    divider = Divider(
        Limited(refusals), standings, Width(), source="p", telemetry=InMemoryTelemetry()
    )

    await divider.together(QUERIES, NOON)

    assert all(standings.of(query).may_join for query in QUERIES)


class Failing(Scripted):
    """A gateway whose server is gone from the nth request on."""

    def __init__(self, lasts: int, says: str) -> None:
        super().__init__()
        self.asked = 0
        self._lasts = lasts
        self._says = says

    async def ask(
        self, expression: str, at: datetime, *, allowance: Allowance | None = None
    ) -> Reply:
        del at, allowance
        self.asked += 1
        if MARK in expression or self.asked > self._lasts:
            raise FaultError(Reason.SERVER_ERROR, self._says)
        return Reply(data=EMPTY, seconds=0.01, size=100)


@pytest.mark.parametrize("says", ["HTTP 502", "HTTP 429: too many outstanding requests"])
@pytest.mark.parametrize(("lasts", "requests"), [(0, 3), (2, 8)], ids=["gone", "goes meanwhile"])
async def test_an_outage_costs_a_few_requests_and_nobodys_standing(
    lasts: int, requests: int, says: str
) -> None:
    """Also one that begins while a batch is divided."""
    failing, standings, width = Failing(lasts, says), Standings(), Width()
    for query in QUERIES:
        standings.answered_alone(query, joinable=True, seconds=0.01, size=100)
    wide = width.most
    divider = Divider(failing, standings, width, source="p", telemetry=InMemoryTelemetry())

    answers = await divider.together(QUERIES, NOON)

    assert failing.asked == requests
    assert sum(isinstance(answer, Fault) for answer in answers) == len(QUERIES) - (lasts > 0)
    assert all(standings.of(query).may_join for query in QUERIES)
    assert width.most == wide
