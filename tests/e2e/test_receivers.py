"""Receivers that go wrong, each in its way: nobody else waits, all is said, nothing is lost."""

from collections.abc import Collection, Sequence
from itertools import pairwise

import pytest
from tests.support.cluster import Cluster, eventually
from tests.support.dial import Dial
from tests.support.manifests import Manifest
from tests.support.receivers import CHATS, EVENTS, RESTS, WELL, Told
from tests.support.sources import deleted
from tests.support.telling import readiness

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

GOOD, BAD = 0.9, 0.4
WITHIN = 5.0
"""Seconds by which a healthy channel may be later than normal."""
SECONDS = 40
PATIENCE = 90
"""Seconds: a policy says that notifications wait once they do for 60."""
NARROWER: Manifest = {
    "from": "Selector",
    "selector": {"matchLabels": {"governance.aiops.dev/platform-data": "allowed"}},
}
LASTING, GONE = "broken", "gone"
"""Who stays bad until an administrator mends it; who says that it takes nothing any more."""


def test_receivers_that_go_wrong_delay_nobody_and_miss_nothing(
    stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess, sources: None
) -> None:
    """Hanging, refusing, busy, gone, broken, babbling: webhooks and chats at the same time."""
    stack.governed.start()
    dial = Dial(stack, namespace)
    webhooks = Told(cluster, namespace, "webhooks", "cloudEvents", EVENTS)
    chats = Told(cluster, namespace, "chats", "apprise", CHATS)
    both = (webhooks, chats)

    def turn(value: float, verdict: str, *words: str) -> None:
        """Both policies get that verdict, and their good receivers have now heard these words."""
        dial.turn(value)
        for it in both:
            cluster.verdict(it.name, namespace, verdict)
        heard(both, words, (WELL,))

    objects = [each for it in both for each in it.objects()]
    with deleted(cluster, *objects):
        dial.turn(GOOD)
        cluster.apply(*objects, *(it.policy(dial) for it in both))
        for it in both:
            cluster.verdict(it.name, namespace, "Ok")
        turn(BAD, "Violated", "opened")
        heard(both, ["opened"], EVENTS)

        behave(both, EVENTS, well=False)
        turn(GOOD, "Ok", "opened", "resolved")
        turn(BAD, "Violated", "opened", "resolved", "opened")
        for it in both:
            normal, *disturbed = it.delays()
            assert max(disturbed) <= normal + WITHIN
            assert it.rows() == [True, False]
        eventually(lambda: said_of_all(both), SECONDS)
        heard(both, ["opened"], EVENTS)

        behave(both, EVENTS.keys() - {LASTING}, well=True)
        heard(both, ["opened", "resolved", "opened"], EVENTS.keys() - {LASTING, GONE})
        heard([chats], ["opened", "resolved", "opened"], [GONE])
        assert_left_alone(webhooks)
        for it in both:
            assert waits(it).startswith(f"{it.called(LASTING)}: notifications wait since")

        behave(both, [LASTING], well=True)
        cluster.apply(*mended(both))
        heard(both, ["opened", "resolved", "opened"], [LASTING])
        turn(GOOD, "Ok", "opened", "resolved", "opened", "resolved")
        heard(both, ["opened", "resolved", "opened", "resolved"], EVENTS.keys() - {GONE})
        heard([chats], ["opened", "resolved", "opened", "resolved"], [GONE])
        heard([webhooks], ["opened", "resolved"], [GONE])
        eventually(lambda: {it.notifying()[1] for it in both} == {"Configured"})
        ours = [it.called(name) for it in both for name in EVENTS]
        eventually(lambda: {readiness(cluster)[name][1] for name in ours} == {"Delivering"})


def behave(both: Sequence[Told], names: Collection[str], *, well: bool) -> None:
    """These receivers go wrong from now on, or don't."""
    for it in both:
        for name in names:
            it.behave(name, well=well)


def heard(of: Sequence[Told], words: Sequence[str], names: Collection[str]) -> None:
    """Waits until each of these receivers has taken that, in this order, and no more."""

    def come() -> bool:
        kinds = ("cloudEvents", "apprise") if WELL in names else ("",)
        taken = {
            it.called(name, kind): it.heard(name, kind)
            for it in of
            for name in names
            for kind in kinds
        }
        assert taken == {called: list(words) for called in taken}
        return True

    eventually(come, SECONDS)


def said_of_all(both: Sequence[Told]) -> bool:
    """Every bad receiver's channel says what is wrong with it."""
    said = readiness(both[0].cluster)
    kept_quiet = {
        it.called(name): said[it.called(name)]
        for it in both
        for name, world in it.worlds.items()
        if said[it.called(name)][:2] != ("False", world.reason)
        or world.says not in said[it.called(name)][2]
    }
    assert kept_quiet == {}
    return True


def assert_left_alone(webhooks: Told) -> None:
    """Nobody came back to the busy receiver before the time that it had said."""
    attempts = webhooks.attempts("busy")
    rests = [
        (later.at - earlier.at).total_seconds()
        for earlier, later in pairwise(attempts)
        if earlier.answer == EVENTS["busy"].how
    ]
    assert rests
    assert min(rests) >= RESTS


def waits(it: Told) -> str:
    """What the policy says once what it owes has waited for long."""

    def come() -> str:
        status, reason, message = it.notifying()
        assert (status, reason) == ("False", "DeliveryFailing")
        return message

    return eventually(come, PATIENCE)


def mended(both: Sequence[Told]) -> list[Manifest]:
    """The channels of those that stayed bad or went, as an administrator changes them."""
    objects = (each for it in both for name in (LASTING, GONE) for each in it.channel(name))
    return [
        each | {"spec": each["spec"] | {"allowedNamespaces": NARROWER}}
        for each in objects
        if "spec" in each
    ]
