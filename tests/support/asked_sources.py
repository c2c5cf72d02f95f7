"""A source on a real Prometheus, and what it tells of its queries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.adapters.prometheus import PrometheusInstrument, make_prometheus
from governor.api.source import PrometheusSource
from governor.probes.base import SourceRef
from governor.probes.promql import Promql
from governor.values.outcomes import Measurement, Outcome

NOW = datetime.now(UTC).replace(microsecond=0)
THEN = NOW - timedelta(minutes=1)

GOOD = {f"vector({number})": Measurement(value=number) for number in range(2, 12)}


@dataclass
class Source:
    """One source's instrument, and what it tells of its queries."""

    instrument: PrometheusInstrument
    telemetry: InMemoryTelemetry

    async def ask(self, *queries: str, at: datetime = NOW) -> list[Outcome]:
        """The outcomes of checks that run at the same time."""
        probes = [Promql(source_ref=SourceRef(name="p"), query=query) for query in queries]
        return await asyncio.gather(*(self.instrument.measure(probe, at) for probe in probes))

    def queries(self, way: str) -> int:
        """How many were asked so."""
        return self.telemetry.queries["p", way]

    def batches(self, outcome: str) -> int:
        """How many ended so."""
        return self.telemetry.batches["p", outcome]


def source(url: str, **spec: Any) -> Source:
    """A source of that url and spec."""
    telemetry = InMemoryTelemetry()
    made = make_prometheus(
        "p", PrometheusSource.model_validate({"url": url, **spec}), {}, telemetry
    )
    return Source(made, telemetry)


@asynccontextmanager
async def open_source(url: str, **spec: Any) -> AsyncIterator[Source]:
    """The same, and closed in the end."""
    made = source(url, **spec)
    yield made
    await made.instrument.close()
