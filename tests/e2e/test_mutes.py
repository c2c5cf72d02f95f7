"""A mute silences telling and acting and nothing else, whatever its form, on every path."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.ear import Ear, Told
from tests.support.manifests import built_in, channel, notify, policy
from tests.support.muting import BAD, GOOD, Dials, Muting
from tests.support.sources import deleted
from tests.support.telling import alerts
from tests.support.work import Work

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack
from governor_local.world import Health
from governor_local.world.governed import DATABASE, Platform

pytestmark = [pytest.mark.e2e]

NAME, QUIET = "governed", "quiet"
UNUSED_DRIFTED = 12
_DEPRECATED = """
select count(*) from playbooks where status = 'deprecated' and playbook_id < 'pb-01800'
"""


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A mute, and what it silences of a policy with one critical check, `grave`."""

    checks: Sequence[str] = ()
    policy: dict[str, Any] = field(default_factory=dict)
    told: str = "Accepted"
    silenced: frozenset[str]


FORMS = {
    "a named check": Form(checks=["knowledge"], silenced=frozenset({"knowledge"})),
    "all checks": Form(silenced=frozenset({"knowledge", "drift"})),
    "all checks, allowed": Form(
        policy={"mutes": "Allowed"}, silenced=frozenset({"knowledge", "drift", "grave"})
    ),
    "a critical check": Form(checks=["grave"], told="Forbidden", silenced=frozenset()),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_mute_of_each_form_on_each_path(
    *,
    form: Form,
    cluster: Cluster,
    namespace: str,
    platform: Platform,
    ear: Ear,
    work: Work,
    muting: Muting,
) -> None:
    """Notification, dispatch and remediation wait for its end; all else happens at once."""
    checks = [
        built_in("knowledge", "knowledgeDegradation") | work.declared("knowledge"),
        built_in("drift", "trustDrift") | work.declared("drift"),
        built_in("grave", "executionBlastRadius")
        | work.declared("grave")
        | {"severity": "critical"},
    ]
    spec = {"enforcement": "Enforce", "notify": notify(ear.name)} | form.policy
    cluster.apply(policy(NAME, namespace, *checks, **spec))
    cluster.verdict(NAME, namespace, "Ok")
    muting.create(QUIET, NAME, *form.checks, told=form.told)
    platform.become(Health.BAD)
    names = frozenset({"knowledge", "drift", "grave"})
    cluster.found(NAME, namespace, *names)

    def happened() -> tuple[Sequence[Told], set[str], int]:
        """What was told, what became work, and how many playbooks were changed."""
        deprecated = platform_count(cluster.stack)
        return ear.words(), set(work.statuses()), deprecated

    loud = names - form.silenced
    expected = happenings(loud)
    eventually(lambda: happened() == expected, why=f"{expected}")
    findings = [row for row in cluster.rows(namespace) if row["event_type"] != "governance_mute"]
    assert {row["check_name"] for row in findings} == names
    opened = len(names) + (1 if form.silenced else 0)
    assert cluster.reasons(namespace).count("FindingOpened") == opened
    status = cluster.status(NAME, namespace)
    muted = frozenset(check["name"] for check in status["checks"] if "mutedUntil" in check)
    assert (muted, status["summary"]["muted"]) == (form.silenced, len(form.silenced))
    assert status["summary"]["violated"] == len(names)
    if form.told == "Forbidden":
        message = "GovernancePolicy governed forbids to mute grave"
        [accepted, active] = (muting.says(QUIET)[name] for name in ("Accepted", "Active"))
        assert accepted[0] == active[0] == "False"
        assert message in accepted[2]

    end = muting.delete(QUIET)
    eventually(lambda: happened() == happenings(names), why="at the mute's end")
    cluster.told(NAME, namespace)
    assert ear.words() == sorted(("opened", name) for name in names), "each once"
    assert all(ear.told_at(("opened", name)) >= end for name in form.silenced)
    created = {i["check_name"]: datetime.fromisoformat(i["created_at"]) for i in work.items()}
    assert all(created[name] >= end for name in form.silenced)


def happenings(loud: frozenset[str]) -> tuple[Sequence[Told], set[str], int]:
    """What must have happened if these checks are silenced by nobody."""
    told = sorted(("opened", name) for name in loud)
    return told, set(loud), UNUSED_DRIFTED if "drift" in loud else 0


def platform_count(stack: Stack) -> int:
    """How many playbooks were deprecated that were in use."""
    return int(stack.governed.execute(_DEPRECATED, database=DATABASE))


def test_reminders_and_alerts_rest_under_a_mute(
    stack: Stack, cluster: Cluster, namespace: str, ear: Ear, work: Work, muting: Muting
) -> None:
    """What fired is resolved for Alertmanager, and fires again; the reminder comes afterwards."""
    dials = Dials(stack, work, "dial")
    dials.turn(BAD)
    oncall = channel(f"oncall-{namespace}", "alertmanager", {"urls": [stack.alertmanager.url]})

    def fires() -> bool:
        return bool(alerts(stack.alertmanager, namespace, NAME))

    with deleted(cluster, oncall):
        cluster.apply(oncall)
        names = notify(ear.name, f"oncall-{namespace}", reminderInterval="2h")
        cluster.apply(policy(NAME, namespace, *dials.checks(), interval="7d", notify=names))
        cluster.found(NAME, namespace, "dial")
        eventually(fires)
        muting.create(QUIET, NAME)
        eventually(lambda: not fires())

        cluster.told_long_ago(NAME, namespace, timedelta(hours=3))
        cluster.run_now(NAME, namespace)
        cluster.told(NAME, namespace)
        assert ear.words() == [("opened", "dial")]
        end = muting.delete(QUIET)
        eventually(lambda: len(ear.words()) > 1)
        assert ear.words() == [("opened", "dial"), ("reminded", "dial")]
        assert ear.told_at(("reminded", "dial")) >= end
        eventually(fires)


def test_a_resolution_is_told_if_its_opening_was(
    stack: Stack, cluster: Cluster, namespace: str, ear: Ear, work: Work, muting: Muting
) -> None:
    """Under the mute, too; what opened and ended under it, nobody ever hears of."""
    dials = Dials(stack, work, "known", "unheard")
    telling = notify(ear.name)
    cluster.apply(policy(NAME, namespace, *dials.checks(), notify=telling))
    cluster.verdict(NAME, namespace, "Ok")
    dials.turn(BAD, "known")
    cluster.found(NAME, namespace, "known")
    muting.create(QUIET, NAME)
    dials.turn(BAD, "unheard")
    cluster.found(NAME, namespace, "known", "unheard")
    dials.turn(GOOD)
    cluster.found(NAME, namespace)

    told = [("opened", "known"), ("resolved", "known")]
    eventually(lambda: ear.words() == told)
    assert "mutedUntil" in cluster.check(NAME, namespace, "known")
    muting.delete(QUIET)
    eventually(lambda: "mutedUntil" not in cluster.check(NAME, namespace, "unheard"))
    cluster.run_now(NAME, namespace)
    cluster.told(NAME, namespace)
    assert ear.words() == told
    assert work.statuses() == {"known": ["cancelled"]}
