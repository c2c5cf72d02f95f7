"""`make bench-sink`: how fast findings that open at once get into the sink.

Beside it, in the same run and on the same server, what a bare driver takes for the same rows:
asyncpg's `executemany`, one transaction, nothing merged, the rows made ready before.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg

from governor.adapters.sink.engine import make_engine
from governor.adapters.sink.migrating import migrate
from governor.adapters.sink.postgres import PostgresSink
from governor.adapters.sink.tables import EVENTS, events
from governor.adapters.sink.upserts import event_row
from governor.app.ports import Episode
from governor_local.cli import ended_by_signals
from governor_local.postgresql import PostgresServer
from governor_local.stack import Stack

ROUNDS = 5
_AT = datetime(2026, 11, 26, tzinfo=UTC)


def findings(count: int) -> list[Episode]:
    """So many that open now, each of another policy."""
    impact = {"stale_count": 317, "total_count": 1000, "stale_ratio": 0.317, "threshold": 0.2}
    details = {
        "status": "warning",
        "message": "31.7 % of 1000 knowledge entries are stale; the red line is 20 %",
        "impact": impact,
        "items": ["Find out whether what feeds the knowledge base still runs"] * 3,
        "next_action": "run_kb_growth_healthcheck",
    }
    return [
        Episode(
            id=uuid4(),
            event_type="knowledge_degradation",
            details=details,
            namespace=f"team-{number % 10}",
            policy=f"policy-{number:05}",
            policy_uid=str(uuid4()),
            generation=1,
            check_name="knowledge",
            severity="warning",
            opened_at=_AT + timedelta(milliseconds=number),
            last_seen_at=_AT + timedelta(milliseconds=number),
        )
        for number in range(count)
    ]


async def by_the_sink(url: str, count: int) -> float:
    """Findings a second, all recorded at once as the lanes of their policies would."""
    sink = PostgresSink(make_engine(url, tls_mode="Disable"), "governance", "drained")
    await sink.ping()
    opened = findings(count)
    began = time.perf_counter()
    await asyncio.gather(*map(sink.record, opened))
    seconds = time.perf_counter() - began
    await sink.close()
    return count / seconds


async def by_the_driver(url: str, count: int) -> float:
    """Rows a second, by `executemany`."""
    connection = await asyncpg.connect(url, ssl=False)
    names = [column.name for column in events.columns]
    marks = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    insert = f"INSERT INTO governance.{EVENTS} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
    rows = [_ready(event_row(episode, "bare"), names) for episode in findings(count)]
    began = time.perf_counter()
    async with connection.transaction():
        await connection.executemany(insert, rows)
    seconds = time.perf_counter() - began
    await connection.close()
    return count / seconds


def _ready(row: dict[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(json.dumps(row[name]) if name == "details" else row[name] for name in names)


async def measured(server: PostgresServer, count: int) -> tuple[list[float], list[float]]:
    """Rates of the sink and of the driver, round by round: each in a database of its own."""
    sink, driver = [], []
    for number in range(ROUNDS):
        for way, rates in ((by_the_driver, driver), (by_the_sink, sink)):
            name = f"{way.__name__}_{number}"
            server.execute(f"CREATE DATABASE {name}")
            url = server.dsn(database=name)
            await migrate(url, "governance", tls_mode="Disable")
            rates.append(await way(url, count))
    return sink, driver


@ended_by_signals()
def main() -> int:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(prog="make bench-sink", description=__doc__)
    parser.add_argument("--findings", type=int, default=10_000)
    count = parser.parse_args().findings
    with Stack.up(name="bench-sink") as stack:
        sink, driver = asyncio.run(measured(stack.sink, count))
    ratio = statistics.median(ours / bare for ours, bare in zip(sink, driver, strict=True))
    print(f"| {count} findings, median of {ROUNDS} rounds | |", "|---|---|", sep="\n")
    print(f"| the sink | {statistics.median(sink):,.0f} a second |")
    print(f"| asyncpg's executemany | {statistics.median(driver):,.0f} a second |")
    print(f"| ratio, round by round | {ratio:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
