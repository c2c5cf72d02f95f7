"""What a run of the bench found, reckoned from two readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench import reckoning
from tests.bench.readings import Reading

WRITES = ("POST", "PUT", "PATCH", "APPLY", "DELETE")
MOST_FAULTS = 0.001
"""So great a share of failed checks is an accident; more, and the figures mean nothing."""
AT_THE_ENDS = 0.01
"""So great a share of the expected runs may lie beyond the window's ends, or come in there."""
SECOND_START = "second_start_to_all_measured_seconds"
"""A figure that a run has only if it was asked for one."""
STALL = 0.1
"""Seconds of the event loop's lag that are called a stall."""
_MEBI = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """All that was read, in the order of time."""

    before: Reading
    after: Reading
    memory: Sequence[tuple[float, Mapping[str, float]]]
    """Moment, and each process' resident bytes, through the window."""
    runs: Sequence[tuple[float, float]]
    """Of every run that Prometheus saw: when it was evaluated, and how late."""
    expected_runs: float
    """So many it should have seen."""
    expected_checks: float
    """So many should have been measured, with and without series."""
    applied_seconds: float
    evaluated_seconds: float
    """From the operator's start until every policy was evaluated."""
    to_status: Sequence[float | None]
    """Seconds from the start of a `kubectl apply` to the policy's status; None: it never came."""


def figures(seen: Observations) -> dict[str, Any]:
    """All figures that a run is told by."""
    seconds = seen.after.at - seen.before.at
    operator = seen.after.operator.minus(seen.before.operator)
    checks = operator.total("governor_probe_duration_seconds_count")
    return {
        "window_seconds": seconds,
        "checks": checks,
        "checks_expected": seen.expected_checks,
        "checks_per_minute": 60 * checks / seconds,
        "faults": operator.total("governor_probe_faults_total"),
        "cpu_ms_per_check": _cpu(seen, checks),
        "cpu_share_of_a_core": _shares(seen, seconds),
        "cpu_seconds_of_others": _others(seen),
        "lateness_seconds": _lateness(seen),
        "probe_seconds": _histogram(operator.buckets("governor_probe_duration_seconds")),
        "event_loop": _event_loop(operator.buckets("governor_event_loop_lag_seconds")),
        "grid_drift_seconds": reckoning.drift(seen.runs),
        "memory": _memory(seen),
        "api": _api(seen, seconds),
        "etcd": _etcd(seen, seconds),
        "database_transactions_per_check": _transactions(seen, checks),
        "prometheus_requests_per_check": _queries(seen) / checks if checks else None,
        "apply_all_seconds": seen.applied_seconds,
        "start_to_all_evaluated_seconds": seen.evaluated_seconds,
        "kubectl_apply_to_status_seconds": _waits(seen.to_status),
    }


def disbelief(found: Mapping[str, Any]) -> str:
    """Why these figures are not of an operator that did its work; empty if they are."""
    faults, checks, due = found["faults"], found["checks"], found["checks_expected"]
    seen = found["lateness_seconds"]["runs_seen"]
    expected = found["lateness_seconds"]["runs_expected"]
    never = found["kubectl_apply_to_status_seconds"]["never"]
    wrong = {
        f"{checks:.0f} checks were made, not {due:.0f}": abs(checks - due) > AT_THE_ENDS * due,
        f"{faults:.0f} of {checks:.0f} checks failed": faults > MOST_FAULTS * checks,
        f"{seen} runs were seen, not {expected:.0f}": abs(seen - expected) > AT_THE_ENDS * expected,
        f"{never:.0f} of the policies applied later were never evaluated": never > 0,
        "after a restart not every check was measured": found.get(SECOND_START, 0.0) is None,
    }
    return ", ".join(what for what, holds in wrong.items() if holds)


def _cpu(seen: Observations, checks: float) -> dict[str, float | None]:
    spent = reckoning.difference(seen.after.cpu, seen.before.cpu)
    main = seen.after.main_thread - seen.before.main_thread
    parts = {
        **spent,
        "all": sum(spent.values()),
        "operator's main thread": main,
        "operator's other threads": spent["operator"] - main,
    }
    return {name: reckoning.milliseconds_each(used, checks) for name, used in parts.items()}


def _shares(seen: Observations, seconds: float) -> dict[str, float]:
    spent = reckoning.difference(seen.after.cpu, seen.before.cpu)
    return {name: used / seconds for name, used in spent.items()}


def _others(seen: Observations) -> float:
    """What the machine worked on beside what is measured: the bench itself, and strangers."""
    busy = sum(seen.after.busy.values()) - sum(seen.before.busy.values())
    return busy - sum(reckoning.difference(seen.after.cpu, seen.before.cpu).values())


def _lateness(seen: Observations) -> dict[str, float | None]:
    metric = seen.after.operator.minus(seen.before.operator).buckets("governor_lateness_seconds")
    late = [offset for _, offset in seen.runs]
    return {
        "p50": reckoning.quantile(late, 0.5),
        "p99": reckoning.quantile(late, 0.99),
        "max": max(late, default=None),
        "min": min(late, default=None),
        "runs_seen": len(late),
        "runs_expected": seen.expected_runs,
        "p50_by_metric": reckoning.bucket_quantile(metric, 0.5),
        "p99_by_metric": reckoning.bucket_quantile(metric, 0.99),
        "highest_bucket": reckoning.highest_bound(metric),
    }


def _histogram(buckets: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    return {
        "p50": reckoning.bucket_quantile(buckets, 0.5),
        "p99": reckoning.bucket_quantile(buckets, 0.99),
        "highest_bucket": reckoning.highest_bound(buckets),
    }


def _event_loop(buckets: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    return {**_histogram(buckets), "stalls_over_100_ms": reckoning.beyond(buckets, STALL)}


def _memory(seen: Observations) -> dict[str, dict[str, Any]]:
    found = {}
    for name in seen.memory[0][1]:
        points = [(at, of[name] / _MEBI) for at, of in seen.memory]
        found[name] = {
            "first_mib": points[0][1],
            "last_mib": points[-1][1],
            "max_mib": max(value for _, value in points),
            "growth_mib_per_hour": reckoning.growth_per_hour(points),
            "minutes_mib": reckoning.by_the_minute(points),
        }
    return found


def _api(seen: Observations, seconds: float) -> dict[str, dict[str, float]]:
    """Requests a minute, by verb and resource.

    Also those of the API server's own, which renews a Lease every 10 s.
    """
    requests = seen.after.apiserver.minus(seen.before.apiserver).by(
        "apiserver_request_total", "verb", "resource", "subresource"
    )
    told: dict[str, dict[str, float]] = {"writes_per_minute": {}, "reads_per_minute": {}}
    for (verb, *resource), count in sorted(requests.items()):
        if count and resource[0]:
            kind = "writes_per_minute" if verb in WRITES else "reads_per_minute"
            told[kind][f"{verb} {'/'.join(filter(None, resource))}"] = 60 * count / seconds
    return told


def _etcd(seen: Observations, seconds: float) -> dict[str, float]:
    added = seen.after.etcd.minus(seen.before.etcd)
    return {
        "received_bytes_per_minute": 60
        * added.total("etcd_network_client_grpc_received_bytes_total")
        / seconds,
    }


def _transactions(seen: Observations, checks: float) -> dict[str, float | None]:
    spent = reckoning.difference(seen.after.transactions, seen.before.transactions)
    return {name: count / checks if checks else None for name, count in spent.items()}


def _waits(seconds: Sequence[float | None]) -> dict[str, float | None]:
    came = [each for each in seconds if each is not None]
    return {
        "median": median(came) if came else None,
        "max": max(came, default=None),
        "never": float(len(seconds) - len(came)),
    }


def _queries(seen: Observations) -> float:
    served = seen.after.prometheus.minus(seen.before.prometheus)
    return served.total("prometheus_http_requests_total", handler="/api/v1/query")
