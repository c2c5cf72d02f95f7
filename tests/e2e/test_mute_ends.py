"""The end of a mute: by the clock, under another mute, while no operator runs."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.ear import Ear
from tests.support.manifests import channel, notify, policy
from tests.support.muting import BAD, Dials, Muting
from tests.support.sources import deleted
from tests.support.telling import alerts
from tests.support.work import Work

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack
from governor_local.world.governed import Platform

pytestmark = [pytest.mark.e2e]

NAME, QUIET = "governed", "quiet"
SOON = timedelta(seconds=2)
TICK = timedelta(seconds=5)
SPARE = timedelta(seconds=15)
"""What a busy machine may take to deliver what was decided."""


@pytest.fixture(autouse=True)
def measurable(operator: OperatorProcess, platform: Platform, sources: None) -> None:
    """The operator runs, and what it measures is up."""


def test_its_end_is_told_within_one_tick(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    ear: Ear,
    work: Work,
    muting: Muting,
) -> None:
    """Alertmanager hears of it as well, and it becomes work at once, hours before the next slot."""
    dials = Dials(stack, work, "dial")
    oncall = channel(f"oncall-{namespace}", "alertmanager", {"urls": [stack.alertmanager.url]})
    with deleted(cluster, oncall):
        cluster.apply(oncall)
        names = notify(ear.name, f"oncall-{namespace}")
        cluster.apply(policy(NAME, namespace, *dials.checks(), interval="7d", notify=names))
        cluster.verdict(NAME, namespace, "Ok")
        muting.create(QUIET, NAME)
        dials.turn(BAD)
        # Another spec is another beginning: it is judged at once.
        hotter = dials.checks(severity="info")
        telling = names | {"minimumSeverity": "info"}
        cluster.apply(policy(NAME, namespace, *hotter, interval="7d", notify=telling))
        cluster.found(NAME, namespace, "dial")
        assert alerts(stack.alertmanager, namespace, NAME) == []
        end = muting.apply(QUIET, NAME, ends=SOON)

        def happened() -> bool:
            told = ear.words() == [("opened", "dial")]
            fires = len(alerts(stack.alertmanager, namespace, NAME)) == 1
            return told and fires and work.statuses() == {"dial": ["pending"]}

        eventually(happened, (end - datetime.now(UTC) + TICK + SPARE).total_seconds())
        assert ear.told_at(("opened", "dial")) >= end
        [item] = work.items()
        assert datetime.fromisoformat(item["created_at"]) >= end


def test_of_overlapping_mutes_the_latest_end_wins(
    stack: Stack, cluster: Cluster, namespace: str, ear: Ear, work: Work, muting: Muting
) -> None:
    """The end of the shorter one tells nothing."""
    dials = Dials(stack, work, "dial")
    cluster.apply(policy(NAME, namespace, *dials.checks(), notify=notify(ear.name)))
    cluster.verdict(NAME, namespace, "Ok")
    long = muting.create("long", NAME, "dial")
    muting.create("short", NAME)
    dials.turn(BAD)
    cluster.found(NAME, namespace, "dial")
    muting.apply("short", NAME, ends=SOON)

    def until() -> datetime:
        return datetime.fromisoformat(cluster.check(NAME, namespace, "dial")["mutedUntil"])

    eventually(lambda: {row["resolved"] for row in muting.rows()} == {False, True})
    assert until() == long
    assert work.statuses() == {}
    long = muting.apply("long", NAME, "dial", ends=SOON)
    eventually(lambda: ear.words() == [("opened", "dial")])
    assert long <= ear.told_at(("opened", "dial")) <= long + TICK + SPARE
    eventually(lambda: work.statuses() == {"dial": ["pending"]})


def test_mutes_that_begin_and_end_while_the_operator_is_down(
    stack: Stack,
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    ear: Ear,
    work: Work,
    muting: Muting,
) -> None:
    """At its start, what ended is told and becomes work; what began is honoured before that."""
    dials = Dials(stack, work, "begins", "ends")
    begins, ends = dials.checks()
    checks = (begins, ends | {"interval": "6d"})
    cluster.apply(policy(NAME, namespace, *checks, notify=notify(ear.name)))
    cluster.verdict(NAME, namespace, "Ok")
    muting.create("ending", NAME, "ends")
    dials.turn(BAD, "ends")
    # Another spec is another beginning: it is judged at once.
    checks = (begins, ends | {"interval": "7d"})
    cluster.apply(policy(NAME, namespace, *checks, notify=notify(ear.name)))
    cluster.found(NAME, namespace, "ends")
    operator.stop()
    assert ear.words() == []

    over = muting.apply("ending", NAME, "ends", ends=SOON)
    muting.apply("beginning", NAME, "begins")
    dials.turn(BAD, "begins")
    eventually(lambda: datetime.now(UTC) > over)
    operator.start()
    eventually(lambda: ear.words() == [("opened", "ends")])
    eventually(lambda: work.statuses() == {"ends": ["pending"]})
    cluster.found(NAME, namespace, "begins", "ends")
    assert ear.words() == [("opened", "ends")]
    assert work.statuses() == {"ends": ["pending"]}
    muting.delete("beginning")
    eventually(lambda: ear.words() == [("opened", "begins"), ("opened", "ends")])
