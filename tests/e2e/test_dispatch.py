"""A finding becomes one work item: whatever executors, the sink and a second operator do."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.cluster import Cluster, eventually
from tests.support.ear import Ear
from tests.support.manifests import built_in, notify, number, policy
from tests.support.sources import deleted
from tests.support.work import Work, executors_url

from governor_local.operator_process import Installation, OperatorProcess
from governor_local.stack import Stack
from governor_local.world import Health
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

NAME = "work"
RETRIES = 60
"""Seconds in which a sink that is back is told what it missed: its lane waits ever longer."""

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
def measurable(stack: Stack, sources: None, operator: OperatorProcess) -> Iterator[None]:
    """The operator runs; afterwards the sink is up."""
    yield
    stack.sink.start()


@pytest.fixture
def work(stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess) -> Work:
    """The work items of the test's own namespace."""
    return Work(cluster, namespace, executors_url(stack))


def degraded(
    cluster: Cluster, platform: Platform, namespace: str, *checks: dict[str, Any], **spec: Any
) -> dict[str, Any]:
    """The agents do badly, and a policy looks on; its status once all of that is told."""
    platform.become(Health.BAD)
    cluster.apply(policy(NAME, namespace, *checks, **{"interval": "1h"} | spec))
    cluster.verdict(NAME, namespace, "Violated")
    return cluster.told(NAME, namespace)


def become(cluster: Cluster, platform: Platform, namespace: str, health: Health) -> None:
    """The agents do so from now on, and the policy's next slots say so: all findings change."""
    platform.become(health)

    def judged() -> bool:
        checks = cluster.status(NAME, namespace)["checks"]
        return {"finding" in check for check in checks} == {health is Health.BAD}

    eventually(judged)


def knowledge(name: str, declared: dict[str, Any]) -> dict[str, Any]:
    """A check of the platform's knowledge whose findings become work."""
    return built_in(name, "knowledgeDegradation") | declared


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
    cluster.apply(policy(NAME, namespace, check, interval="1h"))
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
    cluster: Cluster, namespace: str, platform: Platform, work: Work
) -> None:
    """Seven findings, whose work items take the seven ways that executors have."""
    ear = Ear(cluster, namespace)
    checks = [knowledge(status, work.declared(status)) for status in FATES]
    with deleted(cluster, ear.channel()):
        cluster.apply(ear.channel())
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

    become(cluster, platform, namespace, Health.GOOD)
    cluster.told(NAME, namespace)
    assert work.statuses() == {
        "waiting": ["cancelled"],
        "claimed": ["dispatched"],
        "dropped": ["cancelled"],
    }
    [waiting] = work.items("waiting")
    decided = (waiting["decided_by"], waiting["decided_reason"])
    assert decided == ("governor", "the finding is resolved")
    assert [row["resolved_reason"] for row in cluster.rows(namespace)] == ["Recovered"] * 3

    become(cluster, platform, namespace, Health.BAD)
    cluster.told(NAME, namespace)
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


def test_a_sink_that_is_down_meanwhile_changes_nothing(
    stack: Stack, cluster: Cluster, namespace: str, platform: Platform, work: Work
) -> None:
    """It misses the opening and the recovery around an executor's work; then all of them."""
    platform.become(Health.GOOD)
    check = knowledge("knowledge", work.declared("knowledge"))
    cluster.apply(policy(NAME, namespace, check))
    cluster.verdict(NAME, namespace, "Ok")

    @contextmanager
    def down() -> Iterator[None]:
        stack.sink.stop()
        yield
        stack.sink.start()

    def change(health: Health) -> None:
        become(cluster, platform, namespace, health)

    def story(missing: AbstractContextManager[None], again: AbstractContextManager[None]) -> None:
        with missing:
            change(Health.BAD)
        cluster.told(NAME, namespace, RETRIES)
        claimed = work.claim("knowledge")
        with again:
            change(Health.GOOD)
        cluster.told(NAME, namespace, RETRIES)
        work.finish("knowledge", claimed)

    story(nullcontext(), nullcontext())
    undisturbed = essences(work.items()), essences(cluster.rows(namespace))
    story(down(), down())
    with down():
        change(Health.BAD)
        change(Health.GOOD)
    cluster.told(NAME, namespace, RETRIES)

    items, rows = work.items(), cluster.rows(namespace)
    assert (essences(items[1:2]), essences(rows[1:2])) == undisturbed
    assert [row["resolved_reason"] for row in rows] == ["Recovered"] * 3
    # Nobody is offered work on what had ended before anybody could know of it.
    assert {item["dispatch_status"] for item in items[2:]} <= {"cancelled"}


def essences(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what tells one finding from another: ids and times."""
    said = [{k: v for k, v in row.items() if not _own(k, v)} for row in rows]
    return [row | {"decision_context": row.get("decision_context", {}).keys()} for row in said]


def _own(key: str, value: object) -> bool:
    return key == "id" or key.endswith(("_id", "_at", "_token", "_until"))


@pytest.fixture
def rival(
    stack: Stack, installation: Installation, operator: OperatorProcess
) -> Iterator[OperatorProcess]:
    """A second operator that does all that the first one does, at the same time."""
    second = OperatorProcess(stack, installation, name="rival")
    second.start()
    yield second
    second.stop()


def test_two_operators_create_one_work_item(
    cluster: Cluster,
    namespace: str,
    platform: Platform,
    work: Work,
    operator: OperatorProcess,
    rival: OperatorProcess,
) -> None:
    """Both see three degradations at the same slots, and go on looking."""
    platform.become(Health.GOOD)
    names = ("one", "two", "three")
    for name in names:
        check = knowledge("knowledge", work.declared(name))
        cluster.apply(policy(name, namespace, check))
    for name in names:
        cluster.verdict(name, namespace, "Ok")

    platform.become(Health.BAD)
    for name in names:
        cluster.verdict(name, namespace, "Violated")
        cluster.told(name, namespace)
        for _ in range(2):
            cluster.run_now(name, namespace)
    for name in names:
        cluster.told(name, namespace)
    found = [(item["executor_type"], item["dispatch_status"]) for item in work.items()]
    assert sorted(found) == sorted((work.executor(name), "pending") for name in names)
    assert len(cluster.rows(namespace)) == len(names)
    assert operator.running
    assert rival.running
