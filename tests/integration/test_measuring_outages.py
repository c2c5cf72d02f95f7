"""A way to a source that fails, in each way: the check says why, and measures again after it.

One instrument, on the real servers, behind a proxy; nothing is built anew.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url
from tests.support.governed import AT, AUTHOR, Governed, instrument
from tests.support.proxy import Proxy, proxy

from governor.adapters.prometheus import make_prometheus
from governor.api.source import PrometheusSource
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.probes.sql import Sql
from governor.values.outcomes import Fault, Measurement, Outcome
from governor.values.reasons import Reason
from governor_local.postgresql import PostgresServer
from governor_local.stack import Stack

PATIENCE = 30
GOOD = Measurement(value=1.0)
TIMEOUT = 3
"""Seconds that a measurement may take: more than a good one takes on a busy machine."""
SLOW = 4 * TIMEOUT


@dataclass(frozen=True)
class Source:
    """One that is measured from, and the way to it."""

    measure: Callable[[], Awaitable[Outcome]]
    way: Proxy


@pytest.fixture
async def database(governed_server: PostgresServer) -> AsyncIterator[Source]:
    """The governed PostgreSQL."""
    governed = Governed.create(governed_server)
    probe = Sql.model_validate({"sourceRef": {"name": "platform"}, "query": "SELECT 1"})
    with proxy(governed_server.port) as way:
        dsn = make_url(governed.dsn(AUTHOR)).set(port=way.port)
        text = dsn.render_as_string(hide_password=False)
        made = instrument(text, text, statementTimeout=f"{TIMEOUT}s")
        yield Source(lambda: made.measure(probe, AT), way)
        await made.close()


@pytest.fixture
async def prometheus(stack: Stack) -> AsyncIterator[Source]:
    """Prometheus."""
    probe = Promql(source_ref=SourceRef(name="prometheus"), query="vector(1)")
    with proxy(stack.prometheus.port) as way:
        url = f"http://127.0.0.1:{way.port}"
        spec = PrometheusSource.model_validate({"url": url, "timeout": f"{TIMEOUT}s"})
        made = make_prometheus("prometheus", spec, {})
        yield Source(lambda: made.measure(probe, AT), way)
        await made.close()


@pytest.fixture(params=["database", "prometheus"])
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    """Each of them."""
    made: Source = request.getfixturevalue(request.param)
    yield made
    made.way.well()


async def measured_well(source: Source) -> None:
    """Waits until it is."""
    until = time.monotonic() + PATIENCE
    while (outcome := await source.measure()) != GOOD:
        assert time.monotonic() < until, outcome
        await asyncio.sleep(0.05)


OUTAGES: dict[str, tuple[Callable[[Proxy], None], set[Reason]]] = {
    "down": (Proxy.refuse, {Reason.UNREACHABLE}),
    "hangs": (Proxy.hang, {Reason.TIMEOUT, Reason.UNREACHABLE}),
    "slow": (lambda way: way.slow(SLOW), {Reason.TIMEOUT, Reason.UNREACHABLE}),
    "breaks off": (lambda way: way.break_off(5), {Reason.UNREACHABLE, Reason.MALFORMED_ANSWER}),
}


@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_check_says_why_and_measures_again(source: Source, outage: str) -> None:
    """Over connections that were kept, and over new ones; each within its deadline."""
    breaking, reasons = OUTAGES[outage]
    await measured_well(source)
    breaking(source.way)
    for _ in range(2):
        started = time.monotonic()
        outcome = await source.measure()
        assert isinstance(outcome, Fault)
        assert outcome.reason in reasons
        assert time.monotonic() - started < PATIENCE
    source.way.well()

    await measured_well(source)


async def test_a_half_open_connection_costs_one_measurement(source: Source) -> None:
    """It is not used again; nobody waits for the kernel to give it up."""
    await measured_well(source)
    source.way.lose()
    outcome = await source.measure()

    assert isinstance(outcome, Fault)
    assert outcome.reason in {Reason.TIMEOUT, Reason.UNREACHABLE}
    assert await source.measure() == GOOD


async def test_connections_that_were_cut_while_idle_are_not_noticed(source: Source) -> None:
    """As after a restart of the server or of something between."""
    await measured_well(source)
    source.way.cut()

    assert await source.measure() == GOOD
