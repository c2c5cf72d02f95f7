"""The operator's metrics, on a registry of their own."""

import platform
from collections.abc import Callable, Sequence
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from governor import __version__
from governor.api.log import Entry
from governor.api.status import PolicyStatus
from governor.app.history import SHED
from governor.app.ports import ObjectKey, Telemetry
from governor.telemetry.policies import PolicySeries
from governor.values.outcomes import Fault, Outcome
from governor.values.reasons import Reason

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of no use

_LATENESS_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_PROBE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_END = b"# EOF\n"
"""The last line of OpenMetrics."""

_NO_SUCH_SOURCE = ""
"""Label of faults on sources that do not exist: a series for every name that a policy
could make up would never go away."""


class PrometheusTelemetry(Telemetry):
    """Counts and gauges for Prometheus."""

    def __init__(self, *, now: Callable[[], datetime], most_checks: int, cluster: str = "") -> None:
        """Registers every metric.

        Args:
            now: the wall clock.
            most_checks: so many checks at most get series of their own.
            cluster: the cluster's name for people, a label of `governor_build_info`.
        """
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._policies = PolicySeries(now=now, most_checks=most_checks)
        self._lateness = Histogram(
            "governor_lateness_seconds",
            "Seconds between the time of a slot and the start of its run.",
            buckets=_LATENESS_BUCKETS,
            registry=registry,
        )
        self._lag = Histogram(
            "governor_event_loop_lag_seconds",
            "Seconds by which the event loop woke too late, looked at every 0.1 s.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._durations = Histogram(
            "governor_probe_duration_seconds",
            "Seconds that measuring took, by kind of probe and source.",
            ("kind", "source"),
            buckets=_PROBE_BUCKETS,
            registry=registry,
        )
        self._faults = Counter(
            "governor_probe_faults_total",
            "Measurings that failed, by source and reason. No source: there is none of the name.",
            ("source", "reason"),
            registry=registry,
        )
        self._queries = Counter(
            "governor_promql_queries_total",
            "Queries of promql checks, by source and way: alone or batched in a request, or"
            " shared with another check that was just asking the same.",
            ("source", "way"),
            registry=registry,
        )
        self._batches = Counter(
            "governor_promql_batches_total",
            "Requests with several queries, by source and outcome: answered, or divided as one"
            " of the queries failed, was slow or warned.",
            ("source", "outcome"),
            registry=registry,
        )
        self._deliveries = Counter(
            "governor_deliveries_total",
            "Ends of attempts to tell a transition, by target and outcome.",
            ("target", "outcome"),
            registry=registry,
        )
        self._overdue = Gauge(
            "governor_policies_overdue",
            "Policies with a slot that has waited for two ticks.",
            registry=registry,
        )
        self._ever_overdue = Counter(
            "governor_overdue_total",
            "How often a policy became overdue, and was evaluated without its timer.",
            registry=registry,
        )
        self._missed = Counter(
            "governor_missed_total",
            "Changes that no watch told, by kind and whether the object is gone or seen.",
            ("kind", "change"),
            registry=registry,
        )
        self._vanished = Counter(
            "governor_vanished_total",
            "Findings ended whose policy is no more, as nobody saw it go; and policies doubted:"
            " too many seemed to be gone at once.",
            ("outcome",),
            registry=registry,
        )
        self._source_ready = Gauge(
            "governor_source_ready",
            "1 if the source answered when it was last probed, else 0.",
            ("source",),
            registry=registry,
        )
        self._mutes = Gauge(
            "governor_mutes",
            "Mutes of a policy, by state: active, or refused, which are not honoured.",
            ("namespace", "policy", "state"),
            registry=registry,
        )
        self._channel_ready = Gauge(
            "governor_channel_ready",
            "1 if the channel can be told and took what it was last told, else 0.",
            ("channel",),
            registry=registry,
        )
        self._stored = Counter(
            "governor_measurements_stored_total",
            "Values that were stored for the history of checks.",
            registry=registry,
        )
        self._shed = Counter(
            "governor_measurements_shed_total",
            "Values that the history of checks will not have, by reason. Findings are never shed.",
            ("reason",),
            registry=registry,
        )
        self._waiting = Gauge(
            "governor_measurements_waiting",
            "Values that wait to be stored for the history of checks.",
            registry=registry,
        )
        for reason in SHED:
            self._shed.labels(reason)  # a first one must be seen as an increase
        self._leader = Gauge(
            "governor_leader",
            "1 while this replica leads, else 0. Only the leader has series of objects.",
            registry=registry,
        )
        self._takeovers = Counter(
            "governor_leader_takeovers_total",
            "How often this replica began to lead.",
            registry=registry,
        )
        Gauge(
            "governor_build_info",
            "Always 1; the labels say what runs.",
            ("version", "python", "cluster"),
            registry=registry,
        ).labels(__version__, platform.python_version(), cluster).set(1)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """What a scrape is answered, and its type; may be asked from another thread.

        Args:
            accept: the request's header of that name.
        """
        encode, content_type = choose_encoder(accept)
        text = encode(self._registry)
        end = _END if text.endswith(_END) else b""
        return text.removesuffix(end) + self._policies.text().encode() + end, content_type

    def evaluated(self, key: ObjectKey, status: PolicyStatus) -> None:
        """The latest status of a policy."""
        self._policies.evaluated(key, status)

    def forgotten(self, key: ObjectKey) -> None:
        """The policy's series go."""
        self._policies.forgotten(key)

    def left(self, key: ObjectKey, pending: Sequence[Entry]) -> None:
        """What a deleted policy has left counts as pending."""
        self._policies.left(key, pending)

    def late(self, seconds: float) -> None:
        """A slot was started so long after its time; never before it."""
        self._lateness.observe(max(seconds, 0.0))

    def lagged(self, seconds: float) -> None:
        """The event loop woke so much too late."""
        self._lag.observe(seconds)

    def probed(self, kind: str, source: str, seconds: float, outcome: Outcome) -> None:
        """A probe took so long and yielded this."""
        unknown = isinstance(outcome, Fault) and outcome.reason is Reason.SOURCE_NOT_FOUND
        source = _NO_SUCH_SOURCE if unknown else source
        self._durations.labels(kind, source).observe(seconds)
        if isinstance(outcome, Fault):
            self._faults.labels(source, outcome.reason).inc()

    def queried(self, source: str, way: str, count: int) -> None:
        """So many queries were asked in that way."""
        self._queries.labels(source, way).inc(count)

    def batched(self, source: str, outcome: str) -> None:
        """A batch ended."""
        self._batches.labels(source, outcome).inc()

    def delivered(self, target: str, outcome: str) -> None:
        """A delivery ended."""
        self._deliveries.labels(target, outcome).inc()

    def ticked(self) -> None:
        """A timer fired."""
        self._policies.ticked()

    def overdue(self, *, now: int, begun: int) -> None:
        """What is overdue now, and what became so."""
        self._overdue.set(now)
        self._ever_overdue.inc(begun)

    def missed(self, kind: str, *, gone: int, seen: int) -> None:
        """What no watch told of a kind."""
        self._missed.labels(kind, "gone").inc(gone)
        self._missed.labels(kind, "seen").inc(seen)

    def vanished(self, *, ended: int, doubted: int) -> None:
        """What no deletion was seen of."""
        self._vanished.labels("ended").inc(ended)
        self._vanished.labels("doubted").inc(doubted)

    def mutes(self, namespace: str, policy: str, *, active: int, refused: int) -> None:
        """A policy's mutes; none of any state: the series go."""
        if not active + refused:
            self._mutes.remove_by_labels({"namespace": namespace, "policy": policy})
            return
        self._mutes.labels(namespace, policy, "active").set(active)
        self._mutes.labels(namespace, policy, "refused").set(refused)

    def source_ready(self, name: str, ready: bool | None) -> None:
        """A source's latest probing; None: its series go."""
        if ready is not None:
            self._source_ready.labels(name).set(ready)
            return
        for metric in (
            self._source_ready,
            self._durations,
            self._faults,
            self._queries,
            self._batches,
        ):
            metric.remove_by_labels({"source": name})

    def channel_ready(self, name: str, ready: bool | None) -> None:
        """Whether a channel takes what it is told; None: its series goes."""
        if ready is None:
            self._channel_ready.remove_by_labels({"channel": name})
        else:
            self._channel_ready.labels(name).set(ready)

    def measurements_stored(self, count: int) -> None:
        """Values that were stored."""
        self._stored.inc(count)

    def measurements_shed(self, reason: str, count: int) -> None:
        """Values that will not be."""
        self._shed.labels(reason).inc(count)

    def measurements_waiting(self, count: int) -> None:
        """Values that wait."""
        self._waiting.set(count)

    def leads(self, *, leading: bool) -> None:
        """This replica begins to lead, or ends: what it knew of objects is another's to say."""
        self._leader.set(leading)
        if leading:
            self._takeovers.inc()
            return
        self._policies.clear()
        for metric in (self._source_ready, self._channel_ready, self._mutes):
            metric.clear()
