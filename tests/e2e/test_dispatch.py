"""A finding becomes one work item: whatever its executor does."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.cluster import Cluster, eventually
from tests.support.ear import Ear
from tests.support.manifests import notify, number, policy
from tests.support.work import Work, knowledge

from governor_local.operator_process import OperatorProcess
from governor_local.world import Health
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

NAME = "work"
OPEN_REVIEW = "OpenReview"
FATES = {
    "pending": (OPEN_REVIEW, "rests", "alone"),
    "dispatched": (OPEN_REVIEW, "rests", "alone"),
    "executing": (OPEN_REVIEW, "rests", "alone"),
    "succeeded": (OPEN_REVIEW, "rests", "followed"),
    "failed": (None, "reminded", "followed"),
    "skipped": (None, "reminded", "alone"),
    "cancelled": (None, "reminded", "alone"),
}
"""Of each status: what suppresses reminders, whether there are any, and whether a new work
item follows in time while the finding stays open."""

CONTEXT = Path(__file__).parents[1] / "data" / "decision_context_knowledge.yaml"


@pytest.fixture(autouse=True)
def measurable(sources: None, operator: OperatorProcess) -> None:
    """The operator runs."""


def degraded(
    cluster: Cluster, platform: Platform, namespace: str, *checks: dict[str, Any], **spec: Any
) -> dict[str, Any]:
    """The agents do badly, and a policy looks on; its status once all of that is told."""
    platform.become(Health.BAD)
    cluster.apply(policy(NAME, namespace, *checks, **{"interval": "7d"} | spec))
    cluster.verdict(NAME, namespace, "Violated")
    return cluster.told(NAME, namespace)


def shown(cluster: Cluster, namespace: str) -> dict[str, tuple[str | None, str | None]]:
    """Check → the status of its work item as the policy shows it, and what is suppressed."""
    return {
        check["name"]: (check.get("dispatch", {}).get("status"), check.get("suppressed"))
        for check in cluster.status(NAME, namespace)["checks"]
    }


def test_a_degradation_becomes_one_work_item(
    cluster: Cluster, namespace: str, platform: Platform, work: Work
) -> None:
    """It says what `decision_context` v1 says, and further cycles create no other."""
    executor = {"dispatch": {"executor": "hermes_kb_growth_healthcheck"}}
    degraded(cluster, platform, namespace, knowledge("knowledge", executor))

    [row] = cluster.rows(namespace)
    [item] = work.items()
    expected = yaml.safe_load(CONTEXT.read_text().replace("EVENT_ID", row["id"]))
    assert item["decision_context"] == expected
    told = ("governance_event_id", "event_type", "check_name", "executor_type", "policy_uid")
    uid = cluster.policy(NAME, namespace)["metadata"]["uid"]
    executor_type = "hermes_kb_growth_healthcheck"
    assert [item[name] for name in told] == [
        *(row["id"], "knowledge_degradation", "knowledge", executor_type, uid)
    ]
    state = ("dispatch_status", "attempts", "max_attempts", "created_by", "claimed_by")
    assert [item[name] for name in state] == ["pending", 0, 1, "governor", None]

    for _ in range(3):
        cluster.run_now(NAME, namespace)
        cluster.told(NAME, namespace)
    assert work.items() == [item]
    check = cluster.check(NAME, namespace, "knowledge")
    assert check["suppressed"] == OPEN_REVIEW
    seen = {"id": item["id"], "finding": row["id"], "status": "pending", "attempts": 0}
    assert seen.items() <= check["dispatch"].items()


def test_any_other_check_becomes_work_as_it_says(
    cluster: Cluster, namespace: str, work: Work
) -> None:
    """Its executor names the kind of work; the finding's own reminders do not rest."""
    declared = work.declared("number", maxAttempts=3, requiresApproval=False)
    check = number(11, red_line=10, guidance={"nextAction": "look_at_it"}) | declared
    cluster.apply(policy(NAME, namespace, check, interval="7d"))
    cluster.verdict(NAME, namespace, "Violated")
    cluster.told(NAME, namespace)
    cluster.run_now(NAME, namespace)

    [row], [item] = cluster.rows(namespace), work.items()
    context = item["decision_context"]
    assert (context["metric_value"], context["threshold"]) == (11, 10)
    assert (context["next_action"], context["affected_resources"]) == ("look_at_it", [])
    workflow = context["workflow"]
    assert workflow["work_item_id"] == f"governance:slo_number_violation:{row['id']}"
    assert (workflow["work_kind"], item["max_attempts"]) == (work.executor("number"), 3)
    assert workflow["needs_human_review"] is False
    assert workflow["steps"] == ["detected", "queued", "executing", "recheck"]
    assert shown(cluster, namespace) == {"number": ("pending", None)}


def test_each_status_suppresses_and_is_followed_as_specified(
    cluster: Cluster, namespace: str, platform: Platform, ear: Ear, work: Work
) -> None:
    """Seven findings, whose work items take the seven ways that executors have."""
    checks = [knowledge(status, work.declared(status)) for status in FATES]
    telling = {"notify": notify(ear.name, reminderInterval="2h")}
    degraded(cluster, platform, namespace, *checks, **telling)
    opened = sorted(("opened", status) for status in FATES)
    assert ear.words() == opened
    assert work.statuses() == {status: ["pending"] for status in FATES}

    for status in FATES.keys() - {"pending"}:
        work.become(status, status)
    cluster.run_now(NAME, namespace)
    expected = {status: (status, suppressed) for status, (suppressed, _, _) in FATES.items()}
    assert shown(cluster, namespace) == expected

    cluster.told_long_ago(NAME, namespace, timedelta(hours=3))
    cluster.run_now(NAME, namespace)
    cluster.told(NAME, namespace)
    reminded = [("reminded", name) for name, fate in FATES.items() if "reminded" in fate]
    assert ear.words() == sorted(opened + reminded)
    assert work.statuses() == {status: [status] for status in FATES}

    work.age("8 days")
    for _ in range(2):
        cluster.run_now(NAME, namespace)
        cluster.told(NAME, namespace)
    followed = [name for name, fate in FATES.items() if "followed" in fate]
    afterwards = {status: [status] for status in FATES}
    assert work.statuses() == afterwards | {name: [name, "pending"] for name in followed}
    # A success that does not show in time is no reason to rest any more.
    reminded.append(("reminded", "succeeded"))
    assert ear.words() == sorted(opened + reminded)

    work.become("failed", "failed")
    cluster.run_now(NAME, namespace)
    cluster.told(NAME, namespace)
    assert work.statuses()["failed"] == ["failed", "failed"], "not a third time at once"


def test_recovery_cancels_what_nobody_has_claimed(
    cluster: Cluster, namespace: str, platform: Platform, work: Work
) -> None:
    """A lease that is over is nobody's claim; a held one stays, and delays the next work item."""
    names = ("waiting", "claimed", "dropped")
    checks = [knowledge(name, work.declared(name)) for name in names]
    degraded(cluster, platform, namespace, *checks, interval="5s")
    claimed = work.claim("claimed")
    work.claim("dropped", lease="1 second")
    eventually(lambda: work.statuses()["dropped"] == ["pending"], 30)
    [dropped] = work.items("dropped")
    assert (dropped["attempts"], dropped["expirations"], dropped["lease_token"]) == (0, 1, None)

    platform.become(Health.GOOD)
    cluster.found(NAME, namespace)
    assert work.statuses() == {
        "waiting": ["cancelled"],
        "claimed": ["dispatched"],
        "dropped": ["cancelled"],
    }
    [waiting] = work.items("waiting")
    decided = (waiting["decided_by"], waiting["decided_reason"])
    assert decided == ("governor", "the finding is resolved")
    assert [row["resolved_reason"] for row in cluster.rows(namespace)] == ["Recovered"] * 3

    platform.become(Health.BAD)
    cluster.found(NAME, namespace, *names)
    cluster.run_now(NAME, namespace)
    pending = ("pending", OPEN_REVIEW)
    assert work.statuses()["claimed"] == ["dispatched"]
    assert shown(cluster, namespace) == {
        "waiting": pending,
        "claimed": ("dispatched", None),  # it is for the finding before
        "dropped": pending,
    }
    work.finish("claimed", claimed)
    cluster.run_now(NAME, namespace)
    cluster.told(NAME, namespace)
    assert work.statuses()["claimed"] == ["succeeded", "pending"]
    findings = [item["governance_event_id"] for item in work.items("claimed")]
    rows = [row["id"] for row in cluster.rows(namespace) if row["check_name"] == "claimed"]
    assert findings == rows
