"""`make bench-counts`: what a check costs in things that can be counted, whatever the clock says.

Three parts: the start of an operator that finds its policies there, a steady time, and one in
which policies change their verdict on every run. The figures are compared with `baseline.json`.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.comparing import Line, compare, least
from tests.bench.estate import Estate
from tests.bench.readings import Reader, Reading
from tests.bench.reckoning import difference
from tests.bench.rig import Cores, Rig, rig
from tests.bench.watching import StatusWatch

from governor_local.cli import ended_by_signals
from governor_local.postgresql import PostgresServer

BASELINE = Path(__file__).with_name("baseline.json")
RENEW = "make bench-counts RENEW=1"

INTERVAL = 5
STEADY = Estate(policies=40, interval=INTERVAL)
FLIPPING = Estate(policies=10, interval=INTERVAL, flipping=10, name="flip")
WINDOW = 15
"""Seconds; whole intervals, so that it does not matter where in one it begins."""
SETTLING = 2 * INTERVAL
PATIENCE = 60
ATTEMPTS = 3
"""At most; the least of each figure is compared."""
LEAST_SHARE = 0.9
"""Of the expected checks; with fewer, the figures are of another operator."""

_STRICT, _USUAL, _LOOSE, _BUNDLED = 0.02, 0.05, 0.15, 0.35
TOLERANCES = {
    "start: status writes a policy": _STRICT,
    "start: other API calls a policy": _USUAL,
    "start: sink statements a policy": _LOOSE,
    "start: bytes to etcd a policy": _USUAL,
    "steady: requests to Prometheus a check": _BUNDLED,
    "steady: bytes from Prometheus a check": _USUAL,
    "steady: governed statements a check": _BUNDLED,
    "steady: sink statements a check": _BUNDLED,
    "steady: status writes a check": _STRICT,
    "steady: other API calls a check": _STRICT,
    "steady: Python calls a check": _LOOSE,
    "steady: objects made a check": _LOOSE,
    "flips: status writes a flip": _LOOSE,
    "flips: other API calls a flip": _LOOSE,
    "flips: sink statements a flip": _BUNDLED,
    "flips: bytes to etcd a flip": _LOOSE,
}
"""By so great a share each may grow. What depends on how the event loop bundles its work gets
more: how many queries share a batch, how many ends a transaction."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What has been counted so far."""

    reading: Reading
    statements: dict[str, int]
    """PostgreSQL server → statements of anybody but its administrator."""
    flips: int
    """Changes of a policy's verdict."""

    def since(self, earlier: "Tally") -> dict[str, float]:
        """What was added, by what is common to all parts."""
        now, then = self.reading, earlier.reading
        operator = now.operator.minus(then.operator)
        requests = now.apiserver.minus(then.apiserver).by(
            "apiserver_request_total", "verb", "resource", "subresource"
        )
        ours = {key: count for key, count in requests.items() if key[1] in _RESOURCES}
        writes = ours.get(("PUT", "governancepolicies", "status"), 0.0)
        prometheus = now.prometheus.minus(then.prometheus)
        query = {"handler": "/api/v1/query"}
        return {
            "flips": self.flips - earlier.flips,
            "checks": operator.total("governor_probe_duration_seconds_count"),
            "faults": operator.total("governor_probe_faults_total"),
            "status writes": writes,
            # Lists and watches follow the clock: what is compared every two minutes.
            "other API calls": sum(
                count for (verb, *_), count in ours.items() if verb not in ("LIST", "WATCH")
            )
            - writes,
            "requests to Prometheus": prometheus.total("prometheus_http_requests_total", **query),
            "bytes from Prometheus": prometheus.total(
                "prometheus_http_response_size_bytes_sum", **query
            ),
            "bytes to etcd": now.etcd.minus(then.etcd).total(
                "etcd_network_client_grpc_received_bytes_total"
            ),
            **{
                f"{server} statements": count
                for server, count in difference(self.statements, earlier.statements).items()
            },
        }


_RESOURCES = ("governancepolicies", "events", "configmaps", "secrets")


class DisturbedError(Exception):
    """What was counted is of an operator that did not do what it was to."""


@ended_by_signals()
def main() -> int:
    """Counts and compares; 1 if something has grown beyond its tolerance, in every attempt."""
    parser = argparse.ArgumentParser(prog="make bench-counts", description=__doc__)
    parser.add_argument("--renew", action="store_true")
    given = parser.parse_args()
    cores = Cores.take()
    known = {} if given.renew else _known()
    counts: list[dict[str, float]] = []
    lines: list[Line] = []
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with rig(cores) as made:
                counts.append(count(made))
        except DisturbedError as error:
            print(f"attempt {attempt}: {error}", flush=True)
            continue
        lines = compare(least(*counts), known, TOLERANCES)
        grown = [line.name for line in lines if line.regressed]
        if not grown:
            break
        print(f"attempt {attempt}: more than is tolerated: {', '.join(grown)}", flush=True)
    if not counts:
        raise SystemExit("Run it again on a machine that is less busy; see the operator's log.")
    if given.renew:
        _renew(counts[0])
        return 0
    return _report(lines)


_PYTHON = ".".join(platform.python_version_tuple()[:2])


def _known() -> Mapping[str, float]:
    """The baseline's figures; those of another Python without its calls."""
    baseline = json.loads(BASELINE.read_text())
    known: dict[str, float] = baseline["figures"]
    if baseline["python"] == _PYTHON:
        return known
    print(f"the baseline is of Python {baseline['python']}, this is {_PYTHON}: its calls differ")
    return {name: value for name, value in known.items() if "Python" not in name}


def _renew(found: Mapping[str, float]) -> None:
    figures = {name: round(value, 3) for name, value in found.items()}
    text = json.dumps({"python": _PYTHON, "figures": figures}, indent=1)
    BASELINE.write_text(f"{text}\n")
    print(f"{BASELINE.name} has the counts of now; commit it with what changed them")


def _report(lines: Sequence[Line]) -> int:
    for line in lines:
        print(line)
    if any(line.improved for line in lines):
        print(f"less than before: keep it so with {RENEW}")
    if any(line.regressed for line in lines):
        print(f"more than is tolerated: find out why, or if it is worth it, {RENEW}")
        return 1
    print(f"nothing grew beyond its tolerance, of {len(lines)} figures")
    return 0


def count(made: Rig) -> dict[str, float]:
    """The figures by name.

    Raises:
        DisturbedError: the operator did not measure what it was to.
    """
    stack = made.stack
    for server in (stack.governed, stack.sink):
        server.configure(log_statement="all")
    made.apply(STEADY)
    with StatusWatch(stack) as watch:
        counter = Counter(made, Reader(made), watch)
        before = counter.tally()
        made.operator.start()
        watch.wait(STEADY.name, STEADY.policies, PATIENCE)
        start = counter.tally().since(before)
        time.sleep(SETTLING)
        with made.operator.profiled(made.folder / "profile") as profile:
            checks = counter.checks()
            steady = counter.window(STEADY.checks)
            checks = counter.checks() - checks
        made.apply(FLIPPING)
        watch.wait(FLIPPING.name, FLIPPING.policies, PATIENCE)
        time.sleep(SETTLING)
        flips = counter.window(STEADY.checks + FLIPPING.checks)
    if not flips["flips"]:
        raise DisturbedError("no verdict changed where all were to change")
    steady |= {
        "Python calls": profile["calls"] * steady["checks"] / checks,
        "objects made": profile["objects"] * steady["checks"] / checks,
    }
    parts = {
        "start": ("policy", start, STEADY.policies),
        "steady": ("check", steady, steady["checks"]),
        "flips": ("flip", flips, flips["flips"]),
    }
    return {
        name: added[what] / number
        for name in TOLERANCES
        for part, (each, added, number) in parts.items()
        for what in added
        if name == f"{part}: {what} a {each}"
    }


@dataclass(frozen=True, slots=True)
class Counter:
    """Takes tallies."""

    made: Rig
    reader: Reader
    watch: StatusWatch

    def tally(self) -> Tally:
        """Everything, now."""
        servers = (self.made.stack.governed, self.made.stack.sink)
        return Tally(
            self.reader.read(), {each.name: _statements(each) for each in servers}, self.watch.flips
        )

    def checks(self) -> float:
        """So many were measured so far."""
        return self.reader.operator().total("governor_probe_duration_seconds_count")

    def window(self, checks: int) -> dict[str, float]:
        """What is added in one window, in which so many checks are measured at each interval.

        Raises:
            DisturbedError: they were not.
        """
        before = self.tally()
        time.sleep(max(before.reading.at + WINDOW - time.monotonic(), 0))
        added = self.tally().since(before)
        expected = checks * WINDOW / INTERVAL
        if added["checks"] < LEAST_SHARE * expected or added["faults"]:
            raise DisturbedError(
                f"{added['checks']:.0f} checks of {expected:.0f} were made and"
                f" {added['faults']:.0f} failed: the counts would mean nothing"
            )
        return added


def _statements(server: PostgresServer) -> int:
    """So many its log has of anybody but the administrator, who is us."""
    with server.log.open(errors="replace") as log:
        return sum(
            (" LOG:  statement:" in line or " LOG:  execute " in line) and "postgres@" not in line
            for line in log
        )


if __name__ == "__main__":
    sys.exit(main())
