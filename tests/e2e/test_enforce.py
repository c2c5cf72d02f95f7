"""Enforce: playbooks that nobody trusts and nobody uses are deprecated, once, and told truly."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.enforcing import ALLOWED, FORBIDDEN, NAME, REFUSAL, RETRIES, Came, Enforcing
from tests.support.manifests import mute
from tests.support.playbooks import RELATION, Playbooks
from tests.support.sources import deleted
from tests.support.status_rights import no_right_to_status

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

THREE = ("low-1", "low-2", "low-3")
RECOVERY = f"update {RELATION} set trust_score = 0.9 where playbook_id = 'low-2'"  # noqa: S608


@pytest.fixture
def playbooks(stack: Stack, cluster: Cluster, platform: Platform) -> Iterator[Playbooks]:
    """An empty table, and a source for it that allows remediation."""
    made = Playbooks(stack)
    made.make()
    with deleted(cluster, ALLOWED):
        cluster.apply(ALLOWED)
        yield made
    made.drop()


@pytest.fixture
def enforcing(
    cluster: Cluster, namespace: str, operator: OperatorProcess, playbooks: Playbooks
) -> Enforcing:
    """The policy; it is not there yet."""
    return Enforcing(cluster, namespace)


def test_a_few_a_run_are_deprecated_the_least_trusted_first(
    enforcing: Enforcing, playbooks: Playbooks
) -> None:
    """The rest waits for the next runs; what is in use or can't be judged stays."""
    playbooks.add("low-4", "low-5", trust="0.15")
    playbooks.add(*THREE, trust="0.05", status="null")
    playbooks.add("used", unused_days=3)
    playbooks.add("trusted", trust="0.9")
    playbooks.add("unjudged", trust="null")
    playbooks.add("odd", trust="'NaN'")
    playbooks.add("kept", status="'archived'")

    enforcing.apply(maxPerRun=2)
    enforcing.told()
    for _ in range(3):
        enforcing.run()

    five = ["low-1", "low-2", "low-3", "low-4", "low-5"]
    assert enforcing.came == [
        Came(changed=("low-1", "low-2")),
        Came(changed=("low-3", "low-4")),
        Came(changed=("low-5",)),
    ]
    assert playbooks.touched == dict.fromkeys(five, 1)
    assert enforcing.row["auto_deprecated_count"] == len(five)
    assert enforcing.row["auto_deprecated_ids"] == five
    assert "would_deprecate_count" not in enforcing.row
    assert enforcing.ready == ("True", "Evaluated", "1 check evaluated")
    reasons = enforcing.cluster.reasons(enforcing.namespace)
    assert sorted(reasons) == ["FindingOpened", *["Remediated"] * 3]
    assert [note.partition(" (")[0] for note in enforcing.notes] == [
        "drift: playbooks: 2 deprecated",
        "drift: playbooks: 2 deprecated",
        "drift: playbooks: 1 deprecated",
    ]


def test_a_policy_that_trusts_nothing_deprecates_no_catalogue(
    enforcing: Enforcing, playbooks: Playbooks
) -> None:
    """Twenty a run, and none without a run: each of them stands in the row."""
    catalogue = [f"pb-{number:02}" for number in range(50)]
    playbooks.add(*catalogue, trust="0.9")
    playbooks.add("sure", trust="1")

    enforcing.apply(minimumTrust=1)
    enforcing.told()
    assert sorted(playbooks.touched)[:20] == catalogue[:20]
    for _ in range(2):
        enforcing.run()

    assert playbooks.touched == dict.fromkeys(catalogue, 1)
    assert [came.changed for came in enforcing.came] == [
        tuple(catalogue[:20]),
        tuple(catalogue[20:40]),
        tuple(catalogue[40:]),
    ]


def test_audit_says_once_what_would_be_deprecated(
    enforcing: Enforcing, playbooks: Playbooks
) -> None:
    """It changes nothing, however often it runs."""
    playbooks.add(*THREE)

    enforcing.apply("Audit")
    enforcing.told()
    enforcing.run()

    reasons = enforcing.cluster.reasons(enforcing.namespace)
    assert sorted(reasons) == ["FindingOpened", "WouldRemediate"]
    assert enforcing.row["would_deprecate_count"] == len(THREE)
    assert enforcing.row["would_deprecate_ids"] == list(THREE)
    assert enforcing.came == []
    assert not playbooks.touched


def test_a_playbook_that_recovers_before_the_update_is_left_alone(
    enforcing: Enforcing, playbooks: Playbooks
) -> None:
    """It was chosen; the UPDATE looks again."""
    playbooks.add(*THREE)

    with playbooks.locked(RECOVERY):
        enforcing.apply()
        eventually(lambda: playbooks.awaited)
    enforcing.told()

    assert enforcing.came == [Came(changed=("low-1", "low-3"), not_changed=("low-2",))]
    assert playbooks.touched == {"low-1": 1, "low-3": 1}


def test_a_kill_before_the_update_leaves_it_to_the_next_process(
    enforcing: Enforcing, playbooks: Playbooks, operator: OperatorProcess
) -> None:
    """Nothing was changed by the first, and nothing is in doubt."""
    playbooks.add(*THREE)

    with playbooks.locked():
        enforcing.apply()
        eventually(lambda: playbooks.awaited)
        operator.kill()
    eventually(lambda: playbooks.left_alone)
    assert not playbooks.touched
    assert enforcing.chosen
    operator.start()
    enforcing.told()

    assert enforcing.came == [Came(changed=THREE)]
    assert playbooks.touched == dict.fromkeys(THREE, 1)
    assert len(enforcing.notes) == 1


def updated_and_killed(
    enforcing: Enforcing, playbooks: Playbooks, operator: OperatorProcess
) -> None:
    """Two of three are deprecated; the operator ends before it has written that down."""
    playbooks.add(*THREE)
    with ExitStack() as withheld:
        with playbooks.locked(RECOVERY):
            enforcing.apply()
            eventually(lambda: playbooks.awaited)
            withheld.enter_context(no_right_to_status(enforcing.cluster))
        eventually(lambda: playbooks.touched, RETRIES)
        operator.kill()
    assert enforcing.chosen


def test_a_kill_after_the_update_touches_nothing_twice(
    enforcing: Enforcing, playbooks: Playbooks, operator: OperatorProcess
) -> None:
    """The next process finds them deprecated: by whom, it does not know."""
    updated_and_killed(enforcing, playbooks, operator)

    operator.start()
    enforcing.told()

    assert enforcing.came == [Came(not_changed=("low-2",), unconfirmed=("low-1", "low-3"))]
    assert playbooks.touched == {"low-1": 1, "low-3": 1}
    [note] = enforcing.notes
    assert "2 perhaps deprecated before a crash, 1 left as they were" in note


def test_after_a_kill_nothing_is_denied_that_is_no_longer_wanted(
    enforcing: Enforcing, playbooks: Playbooks, operator: OperatorProcess
) -> None:
    """Nobody looks what the first process has done: row and Event say that they can't know."""
    updated_and_killed(enforcing, playbooks, operator)

    enforcing.apply("Audit")
    operator.start()
    enforcing.told()

    assert enforcing.came == [Came(unconfirmed=THREE, cancelled="enforcement is Audit")]
    assert playbooks.touched == {"low-1": 1, "low-3": 1}
    [note] = enforcing.notes
    assert "cancelled, as enforcement is Audit; playbooks: 3 perhaps deprecated" in note


MUTED = "muted"
CANCELLED = {
    "audit": "enforcement is Audit",
    "suspend": "the policy is suspended",
    "access": REFUSAL,
    MUTED: "the check is muted",
}


def withdraw(enforcing: Enforcing, how: str) -> None:
    """What was chosen shall not be done."""
    match how:
        case "audit":
            enforcing.apply("Audit")
        case "suspend":
            enforcing.apply(suspend=True)
        case "access":
            enforcing.cluster.apply(FORBIDDEN)
        case _:
            until = datetime.now(UTC) + timedelta(hours=1)
            enforcing.cluster.apply(mute(MUTED, enforcing.namespace, NAME, until))


def restore(enforcing: Enforcing, how: str) -> None:
    """It shall be done after all."""
    match how:
        case "access":
            enforcing.cluster.apply(ALLOWED)
        case "muted":
            mutes = ("governancemutes", MUTED, "-n", enforcing.namespace)
            enforcing.cluster.stack.kubectl("delete", *mutes)
        case _:
            enforcing.apply()


@pytest.mark.parametrize("how", CANCELLED)
def test_what_is_withdrawn_before_the_update_is_cancelled(
    enforcing: Enforcing, playbooks: Playbooks, how: str
) -> None:
    """Nothing is changed, and the row says why; it can be wanted again."""
    playbooks.add(*THREE)
    cancelled = Came(not_changed=THREE, cancelled=CANCELLED[how])

    with playbooks.locked():
        enforcing.apply()
        eventually(lambda: playbooks.awaited)
        withdraw(enforcing, how)
        eventually(lambda: enforcing.came == [cancelled], RETRIES)
    enforcing.told()
    assert not playbooks.touched
    assert enforcing.notes == []

    restore(enforcing, how)
    eventually(lambda: len(enforcing.came) > 1, RETRIES)
    assert enforcing.came == [cancelled, Came(changed=THREE)]
    assert playbooks.touched == dict.fromkeys(THREE, 1)


def test_a_source_that_does_not_allow_it_is_named_and_nothing_is_changed(
    enforcing: Enforcing, playbooks: Playbooks
) -> None:
    """`Ready` says so until an administrator allows it."""
    playbooks.add(*THREE)
    enforcing.cluster.apply(FORBIDDEN)

    enforcing.apply()
    eventually(lambda: enforcing.ready == ("False", "RemediationForbidden", REFUSAL))
    enforcing.run()
    assert enforcing.came == []
    assert not playbooks.touched

    enforcing.cluster.apply(ALLOWED)
    eventually(lambda: enforcing.came == [Came(changed=THREE)])
    eventually(lambda: enforcing.ready == ("True", "Evaluated", "1 check evaluated"))
    assert playbooks.touched == dict.fromkeys(THREE, 1)
