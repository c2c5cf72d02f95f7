"""What was seen before a term begins is told at its beginning, in an order that harms nobody."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.world import HandClock

from governor.app.caches import Caches
from governor.app.ports import Json

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Ear:
    """Writes down what it is told, as method and first argument's name or itself."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def __getattr__(self, method: str) -> Any:
        def told(*arguments: Any) -> None:
            first = arguments[0] if arguments else ""
            name = first["metadata"]["uid"] if isinstance(first, dict) else first
            self.heard.append((method, name))

        return told


def body(uid: str, version: int = 1, **status: Any) -> Json:
    return {
        "metadata": {"uid": uid, "name": uid, "resourceVersion": str(version)},
        "status": status,
    }


def caches() -> Caches:
    """Two policies, and one of everything else."""
    known = Caches(HandClock(NOW))
    known.policy_seen(body("p1"))
    known.policy_tick("p1", 30)
    known.policy_seen(body("p2"))
    known.mute_seen(body("m"))
    known.channel_seen(body("c"))
    known.source_seen(body("s"))
    known.namespace_seen("aiops", {})
    return known


def test_policies_are_told_last_and_with_their_ticks() -> None:
    """None finds a source missing, or tells what is muted; none waits for its next tick."""
    ear = Ear()
    with caches().relayed_to(ear):
        pass

    assert ear.heard == [
        ("namespace_seen", "aiops"),
        ("source_seen", "s"),
        ("channel_seen", "c"),
        ("mute_seen", "m"),
        ("listed", ""),
        ("policy_seen", "p1"),
        ("policy_tick", "p1"),
        ("policy_seen", "p2"),
    ]


def test_what_comes_while_somebody_listens_is_passed_on_and_nothing_after() -> None:
    known, ear = caches(), Ear()
    with known.relayed_to(ear):
        ear.heard.clear()
        known.policy_seen(body("p1", 2))
        known.policy_tick("p2", 60)
        known.policy_gone("p2")
        for gone in (known.source_gone, known.channel_gone, known.mute_gone, known.namespace_gone):
            gone("x")
        known.listed()
    told = [*ear.heard]
    known.policy_seen(body("p3"))

    assert [method for method, _ in told] == [
        "policy_seen",
        "policy_tick",
        "policy_gone",
        "source_gone",
        "channel_gone",
        "mute_gone",
        "namespace_gone",
        "listed",
    ]
    assert ear.heard == told


def test_what_is_gone_is_told_to_nobody_later() -> None:
    known, ear = caches(), Ear()
    known.policy_gone("p1")
    known.source_gone("s")
    known.channel_gone("c")
    known.mute_gone("m")
    known.namespace_gone("aiops")
    known.policy_tick("p1", 30)  # of a timer that was not stopped yet
    with known.relayed_to(ear):
        pass

    assert ear.heard == [("listed", ""), ("policy_seen", "p2")]
    assert known.uids == {"p2"}


def test_an_older_version_takes_no_newer_ones_place() -> None:
    """Versions come from lists and watches, in any order."""
    known, seen = Caches(HandClock(NOW)), []

    class Versions(Ear):
        def policy_seen(self, policy: Json) -> None:
            seen.append(policy["metadata"]["resourceVersion"])

    known.policy_seen(body("p", 9))
    known.policy_seen(body("p", 8))
    with known.relayed_to(Versions()):
        pass

    assert seen == ["9"]


def test_the_highest_epoch_is_remembered_unless_it_is_made_up() -> None:
    """Nobody may lift ours to where no next one fits."""
    known = Caches(HandClock(NOW))
    now = round(NOW.timestamp() * 1000)
    for uid, epoch in (("a", now), ("b", now - 1), ("c", "nonsense"), ("d", None)):
        known.policy_seen(body(uid, epoch=epoch))
    far = round((NOW + timedelta(days=30)).timestamp() * 1000)
    known.policy_seen(body("e", epoch=far))

    assert known.highest_epoch == now


def test_it_is_complete_once_everything_was_listed() -> None:
    known = caches()
    assert not known.complete.is_set()
    known.listed()
    assert known.complete.is_set()
