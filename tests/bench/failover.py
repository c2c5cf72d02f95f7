"""`make bench-failover`: how long nobody evaluates when a leader of N policies dies or restarts.

Evaluating is seen where it arrives: in the number of queries that Prometheus has answered.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from threading import Event, Thread

import httpx
import yaml
from tests.bench.estate import PROMQL_CHECKS, Estate
from tests.bench.rig import apply_estate, governed_stack
from tests.bench.samples import Samples
from tests.bench.watching import StatusWatch
from tests.support.cluster import eventually
from tests.support.replica_pair import Pair, replica_pair

from governor_local import manifests
from governor_local.cli import ended_by_signals
from governor_local.stack import Stack

INTERVAL = 600
"""Seconds between two runs of a check; the checks' slots lie all over it."""
PATIENCE = 900
"""So long it may take until all policies are evaluated."""
_EVERY = 0.05
_ANSWERED = "prometheus_http_requests_total"


class Evaluations:
    """How many queries were answered, and when each further one was seen."""

    def __init__(self, stack: Stack) -> None:
        """Reads nothing yet."""
        self._client = httpx.Client(base_url=stack.prometheus.url, trust_env=False, timeout=30)
        self._seen: list[tuple[float, float]] = []
        self._over = Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Reads all the time, in a thread of its own, until the block ends."""
        thread = Thread(target=self._run, name="evaluations", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    @property
    def count(self) -> float:
        """So many so far."""
        return self._seen[-1][1] if self._seen else 0

    def since(self, moment: float) -> list[float]:
        """When more than before were seen, from a moment of the monotonic clock on."""
        grown = (b[0] for a, b in pairwise(list(self._seen)) if b[1] > a[1])
        return [at for at in grown if at >= moment]

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            text = self._client.get("/metrics").raise_for_status().text
            answered = Samples.parse(text, [_ANSWERED])
            total = answered.total(_ANSWERED, handler="/api/v1/query", code="200")
            self._seen.append((time.monotonic(), total))


def after_a_crash(pair: Pair, evaluations: Evaluations) -> float:
    """Seconds from a leader's SIGKILL to the first evaluation by the other."""
    pair.leader().kill()
    killed = time.monotonic()
    # One that was under way may still be answered.
    return eventually(lambda: evaluations.since(killed + 1), PATIENCE)[0] - killed


def rolling(pair: Pair, evaluations: Evaluations) -> float:
    """The longest time without an evaluation while each of both is stopped and started in turn.

    As a Deployment does it: one that is ready is given time before the other is stopped.
    """
    pause = _min_ready_seconds()
    time.sleep(pause)
    begun = time.monotonic()
    for _ in range(2):
        leader = pair.leader()
        leader.stop()
        pair.leader()
        leader.start()
        time.sleep(pause)
    ended = time.monotonic()
    eventually(lambda: evaluations.since(ended), PATIENCE)
    return max(later - earlier for earlier, later in pairwise([begun, *evaluations.since(begun)]))


def _min_ready_seconds() -> float:
    text = (manifests.DEPLOY / "base" / "deployment.yaml").read_text(encoding="utf-8")
    return float(yaml.safe_load(text)["spec"]["minReadySeconds"])


@ended_by_signals()
def main() -> int:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(prog="make bench-failover", description=__doc__)
    parser.add_argument("--policies", type=int, default=100)
    policies = parser.parse_args().policies
    if policies < 1:
        parser.error("N must be 1 or more")
    estate = Estate(policies=policies, interval=INTERVAL)
    queries = PROMQL_CHECKS * estate.policies
    with governed_stack() as (stack, installation, _):
        apply_estate(stack, estate)
        _say(f"{estate.policies} policies are applied; two operators start")
        evaluations = Evaluations(stack)
        with (
            StatusWatch(stack) as watch,
            evaluations.watched(),
            replica_pair(stack, installation) as pair,
        ):
            watch.wait(estate.name, estate.policies, PATIENCE)
            eventually(lambda: evaluations.count >= queries, PATIENCE)
            _say("all are evaluated; the leader is killed")
            after = after_a_crash(pair, evaluations)
            _say("both restart, one after the other")
            pair.other(pair.leader()).start()
            eventually(lambda: all(each.running for each in pair.both))
            gap = rolling(pair, evaluations)
    print("| | |", "|---|---|", sep="\n")
    print(f"| policies × checks, every {INTERVAL} s | {estate.policies} × {PROMQL_CHECKS + 1} |")
    print(f"| leader killed: another evaluates | {after:.1f} s after |")
    print(f"| rolling restart of both: longest time without an evaluation | {gap:.1f} s |")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
