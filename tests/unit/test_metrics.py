"""Metrics: no value, no sample; series go with their object; stale is Unknown."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client.core import Sample
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from governor.api.log import Entry, Target, Transition
from governor.api.status import CheckStatus, PolicyStatus
from governor.app.ports import ObjectKey
from governor.telemetry.metrics import PrometheusTelemetry
from governor.values.outcomes import Fault, Measurement
from governor.values.reasons import Reason, Verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FLYWHEEL = ObjectKey(uid="u1", namespace="aiops", name="flywheel")
OTHER = ObjectKey(uid="u2", namespace="aiops", name="other")


class Scraped:
    """A telemetry, its clock, and what a scrape finds."""

    def __init__(self, most_checks: int = 5000) -> None:
        """Starts at noon."""
        self.now = NOW
        self.telemetry = PrometheusTelemetry(
            now=lambda: self.now, most_checks=most_checks, cluster="prod"
        )

    def value(self, metric: str, **labels: str) -> float | None:
        """A sample's value, None where there is no sample."""
        found = [
            sample.value
            for sample in self.samples()
            if sample.name == metric and sample.labels == labels
        ]
        assert len(found) <= 1, "a series is there twice"
        return found[0] if found else None

    def labels(self, metric: str) -> list[dict[str, str]]:
        """The label sets of all samples of a name."""
        return [sample.labels for sample in self.samples() if sample.name == metric]

    def samples(self) -> Iterator[Sample]:
        """All of them, as Prometheus' own format says them."""
        text = self.telemetry.exposition()[0].decode()
        for family in text_string_to_metric_families(text):
            yield from family.samples

    def verdicts(self, metric: str, **labels: str) -> dict[str, float]:
        """Verdict → sample."""
        return {
            found["verdict"]: self.value(metric, **found) or 0.0
            for found in self.labels(metric)
            if labels.items() <= found.items()
        }


@pytest.fixture
def scraped() -> Scraped:
    """An empty telemetry."""
    return Scraped()


def check(name: str, verdict: Verdict, value: float | None = None) -> CheckStatus:
    """A check's status."""
    return CheckStatus(name=name, verdict=verdict, reason=Reason.MET, value=value)


def status(*checks: CheckStatus, verdict: str | None = "Ok") -> PolicyStatus:
    """A status that is valid for 15 minutes."""
    return PolicyStatus.model_validate(
        {"verdict": verdict, "valid_until": NOW + timedelta(minutes=15), "checks": checks}
    )


def entry(targets: tuple[Target, ...], decided_at: datetime) -> Entry:
    """An entry of the log."""
    return Entry(
        id=UUID(int=1),
        transition=Transition.OPEN,
        decided_at=decided_at,
        generation=1,
        severity="warning",
        reason="PastRedLine",
        targets=targets,
    )


def test_a_verdict_is_a_set_of_states(scraped: Scraped) -> None:
    """1 for the current one, 0 for every other."""
    scraped.telemetry.evaluated(FLYWHEEL, status(verdict="Violated"))

    assert scraped.verdicts("governor_policy_verdict") == {
        "Violated": 1,
        "Error": 0,
        "NoData": 0,
        "Warning": 0,
        "Ok": 0,
        "Unknown": 0,
        "Suspended": 0,
    }
    scraped.telemetry.evaluated(FLYWHEEL, status(verdict="Ok"))
    assert scraped.value(
        "governor_policy_verdict", namespace="aiops", policy="flywheel", verdict="Violated"
    ) == pytest.approx(0)


def test_a_check_without_a_value_has_no_sample(scraped: Scraped) -> None:
    """Neither before nor after it had one; 0 is a value."""
    name = "governor_check_value"
    labels = {"namespace": "aiops", "policy": "flywheel", "check": "a"}
    scraped.telemetry.evaluated(FLYWHEEL, status(check("a", Verdict.NO_DATA)))
    assert scraped.value(name, **labels) is None

    scraped.telemetry.evaluated(FLYWHEEL, status(check("a", Verdict.OK, 0.0)))
    assert scraped.value(name, **labels) == pytest.approx(0)

    scraped.telemetry.evaluated(FLYWHEEL, status(check("a", Verdict.ERROR)))
    assert scraped.value(name, **labels) is None
    assert scraped.verdicts("governor_check_verdict", check="a")["Error"] == pytest.approx(1)


def test_past_its_validity_everything_is_unknown(scraped: Scraped) -> None:
    """Time alone does that; no call is needed."""
    scraped.telemetry.evaluated(FLYWHEEL, status(check("a", Verdict.OK, 1.0)))
    scraped.now = NOW + timedelta(minutes=15)
    assert scraped.verdicts("governor_policy_verdict")["Ok"] == pytest.approx(1)

    scraped.now += timedelta(seconds=1)

    assert scraped.verdicts("governor_policy_verdict")["Unknown"] == pytest.approx(1)
    assert scraped.verdicts("governor_policy_verdict")["Ok"] == pytest.approx(0)
    assert scraped.verdicts("governor_check_verdict")["Unknown"] == pytest.approx(1)
    assert not scraped.labels("governor_check_value")


def test_a_policy_that_was_never_evaluated_is_unknown(scraped: Scraped) -> None:
    """No verdict is not a good one."""
    scraped.telemetry.evaluated(FLYWHEEL, PolicyStatus())

    assert scraped.verdicts("governor_policy_verdict")["Unknown"] == pytest.approx(1)


def test_a_suspended_policy_says_so_and_shows_no_old_value(scraped: Scraped) -> None:
    """Nobody looks, so nothing is known about its checks, however long it takes."""
    scraped.telemetry.evaluated(
        FLYWHEEL, PolicyStatus(verdict="Suspended", checks=(check("a", Verdict.VIOLATED, 1.0),))
    )
    scraped.now += timedelta(days=365)

    assert scraped.verdicts("governor_policy_verdict")["Suspended"] == pytest.approx(1)
    assert scraped.verdicts("governor_check_verdict")["Unknown"] == pytest.approx(1)
    assert not scraped.labels("governor_check_value")


def test_the_series_of_a_deleted_policy_go(scraped: Scraped) -> None:
    """And only those."""
    scraped.telemetry.evaluated(FLYWHEEL, status(check("a", Verdict.OK, 1.0)))
    scraped.telemetry.evaluated(OTHER, status(check("a", Verdict.OK, 1.0)))

    scraped.telemetry.forgotten(FLYWHEEL)
    scraped.telemetry.forgotten(FLYWHEEL)

    for metric in ("governor_policy_verdict", "governor_check_value", "governor_check_verdict"):
        assert {labels["policy"] for labels in scraped.labels(metric)} == {"other"}


def test_beyond_the_limit_checks_have_no_series_and_are_counted() -> None:
    """The first ones keep theirs when they are evaluated again."""
    scraped = Scraped(most_checks=3)
    two = status(check("a", Verdict.OK, 1.0), check("b", Verdict.OK, 1.0))
    scraped.telemetry.evaluated(FLYWHEEL, two)
    scraped.telemetry.evaluated(OTHER, two)
    scraped.telemetry.evaluated(FLYWHEEL, two)

    shown = [(found["policy"], found["check"]) for found in scraped.labels("governor_check_value")]
    assert shown == [("flywheel", "a"), ("flywheel", "b"), ("other", "a")]
    assert scraped.value("governor_checks_without_series") == pytest.approx(1)
    assert len(scraped.labels("governor_policy_verdict")) == 14

    scraped.telemetry.forgotten(FLYWHEEL)
    assert len(scraped.labels("governor_check_value")) == 2
    assert scraped.value("governor_checks_without_series") == pytest.approx(0)


def test_what_is_pending_is_counted_by_target(scraped: Scraped) -> None:
    """Nothing pending is a true 0; then there is no oldest."""
    assert scraped.value("governor_pending", target="sink") == pytest.approx(0)
    assert scraped.value("governor_pending_oldest_timestamp_seconds") is None

    old, new = NOW - timedelta(minutes=5), NOW
    scraped.telemetry.evaluated(
        FLYWHEEL,
        PolicyStatus(
            pending=(entry((Target.SINK, Target.EVENT), new), entry((Target.SINK,), old)),
        ),
    )

    assert scraped.value("governor_pending", target="sink") == pytest.approx(2)
    assert scraped.value("governor_pending", target="event") == pytest.approx(1)
    assert scraped.value("governor_pending_oldest_timestamp_seconds") == old.timestamp()


def test_what_a_deleted_policy_has_left_is_pending_until_it_is_told(scraped: Scraped) -> None:
    """A database that is down is no better for it that the policy went."""
    left = entry((Target.SINK,), NOW)
    scraped.telemetry.evaluated(FLYWHEEL, PolicyStatus(pending=(left,)))
    scraped.telemetry.forgotten(FLYWHEEL)
    scraped.telemetry.left(FLYWHEEL, (left,))
    assert scraped.value("governor_pending", target="sink") == pytest.approx(1)
    assert scraped.value("governor_pending_oldest_timestamp_seconds") == NOW.timestamp()

    scraped.telemetry.left(FLYWHEEL, ())
    assert scraped.value("governor_pending", target="sink") == pytest.approx(0)


def test_probes_are_timed_and_faults_counted(scraped: Scraped) -> None:
    """By kind and source; by source and reason."""
    fault = Fault(reason=Reason.TIMEOUT, message="5 s")
    scraped.telemetry.probed("promql", "prom", 0.2, Measurement(value=1.0))
    scraped.telemetry.probed("promql", "prom", 5.0, fault)

    count = scraped.value("governor_probe_duration_seconds_count", kind="promql", source="prom")
    assert count == pytest.approx(2)
    faults = scraped.value("governor_probe_faults_total", source="prom", reason="Timeout")
    assert faults == pytest.approx(1)


def test_the_series_of_a_deleted_source_go(scraped: Scraped) -> None:
    """And only those."""
    fault = Fault(reason=Reason.TIMEOUT, message="5 s")
    for source in ("gone", "stays"):
        scraped.telemetry.probed("sql", source, 1.0, fault)
        scraped.telemetry.queried(source, "batched", 3)
        scraped.telemetry.batched(source, "answered")
        scraped.telemetry.source_ready(source, ready=source == "stays")
    assert scraped.value("governor_source_ready", source="gone") == pytest.approx(0)

    scraped.telemetry.source_ready("gone", None)

    for metric in (
        "governor_source_ready",
        "governor_probe_duration_seconds_count",
        "governor_probe_faults_total",
        "governor_promql_queries_total",
        "governor_promql_batches_total",
    ):
        assert [labels["source"] for labels in scraped.labels(metric)] == ["stays"]


def test_queries_are_counted_by_the_way_they_were_asked(scraped: Scraped) -> None:
    """Queries, not requests; batches by what came of them."""
    scraped.telemetry.queried("prom", "alone", 1)
    scraped.telemetry.queried("prom", "batched", 40)
    scraped.telemetry.queried("prom", "batched", 2)
    scraped.telemetry.batched("prom", "divided")

    queries, batches = "governor_promql_queries_total", "governor_promql_batches_total"
    assert scraped.value(queries, source="prom", way="alone") == 1
    assert scraped.value(queries, source="prom", way="batched") == 42
    assert scraped.value(queries, source="prom", way="shared") is None
    assert scraped.value(batches, source="prom", outcome="divided") == 1


def test_channels_are_ready_or_not_until_they_go(scraped: Scraped) -> None:
    """One series each."""
    for channel in ("gone", "stays"):
        scraped.telemetry.channel_ready(channel, ready=channel == "stays")
    assert scraped.value("governor_channel_ready", channel="gone") == pytest.approx(0)
    assert scraped.value("governor_channel_ready", channel="stays") == pytest.approx(1)

    scraped.telemetry.channel_ready("gone", None)
    assert scraped.labels("governor_channel_ready") == [{"channel": "stays"}]


def test_mutes_are_counted_by_policy_and_state_until_they_go(scraped: Scraped) -> None:
    """A policy without any has no series."""
    for policy in ("gone", "stays"):
        scraped.telemetry.mutes("aiops", policy, active=2, refused=1)
    scraped.telemetry.mutes("aiops", "gone", active=0, refused=0)

    assert {
        (found["policy"], found["state"]): scraped.value("governor_mutes", **found)
        for found in scraped.labels("governor_mutes")
    } == {("stays", "active"): 2, ("stays", "refused"): 1}


def test_made_up_source_names_make_no_series(scraped: Scraped) -> None:
    """Else a policy's author could fill the memory; the fault itself is counted."""
    missing = Fault(reason=Reason.SOURCE_NOT_FOUND, message="no source")
    for number in range(100):
        scraped.telemetry.probed("sql", f"made-up-{number}", 0.0, missing)

    faults = scraped.value("governor_probe_faults_total", source="", reason="SourceNotFound")
    assert faults == pytest.approx(100)
    assert len(scraped.labels("governor_probe_faults_total")) == 1


def test_a_tick_is_dated_while_there_are_policies(scraped: Scraped) -> None:
    """Without any, an old tick would read like an operator that hangs."""
    name = "governor_last_tick_timestamp_seconds"
    assert scraped.value(name) is None
    scraped.telemetry.evaluated(FLYWHEEL, status())
    scraped.telemetry.ticked()
    assert scraped.value(name) == NOW.timestamp()

    scraped.telemetry.forgotten(FLYWHEEL)

    assert scraped.value(name) is None


def test_lateness_and_deliveries_are_counted(scraped: Scraped) -> None:
    """A slot started early by rounding is not late."""
    scraped.telemetry.late(0.002)
    scraped.telemetry.late(-0.001)
    scraped.telemetry.delivered("sink", "delivered")

    assert scraped.value("governor_lateness_seconds_count") == pytest.approx(2)
    assert scraped.value("governor_lateness_seconds_sum") == pytest.approx(0.002)
    delivered = scraped.value("governor_deliveries_total", target="sink", outcome="delivered")
    assert delivered == pytest.approx(1)


def test_the_loops_lag_is_counted(scraped: Scraped) -> None:
    """A histogram without labels."""
    scraped.telemetry.lagged(0.3)

    assert scraped.value("governor_event_loop_lag_seconds_count") == pytest.approx(1)
    assert scraped.value("governor_event_loop_lag_seconds_bucket", le="0.5") == pytest.approx(1)
    assert scraped.value("governor_event_loop_lag_seconds_bucket", le="0.25") == pytest.approx(0)


def test_the_exposition_names_what_runs_and_invents_nothing(scraped: Scraped) -> None:
    """Before anything happened only true figures are there."""
    text = scraped.telemetry.exposition()[0].decode()
    samples = [line for line in text.splitlines() if line.startswith("governor_")]
    histograms = ("governor_lateness_", "governor_event_loop_lag_")

    assert [line for line in samples if not line.startswith(histograms)] == [
        "governor_policies_overdue 0.0",
        "governor_overdue_total 0.0",
        "governor_measurements_stored_total 0.0",
        'governor_measurements_shed_total{reason="queue_full"} 0.0',
        'governor_measurements_shed_total{reason="too_old"} 0.0',
        'governor_measurements_shed_total{reason="no_partition"} 0.0',
        'governor_measurements_shed_total{reason="rejected"} 0.0',
        'governor_measurements_shed_total{reason="term_ended"} 0.0',
        "governor_measurements_waiting 0.0",
        "governor_leader 0.0",
        "governor_leader_takeovers_total 0.0",
        next(line for line in samples if line.startswith("governor_build_info")),
        'governor_pending{target="sink"} 0.0',
        'governor_pending{target="event"} 0.0',
        'governor_pending{target="dispatch"} 0.0',
        'governor_pending{target="remediation"} 0.0',
        "governor_checks_without_series 0.0",
    ]
    assert 'cluster="prod"' in text


def test_the_exposition_is_open_metrics_for_who_accepts_it(scraped: Scraped) -> None:
    """Prometheus asks for that first; the same series are in both."""
    scraped.telemetry.evaluated(FLYWHEEL, status(check("a", Verdict.OK, 0.1)))

    body, content_type = scraped.telemetry.exposition("application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    read = {s for family in openmetrics_families(body.decode()) for s in map(str, family.samples)}
    ours = {str(sample) for sample in scraped.samples() if sample.name.startswith("governor_p")}
    assert ours
    assert ours <= read


def test_no_name_breaks_out_of_its_label(scraped: Scraped) -> None:
    """Whatever somebody calls a check, it is one series."""
    hostile = 'a"} 1\nb\\'
    scraped.telemetry.evaluated(FLYWHEEL, status(check(hostile, Verdict.OK, 2.5)))

    labels = {"namespace": "aiops", "policy": "flywheel", "check": hostile}
    assert scraped.value("governor_check_value", **labels) == pytest.approx(2.5)
    assert scraped.verdicts("governor_check_verdict", check=hostile)["Ok"] == pytest.approx(1)


def test_only_the_leader_speaks_of_objects(scraped: Scraped) -> None:
    """What it knew when it ceased to lead is another's to say."""
    telemetry = scraped.telemetry
    telemetry.leads(leading=True)
    telemetry.source_ready("platform", ready=True)
    assert scraped.value("governor_leader") == 1
    assert scraped.value("governor_leader_takeovers_total") == 1

    telemetry.leads(leading=False)

    assert scraped.value("governor_leader") == 0
    assert scraped.value("governor_leader_takeovers_total") == 1
    assert scraped.value("governor_source_ready", source="platform") is None


def test_values_that_are_stored_shed_and_wait_are_counted(scraped: Scraped) -> None:
    """By why they are not stored."""
    scraped.telemetry.measurements_stored(5)
    scraped.telemetry.measurements_stored(2)
    scraped.telemetry.measurements_shed("queue_full", 3)
    scraped.telemetry.measurements_waiting(4)

    assert scraped.value("governor_measurements_stored_total") == pytest.approx(7)
    shed = {"reason": "queue_full"}
    assert scraped.value("governor_measurements_shed_total", **shed) == pytest.approx(3)
    assert scraped.value("governor_measurements_waiting") == pytest.approx(4)


def test_what_is_overdue_shows_now_and_ever(scraped: Scraped) -> None:
    """A gauge, and a counter of its beginnings."""
    scraped.telemetry.overdue(now=3, begun=2)
    scraped.telemetry.overdue(now=1, begun=0)

    assert scraped.value("governor_policies_overdue") == pytest.approx(1)
    assert scraped.value("governor_overdue_total") == pytest.approx(2)


def test_what_vanished_is_counted_by_what_came_of_it(scraped: Scraped) -> None:
    scraped.telemetry.vanished(ended=1, doubted=0)
    scraped.telemetry.vanished(ended=1, doubted=12)

    assert scraped.value("governor_vanished_total", outcome="ended") == pytest.approx(2)
    assert scraped.value("governor_vanished_total", outcome="doubted") == pytest.approx(12)


def test_what_no_watch_told_is_counted_by_kind(scraped: Scraped) -> None:
    """What went apart from what came or changed."""
    scraped.telemetry.missed("governancepolicies", gone=2, seen=1)
    scraped.telemetry.missed("governancepolicies", gone=1, seen=0)

    labels = {"kind": "governancepolicies"}
    assert scraped.value("governor_missed_total", **labels, change="gone") == pytest.approx(3)
    assert scraped.value("governor_missed_total", **labels, change="seen") == pytest.approx(1)
