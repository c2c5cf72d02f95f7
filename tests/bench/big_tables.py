"""`make bench-tables`: built-in checks on tables of ten million rows.

Beside each, in the same run, the plain way: the rows that it judges are loaded into Python and
counted there. Each in a process of its own, so that its memory can be seen.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
from tests.support.big_tables import PROBES, fill, index
from tests.support.governed import AT, Governed, instrument

from governor.probes.base import SqlProbe
from governor.values.outcomes import Measurement
from governor_local.cli import ended_by_signals
from governor_local.stack import Stack

ROUNDS = 5
_STATUS = Path("/proc/self/status")

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


def by_loading(dsn: str, table: str) -> float:
    """Seconds in which a table's rows are loaded and counted."""
    columns, counts = _PLAIN[table]
    began = time.perf_counter()
    asyncio.run(_count(dsn, f"SELECT {columns} FROM {table}", counts))  # noqa: S608 - our own names
    return time.perf_counter() - began


async def _count(dsn: str, query: str, counts: Callable[[Any], bool]) -> int:
    connection = await asyncpg.connect(dsn, ssl=False)
    rows = await connection.fetch(query)
    await connection.close()
    return sum(map(counts, rows))


def by_the_check(dsn: str, table: str) -> float:
    """Seconds of one measurement, the median of several."""
    return statistics.median(asyncio.run(_measure(dsn, PROBES[table])))


async def _measure(dsn: str, probe: SqlProbe) -> list[float]:
    measuring = instrument(dsn, statementTimeout="30s")
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        outcome = await measuring.measure(probe, AT)
        seconds.append(time.perf_counter() - began)
        assert isinstance(outcome, Measurement), outcome
    await measuring.close()
    return seconds


def taken(way: Callable[[str, str], float], dsn: str, table: str) -> tuple[float, float]:
    """Seconds and peak bytes, beyond what a process takes that does nothing, of a fresh one."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_take, args=(way, dsn, table, theirs))
    process.start()
    theirs.close()  # else nobody would notice that the process failed
    answer: tuple[float, float] = ours.recv()
    process.join()
    return answer


def _take(way: Callable[[str, str], float], dsn: str, table: str, answer: Any) -> None:
    before = _peak()
    seconds = way(dsn, table)
    answer.send((seconds, _peak() - before))


def _peak() -> int:
    """The most bytes that this process ever had; getrusage's is its parent's, if that had more."""
    status = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


@ended_by_signals()
def main() -> int:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(prog="make bench-tables", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    count = parser.parse_args().rows
    with Stack.up(name="bench-tables") as stack:
        stack.governed.configure(shared_buffers="2GB")  # as for tables of that size
        stack.governed.restart()
        governed = Governed.create(stack.governed)
        for table in PROBES:
            print(f"filling {table} with {count:,} rows", flush=True)
            fill(governed, table, count)
        print("making the indexes", flush=True)
        index(governed)
        print(f"| {count:,} rows | the check | rows loaded into Python | ratio |")
        print("|---|---|---|---|")
        for table, probe in PROBES.items():
            check, little = taken(by_the_check, governed.dsn(), table)
            plain, much = taken(by_loading, governed.dsn(), table)
            print(
                f"| {type(probe).__name__} | {check * 1000:.1f} ms, {little / 2**20:.1f} MiB | "
                f"{plain:.1f} s, {much / 2**20:,.0f} MiB | {plain / check:,.0f} in time, "
                f"{much / little:,.0f} in memory |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
