"""The demo's world on real servers: what it holds, who may read it, what it lets the checks say."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from governor_local import manifests, observing
from governor_local.errors import CommandError
from governor_local.stack import Stack
from governor_local.world import Health, expected, tables
from governor_local.world.governed import Logins, Platform

POLICIES = (
    manifests.DEPLOY / "samples" / "flywheel.yaml",
    manifests.DEPLOY / "local" / "samples" / "every-verdict.yaml",
    manifests.DEPLOY / "local" / "samples" / "awaiting-data.yaml",
)


@pytest.fixture(scope="module")
def platform(stack: Stack) -> Platform:
    return Platform(stack)


@pytest.fixture(scope="module")
def logins(platform: Platform) -> Logins:
    """Built twice on purpose: a build may be repeated."""
    platform.build()
    return platform.build()


def query(stack: Stack, expression: str) -> list[Any]:
    """The result of an instant query."""
    url = f"{stack.prometheus.url}/api/v1/query"
    answer = httpx.get(url, params={"query": expression}, trust_env=False, timeout=30)
    result: list[Any] = answer.json()["data"]["result"]
    return result


def recorded(stack: Stack, name: str) -> float | None:
    """The value of the one series of that name, if there is one."""
    series = query(stack, name)
    return float(series[0]["value"][1]) if series else None


def comes(stack: Stack, name: str, value: float) -> bool:
    """Whether the series has that value within a few evaluations of the rules."""
    return observing.wait_for(lambda: recorded(stack, name) == value, 15)


def checked(stack: Stack, logins: Logins) -> Mapping[expected.Check, expected.Seen]:
    """What `governor check` says of the demo's policies."""
    done = subprocess.run(
        [sys.executable, "-m", "governor", "check", "-o", "json"]
        + [part for path in POLICIES for part in ("-f", str(path))]
        + ["--source", "platform=${DSN}", "--tls-mode", "platform=Disable"]
        + ["--source", f"prometheus={stack.prometheus.url}"],
        env={**os.environ, "DSN": logins.custom_sql_dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return {
        (policy["namespace"], policy["name"], check["name"]): (check["verdict"], check["reason"])
        for policy in json.loads(done.stdout)["policies"]
        for check in policy["checks"]
    }


def test_the_tables_hold_what_was_planned(stack: Stack, logins: Logins) -> None:
    counts = {
        table: stack.governed.execute(f"table {table}", dsn=logins.dsn).count("\n") + 1
        for table in tables.TABLES
    }

    assert counts == {
        "playbooks": tables.PLAYBOOKS + tables.RETIRED_PLAYBOOKS,
        "knowledge_entries": tables.ENTRIES + tables.ARCHIVED_ENTRIES,
        "incident_evidence": tables.EVIDENCE,
        "auto_repair_executions": tables.EXECUTIONS,
    }


@pytest.mark.parametrize("login", ["dsn", "custom_sql_dsn"])
@pytest.mark.parametrize(
    "statement",
    [
        "begin read write; delete from playbooks",
        "begin read write; create table stolen ()",
        "begin read write; select * into stolen from playbooks",
    ],
)
def test_the_operators_logins_may_only_read(
    stack: Stack, logins: Logins, login: str, statement: str
) -> None:
    with pytest.raises(CommandError, match="permission denied"):
        stack.governed.execute(statement, dsn=getattr(logins, login))


def test_the_remediation_login_updates_the_status_of_playbooks_only(
    stack: Stack, logins: Logins
) -> None:
    def run(statement: str) -> str:
        return stack.governed.execute(f"begin; {statement}; rollback", dsn=logins.remediation_dsn)

    run("update playbooks set status = 'deprecated'")
    for statement in (
        "update playbooks set trust_score = 1",
        "delete from playbooks",
        "select * from incident_evidence",
        "update knowledge_entries set status = 'archived'",
    ):
        with pytest.raises(CommandError, match="permission denied"):
            run(statement)


@pytest.mark.usefixtures("logins")
def test_the_slis_follow_the_platforms_health(stack: Stack, platform: Platform) -> None:
    for health, rate in ((Health.BAD, 0.55), (Health.GOOD, 0.87)):
        platform.become(health)

        assert comes(stack, "sli:autonomy_rate:5m", rate)


@pytest.mark.usefixtures("logins")
def test_one_series_is_not_a_number_and_one_is_missing(stack: Stack) -> None:
    assert observing.wait_for(lambda: bool(query(stack, "sli:answer_helpfulness:5m")), 15)

    value = recorded(stack, "sli:answer_helpfulness:5m")

    assert value is not None
    assert value != value  # noqa: PLR0124 - NaN is the one thing that is not itself
    assert query(stack, "sli:handover_seconds:5m") == []


@pytest.mark.usefixtures("logins")
def test_prometheus_has_loaded_the_shipped_alerts(stack: Stack) -> None:
    url = f"{stack.prometheus.url}/api/v1/rules?type=alert"
    answer = httpx.get(url, trust_env=False, timeout=30).json()
    rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    assert {rule["name"] for rule in rules} >= {"GovernorAbsent", "GovernorPendingStuck"}
    assert not [rule["lastError"] for rule in rules if rule.get("lastError")]


@pytest.mark.parametrize(
    ("health", "verdicts"), [(Health.BAD, expected.BAD), (Health.GOOD, expected.GOOD)]
)
def test_measured_once_every_check_says_what_the_world_means(
    stack: Stack,
    platform: Platform,
    logins: Logins,
    health: Health,
    verdicts: Mapping[expected.Check, expected.Seen],
) -> None:
    platform.become(health)
    assert comes(stack, "sli:autonomy_rate:5m", {Health.BAD: 0.55, Health.GOOD: 0.87}[health])

    assert checked(stack, logins) == verdicts


@pytest.mark.usefixtures("logins")
def test_the_exporter_serves_its_metrics_and_nothing_else(platform: Platform) -> None:
    url = f"http://127.0.0.1:{platform.exporter.port}"

    def get(path: str) -> httpx.Response:
        return httpx.get(f"{url}/{path}", trust_env=False, timeout=30)

    assert "aiops_decisions_5m" in get("metrics").text
    assert get(Path(__file__).name).status_code == 404
