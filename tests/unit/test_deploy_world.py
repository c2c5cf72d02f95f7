"""The demo's world is what it says: exact ratios, thousands of rows, the same each time."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from governor_local import binaries, manifests
from governor_local.world import Health, expected, series, tables

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RETIRED = ("deprecated", "archived")


def test_the_same_health_gives_the_same_rows() -> None:
    assert tables.rows(Health.BAD, NOW) == tables.rows(Health.BAD, NOW)


def test_there_are_thousands_of_rows() -> None:
    counts = {table: len(rows) for table, rows in tables.rows(Health.GOOD, NOW).items()}

    assert set(counts) == set(tables.TABLES)
    assert min(counts.values()) >= 2_000


@pytest.mark.parametrize(
    ("health", "drifted", "unused"), [(Health.GOOD, 0, 0), (Health.BAD, 36, 12)]
)
def test_playbooks_have_drifted_in_a_known_number(
    health: Health, drifted: int, unused: int
) -> None:
    playbooks = tables.rows(health, NOW)["playbooks"]
    kept = [p for p in playbooks if p[1] not in RETIRED]
    low = [p for p in kept if isinstance(p[2], float) and p[2] < 0.2]
    old = [p for p in low if isinstance(p[3], datetime) and NOW - p[3] > timedelta(days=30)]

    assert len(kept) == tables.PLAYBOOKS
    assert (len(low), len(old)) == (drifted, unused)


@pytest.mark.parametrize(("health", "ratio"), [(Health.GOOD, 0.10), (Health.BAD, 0.30)])
def test_knowledge_is_stale_in_a_known_ratio(health: Health, ratio: float) -> None:
    entries = [e for e in tables.rows(health, NOW)["knowledge_entries"] if e[1] != "archived"]
    ages = [NOW - e[2] for e in entries if isinstance(e[2], datetime)]

    assert sum(age > timedelta(days=7) for age in ages) / len(entries) == ratio
    # So that a stack which is left running for days keeps its verdicts.
    assert not any(timedelta(days=4) < age < timedelta(days=10) for age in ages)


@pytest.mark.parametrize(
    ("health", "failed", "broken"), [(Health.GOOD, 3, 4), (Health.BAD, 25, 30)]
)
def test_the_newest_hundred_hold_a_known_number_of_failures(
    health: Health, failed: int, broken: int
) -> None:
    rows = tables.rows(health, NOW)
    evidence = sorted(rows["incident_evidence"], key=lambda row: str(row[2]), reverse=True)
    verified = [row[1] for row in evidence if row[1] is not None]
    executions = sorted(rows["auto_repair_executions"], key=lambda row: str(row[2]), reverse=True)

    assert verified[:100].count("failed") == failed
    assert [row[1] for row in executions[:100]].count(False) == broken
    assert len(verified) / len(evidence) == 0.8


def test_what_the_operator_must_say_is_known_for_every_check_of_the_demo() -> None:
    kubectl = binaries._kubectl()
    checks = {
        (document["metadata"]["namespace"], document["metadata"]["name"], check["name"])
        for folder in ("samples", "local/samples")
        for document in yaml.safe_load_all(manifests.rendered(kubectl, manifests.DEPLOY / folder))
        if document["kind"] == "GovernancePolicy"
        for check in document["spec"]["checks"]
    }

    for state in (expected.GOOD, expected.BAD, expected.PROMETHEUS_DOWN, expected.DATABASE_DOWN):
        assert state.keys() == checks


def test_every_verdict_occurs_in_the_demo() -> None:
    verdicts = {verdict for verdict, _ in expected.GOOD.values()}

    assert verdicts == {"Ok", "Warning", "Violated", "NoData", "Error"}


def test_both_states_expose_the_same_series() -> None:
    def names(health: Health) -> list[str]:
        return [line.rsplit(" ", 1)[0] for line in series.exposition(health).splitlines()]

    assert names(Health.GOOD) == names(Health.BAD)
