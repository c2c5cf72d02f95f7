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
@pytest.mark.parametrize("asked", range(10))
async def test_one_that_a_gateway_cuts_off_is_found_out_whoever_else_is_asked(
    asked: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is itself the one that is asked, it looks like an outage: another time it isn't."""
    monkeypatch.setattr("random.randrange", lambda _: asked)
    standings, queries = Standings(), QUERIES[:10]
    for query in queries if known else ():
        standings.answered_alone(query, joinable=True, seconds=0.01, size=100)
    divider = Divider(Choosy(), standings, Width(), source="p", telemetry=InMemoryTelemetry())

    cut_off, *others = await divider.together(queries, NOON)

    assert isinstance(cut_off, Fault)
    assert others == [cut_off if asked == 0 else EMPTY] * 9
    assert bool(standings.of(QUERIES[0]).alone) == (asked != 0)
    assert not any(standings.of(query).alone for query in queries[1:])


async def test_whom_a_failed_batch_is_asked_about_changes() -> None:
    """So what a gateway cuts off takes its neighbours down a few times at most."""
    standings, queries = Standings(), QUERIES[:10]
    divider = Divider(Choosy(), standings, Width(), source="p", telemetry=InMemoryTelemetry())

    for _ in range(20):  # once in 10^20 all of them ask the one
        answers = await divider.together(queries, NOON)
        if standings.of(QUERIES[0]).alone:
            break

    assert answers[1:] == [EMPTY] * 9
    assert standings.of(QUERIES[0]).alone
