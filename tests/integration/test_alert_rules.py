"""The shipped alerts, judged by Prometheus' own promtool on made-up series."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from governor.api.status import PolicyStatus
from governor.app.ports import ObjectKey
from governor.telemetry.metrics import PrometheusTelemetry
from governor_local import manifests
from governor_local.binaries import Binaries
from governor_local.reporting import Reporter

RULES = manifests.DEPLOY / "components" / "prometheus-rule" / "prometheus-rule.yaml"


@pytest.fixture(scope="module")
def promtool() -> Path:
    return Binaries.find(Reporter()).promtool


def groups() -> dict[str, Any]:
    """The PrometheusRule's spec, which is the content of a plain rule file."""
    spec: dict[str, Any] = yaml.safe_load(RULES.read_text())["spec"]
    return spec


def run(promtool: Path, *arguments: str | Path) -> None:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def judge(
    promtool: Path,
    folder: Path,
    series: Mapping[str, str],
    at: str,
    firing: Mapping[str, Sequence[Mapping[str, str]]],
) -> None:
    """Asserts which alerts fire at that time, by name with their labels; the others must not."""
    rules = groups()
    alerts = {rule["alert"]: rule for group in rules["groups"] for rule in group["rules"]}
    for rule in alerts.values():
        del rule["annotations"]  # promtool would compare every word
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": k, "values": v} for k, v in series.items()],
                "alert_rule_test": [
                    {
                        "eval_time": at,
                        "alertname": name,
                        "exp_alerts": [
                            {"exp_labels": rule["labels"] | labels}
                            for labels in firing.get(name, ())
                        ],
                    }
                    for name, rule in alerts.items()
                ],
            }
        ],
    }
    (folder / "test.yml").write_text(json.dumps(test))
    run(promtool, "test", "rules", folder / "test.yml")


HEALTHY = {
    'governor_build_info{version="0.1.0"}': "1x60",
    'governor_leader{pod="governor-1"}': "1x60",
    'governor_leader{pod="governor-2"}': "0x60",
    # The clock of these tests starts at 0 and so do the ticks: one a minute.
    "governor_last_tick_timestamp_seconds": "0+60x60",
    'governor_policies_overdue{pod="governor-1"}': "0x60",
    'governor_channel_ready{channel="oncall"}': "1x60",
    'governor_lateness_seconds_bucket{le="0.1"}': "0+10x60",
    'governor_lateness_seconds_bucket{le="5"}': "0+10x60",
    'governor_lateness_seconds_bucket{le="15"}': "0+10x60",
    'governor_lateness_seconds_bucket{le="+Inf"}': "0+10x60",
    'governor_policy_verdict{namespace="aiops",policy="flywheel",verdict="Unknown"}': "0x60",
    'governor_policy_verdict{namespace="aiops",policy="flywheel",verdict="Violated"}': "1x60",
}
FLYWHEEL = {"namespace": "aiops", "policy": "flywheel"}


def test_the_rules_are_valid(promtool: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(groups()))

    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yml")


def test_nothing_fires_while_all_is_well_even_if_policies_are_violated(
    promtool: Path, tmp_path: Path
) -> None:
    judge(promtool, tmp_path, HEALTHY, "40m", {})


def test_no_metrics_for_five_minutes_mean_an_absent_operator(
    promtool: Path, tmp_path: Path
) -> None:
    gone = {series: values.removesuffix("60") + "10" for series, values in HEALTHY.items()}

    judge(promtool, tmp_path, gone, "22m", {"GovernorAbsent": [{}]})


def test_an_operator_without_policies_is_not_absent_and_owes_no_tick(
    promtool: Path, tmp_path: Path
) -> None:
    idle = {'governor_build_info{version="0.1.0"}': "1x60"}

    judge(promtool, tmp_path, idle, "40m", {})


def test_replicas_of_which_none_leads_are_noticed(promtool: Path, tmp_path: Path) -> None:
    """A takeover takes less."""
    none = HEALTHY | {'governor_leader{pod="governor-1"}': "1x10 0x50"}

    judge(promtool, tmp_path, none, "11m", {})
    judge(promtool, tmp_path, none, "20m", {"GovernorNoLeader": [{}]})


def test_ticks_that_stop_are_noticed_while_the_process_still_answers(
    promtool: Path, tmp_path: Path
) -> None:
    stuck = HEALTHY | {"governor_last_tick_timestamp_seconds": "600x60"}

    judge(promtool, tmp_path, stuck, "20m", {"GovernorTicksStopped": [{}]})


def test_policies_that_stay_overdue_are_noticed(promtool: Path, tmp_path: Path) -> None:
    """Not those that the sweeper helps at once."""
    slow = HEALTHY | {'governor_policies_overdue{pod="governor-1"}': "0x5 3x5 0x3 2x47"}

    judge(promtool, tmp_path, slow, "15m", {})
    judge(promtool, tmp_path, slow, "30m", {"GovernorPoliciesOverdue": [{}]})


def test_evaluations_that_start_late_for_ten_minutes_are_noticed(
    promtool: Path, tmp_path: Path
) -> None:
    late = HEALTHY | {
        'governor_lateness_seconds_bucket{le="0.1"}': "0+5x60",
        'governor_lateness_seconds_bucket{le="5"}': "0+5x60",
    }

    judge(promtool, tmp_path, late, "20m", {"GovernorEvaluationsLate": [{}]})


def test_a_transition_that_waits_for_over_a_quarter_of_an_hour_is_noticed(
    promtool: Path, tmp_path: Path
) -> None:
    stuck = HEALTHY | {"governor_pending_oldest_timestamp_seconds": "600x60"}

    judge(promtool, tmp_path, stuck, "20m", {})
    judge(promtool, tmp_path, stuck, "35m", {"GovernorPendingStuck": [{}]})


def test_a_policy_past_its_valid_until_is_noticed(promtool: Path, tmp_path: Path) -> None:
    unknown = 'governor_policy_verdict{namespace="aiops",policy="flywheel",verdict="Unknown"}'

    judge(
        promtool,
        tmp_path,
        HEALTHY | {unknown: "0x10 1x50"},
        "20m",
        {"GovernorPolicyStale": [FLYWHEEL]},
    )


def test_a_channel_that_takes_nothing_for_ten_minutes_is_noticed(
    promtool: Path, tmp_path: Path
) -> None:
    channels = {
        'governor_channel_ready{channel="oncall"}': "1x10 0x50",
        'governor_channel_ready{channel="team-chat"}': "1x10 0x5 1x45",
    }

    judge(promtool, tmp_path, HEALTHY | channels, "18m", {})
    judge(
        promtool,
        tmp_path,
        HEALTHY | channels,
        "30m",
        {"GovernorChannelNotReady": [{"channel": "oncall"}]},
    )


def test_values_that_are_shed_for_half_an_hour_are_noticed(promtool: Path, tmp_path: Path) -> None:
    """What every crash and every rare check shed is nobody's business."""
    shed = {
        'governor_measurements_shed_total{reason="queue_full"}': "0x10 0+5x50",
        'governor_measurements_shed_total{reason="too_old"}': "0+1x60",
        'governor_measurements_shed_total{reason="term_ended"}': "0+1x60",
    }

    judge(promtool, tmp_path, HEALTHY | shed, "20m", {})
    firing = {"GovernorMeasurementsShed": [{"reason": "queue_full"}]}
    judge(promtool, tmp_path, HEALTHY | shed, "40m", firing)


def test_the_rules_ask_for_metrics_that_the_operator_exports() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    telemetry = PrometheusTelemetry(now=lambda: now, most_checks=10)
    telemetry.evaluated(ObjectKey(uid="1", namespace="aiops", name="flywheel"), PolicyStatus())
    telemetry.ticked()
    exposition = telemetry.exposition()[0].decode()
    exported = set(re.findall(r"^# TYPE (governor_\w+) ", exposition, re.MULTILINE))
    expressions = [rule["expr"] for group in groups()["groups"] for rule in group["rules"]]
    asked = set(re.findall(r"governor_\w+", " ".join(expressions)))

    assert asked
    assert {name.removesuffix("_bucket") for name in asked} <= exported
