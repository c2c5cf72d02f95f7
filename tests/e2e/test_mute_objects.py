"""What is seen of a mute: its row, columns, counts and metrics; and those that are too long."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.support.asking import series, value
from tests.support.cluster import Cluster, eventually
from tests.support.dial import Dial
from tests.support.ear import Ear
from tests.support.manifests import notify, policy
from tests.support.muting import BAD, GOOD, MUTES, Muting

from governor.domain.muting import LONGEST
from governor_local import manifests
from governor_local.errors import CommandError
from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

NAME, QUIET = "governed", "quiet"
TOO_LONG = LONGEST + timedelta(hours=1)
_ADMISSION = "validatingadmissionpolicybinding/governor-mutes"


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


@pytest.fixture
def dial(stack: Stack, namespace: str) -> Dial:
    """A number past its red line."""
    dial = Dial(stack, namespace)
    dial.turn(BAD)
    return dial


def listed(cluster: Cluster, kind: str, namespace: str) -> list[dict[str, str]]:
    """What `kubectl get` prints, by its columns."""
    text = cluster.stack.kubectl("get", kind, "-n", namespace).stdout
    head, *lines = [line.split("   ") for line in text.splitlines()]
    names = [name.strip() for name in head if name.strip()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    return [dict(zip(names, line, strict=True)) for line in cells]


def test_it_is_seen_while_it_lasts_and_when_it_has_ended(
    cluster: Cluster, namespace: str, operator: OperatorProcess, dial: Dial, muting: Muting
) -> None:
    """One row, resolved at its end; columns, counts, conditions and metrics follow."""
    checks = [dial.check("one"), dial.check("two"), dial.check("grave", severity="critical")]
    cluster.apply(policy(NAME, namespace, *checks))
    cluster.verdict(NAME, namespace, "Violated")
    end = muting.create(QUIET, NAME, "one", "two")
    muting.create("refused", NAME, "grave", told="Forbidden")

    def counted() -> tuple[Any, ...]:
        """In the status, in the columns of the policy, and in metrics."""
        ours = {"namespace": namespace, "policy": NAME}
        [columns] = listed(cluster, "governancepolicies", namespace)
        return (
            cluster.status(NAME, namespace)["summary"]["muted"],
            columns["MUTED"],
            value(operator, "governor_policy_muted_checks", **ours),
            value(operator, "governor_mutes", **ours, state="active"),
            value(operator, "governor_mutes", **ours, state="refused"),
        )

    eventually(lambda: counted() == (2, "2", 2, 1, 1))
    [row] = eventually(muting.rows)
    uid = muting.get(QUIET)["metadata"]["uid"]
    told = ("check_name", "severity", "resolved")
    assert [row[name] for name in told] == [f"mute/{uid}", "info", False]
    assert "mute quiet of the tests silences one, two until" in row["details"]["message"]
    quiet, refused = listed(cluster, MUTES, namespace)
    assert list(quiet) == ["NAME", "POLICY", "CHECKS", "ACTIVE", "EXPIRES", "OWNER", "AGE"]
    assert (quiet["POLICY"], quiet["CHECKS"], quiet["ACTIVE"], quiet["OWNER"]) == (
        *(NAME, '["one","two"]', "True", "the tests"),
    )
    assert quiet["EXPIRES"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    assert refused["ACTIVE"] == "False"

    end = muting.apply(QUIET, NAME, "one", "two", ends=timedelta(seconds=2))
    eventually(lambda: muting.says(QUIET)["Active"][:2] == ("False", "Expired"))
    eventually(lambda: counted() == (0, "0", None, 0, 1))
    cluster.told(NAME, namespace)
    [ended] = muting.rows()
    assert (ended["id"], ended["resolved_reason"]) == (row["id"], "Expired")
    resolved = datetime.fromisoformat(ended["resolved_at"])
    assert end <= resolved <= end + timedelta(seconds=20)
    of_mutes = [event for event in cluster.events(namespace) if event["action"] == "Mute"]
    assert sorted(event["reason"] for event in of_mutes) == ["FindingOpened", "FindingResolved"]

    muting.delete("refused")
    eventually(lambda: not series(operator, "governor_mutes", namespace=namespace))


def test_one_that_is_deleted_early_is_over(
    cluster: Cluster, namespace: str, dial: Dial, muting: Muting
) -> None:
    """Its row says so; another one of the same name is another mute."""
    cluster.apply(policy(NAME, namespace, dial.check()))
    cluster.verdict(NAME, namespace, "Violated")
    for _ in range(2):
        muting.create(QUIET, NAME)
        eventually(lambda: cluster.status(NAME, namespace)["summary"]["muted"] == 1)
        muting.delete(QUIET)
        eventually(lambda: cluster.status(NAME, namespace)["summary"]["muted"] == 0)
    cluster.told(NAME, namespace)

    assert [row["resolved_reason"] for row in muting.rows()] == ["MuteRemoved"] * 2
    assert len({row["check_name"] for row in muting.rows()}) == 2


def test_one_that_has_ended_and_is_extended_is_in_force_again(
    cluster: Cluster, namespace: str, dial: Dial, muting: Muting
) -> None:
    """As its condition advises: with another row, and Events of its own."""
    cluster.apply(policy(NAME, namespace, dial.check()))
    cluster.verdict(NAME, namespace, "Violated")
    muting.create(QUIET, NAME)
    muting.create(QUIET, NAME, ends=timedelta(seconds=2), told="Expired")
    eventually(lambda: [row["resolved"] for row in muting.rows()] == [True])
    muting.create(QUIET, NAME)
    eventually(lambda: [row["resolved"] for row in muting.rows()] == [True, False])
    muting.delete(QUIET)
    eventually(lambda: all(row["resolved"] for row in muting.rows()))
    cluster.told(NAME, namespace)

    assert [row["resolved_reason"] for row in muting.rows()] == ["Expired", "MuteRemoved"]
    of_mutes = [event["reason"] for event in cluster.events(namespace) if event["action"] == "Mute"]
    assert sorted(of_mutes) == ["FindingOpened"] * 2 + ["FindingResolved"] * 2


@contextmanager
def without_admission(cluster: Cluster, muting: Muting) -> Iterator[None]:
    """The API server takes every mute for a while."""

    def refuses() -> bool:
        try:
            muting.apply("probe", NAME, ends=TOO_LONG)
        except CommandError:
            return True
        cluster.stack.kubectl("delete", MUTES, "probe", "-n", muting.namespace)
        return False

    cluster.stack.kubectl("delete", _ADMISSION)
    try:
        eventually(lambda: not refuses())
        yield
    finally:
        base = manifests.rendered(cluster.stack.binaries.kubectl, manifests.DEPLOY / "base")
        cluster.stack.kubectl("apply", "-f", "-", input=base)
        eventually(refuses)


def test_one_that_is_too_long_is_refused_and_never_honoured(
    cluster: Cluster, namespace: str, dial: Dial, ear: Ear, muting: Muting
) -> None:
    """By the API server, or where it lets it pass, by the operator."""
    with pytest.raises(CommandError, match="a mute ends at most 90 days after its creation"):
        muting.apply(QUIET, NAME, ends=TOO_LONG)

    dial.turn(GOOD)
    cluster.apply(policy(NAME, namespace, dial.check(), notify=notify(ear.name)))
    cluster.verdict(NAME, namespace, "Ok")
    with without_admission(cluster, muting):
        muting.create(QUIET, NAME, ends=TOO_LONG, told="TooLong")
    dial.turn(BAD)
    eventually(lambda: ear.words() == [("opened", "dial")])

    says = muting.says(QUIET)
    assert [says[name][:2] for name in ("Accepted", "Active")] == [("False", "TooLong")] * 2
    assert "90 days after its creation" in says["Accepted"][2]
    assert muting.rows() == []
    assert cluster.status(NAME, namespace)["summary"]["muted"] == 0
