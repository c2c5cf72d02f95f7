"""A server that answers like Prometheus and remembers what it was asked, and when."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.support.aside import Aside
from tests.support.http_world import Asked, answering_json, http_world, stalling


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One instant query as it came in."""

    text: str
    time: datetime
    """The moment that it asks about: the start of the run."""
    arrived: datetime


class RecordingPrometheus:
    """Answers every query with one series of its value, 1 at first, unless it hangs."""

    def __init__(self, *, hanging: bool = False) -> None:
        self.url = ""
        self.hanging = hanging
        self.value = 1
        self._queries: list[Query] = []

    def asked(self, text: str) -> list[Query]:
        """How often a query came in, in order."""
        return [query for query in tuple(self._queries) if query.text == text]

    @property
    def arrivals(self) -> list[datetime]:
        """When each query came in, in order."""
        return [query.arrived for query in tuple(self._queries)]

    async def behave(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """What http_world does with a request."""
        if "time" in asked.form:
            time = datetime.fromtimestamp(float(asked.form["time"]), UTC)
            query = Query(text=asked.form["query"], time=time, arrived=datetime.now(UTC))
            self._queries.append(query)
        series = {"metric": {}, "value": [0, str(self.value)]}
        answer = {"resultType": "vector", "result": [series]}
        data = answer if asked.path.endswith("/query") else {"version": "3.0.0"}
        respond = answering_json(200, {"status": "success", "data": data})
        await (stalling() if self.hanging else respond)(asked, writer)


@contextmanager
def recording_prometheus(*, hanging: bool = False) -> Iterator[RecordingPrometheus]:
    """Serves on a free port of 127.0.0.1 until the block ends, in a thread of its own."""
    prometheus = RecordingPrometheus(hanging=hanging)
    with Aside() as aside:
        prometheus.url = aside.enter(http_world(prometheus.behave)).url
        yield prometheus
