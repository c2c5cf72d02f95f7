"""`make bench-tables`: built-in checks on tables of ten million rows.

Beside each, in the same run, the plain way: the rows that it judges are loaded into Python and
counted there, in a process of its own, so that its memory can be seen.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import asyncpg
from tests.support.big_tables import PROBES, fill, index
from tests.support.governed import AT, Governed

from governor.values.outcomes import Measurement
from governor_local.stack import Stack

ROUNDS = 5

_PLAIN = {
    "knowledge_entries": ("status, updated_at", lambda row: row[0] != "archived"),
    "incident_evidence": ("verification_result, collected_at", lambda row: row[0] is not None),
    "auto_repair_executions": ("success, created_at", lambda row: row[0] is not None),
    "playbooks": (
        "status, trust_score",
        lambda row: row[0] not in ("deprecated", "archived"),
    ),
}
"""Table → what is loaded of it, and which rows count."""


def loaded(dsn: str, table: str, answer: Any) -> None:
    """Seconds and peak bytes of loading a table and counting its rows; runs by itself."""
    columns, counts = _PLAIN[table]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    total = asyncio.run(_count(dsn, f"SELECT {columns} FROM {table}", counts))  # noqa: S608 - our own names
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer.send((seconds, (peak - before) * 1024, total))


async def _count(dsn: str, query: str, counts: Callable[[Any], bool]) -> int:
    connection = await asyncpg.connect(dsn, ssl=False)
    rows = await connection.fetch(query)
    await connection.close()
    return sum(map(counts, rows))


def by_loading(dsn: str, table: str) -> tuple[float, float, int]:
    """What `loaded` answers, from a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=loaded, args=(dsn, table, theirs))
    process.start()
    answer: tuple[float, float, int] = ours.recv()
    process.join()
    return answer


async def by_the_check(governed: Governed, table: str) -> float:
    """Seconds of one measurement, the median of several."""
    seconds = []
    async with governed.measuring(statementTimeout="30s") as instrument:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            outcome = await instrument.measure(PROBES[table], AT)
            seconds.append(time.perf_counter() - began)
            assert isinstance(outcome, Measurement), outcome
    return statistics.median(seconds)


def main() -> int:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(prog="make bench-tables", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    count = parser.parse_args().rows
    with Stack.up(name="bench-tables") as stack:
        governed = Governed.create(stack.governed)
        for table in PROBES:
            print(f"filling {table} with {count:,} rows", flush=True)
            fill(governed, table, count)
        print("making the indexes", flush=True)
        index(governed)
        print(f"| {count:,} rows | the check | rows loaded into Python | ratio of times |")
        print("|---|---|---|---|")
        for table, probe in PROBES.items():
            check = asyncio.run(by_the_check(governed, table))
            dsn = governed.server.dsn(database=governed.name)
            seconds, memory, _ = by_loading(dsn, table)
            print(
                f"| {type(probe).__name__} | {check * 1000:.1f} ms, no memory to speak of | "
                f"{seconds:.1f} s, {memory / 2**20:,.0f} MiB | {seconds / check:,.0f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
