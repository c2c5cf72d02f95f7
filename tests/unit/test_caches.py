"""What was seen before a term begins is told at its beginning, in an order that harms nobody."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.world import HandClock

from governor.app.caches import LATELY, Caches
from governor.app.ports import Json, Kind, ObjectKey

NOW = datetime(2026, 11, 25, tzinfo=UTC)
OTHERS = {Kind.MUTES: "m", Kind.CHANNELS: "c", Kind.SOURCES: "s", Kind.NAMESPACES: "n"}
"""What policies depend on, and one object of each."""


class Ear:
    """Writes down what it is told, as method and first argument's name or itself."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.losses: list[Json] = []

    def lost(self, policy: Json) -> None:
        self.losses.append(policy)

    def names_lost(self) -> list[str]:
        return [policy["metadata"]["name"] for policy in self.losses]

    def __getattr__(self, method: str) -> Any:
        def told(*arguments: Any) -> None:
            kind, what = arguments if len(arguments) == 2 else ("", "")
            match what:
                case ObjectKey(uid=name):
                    pass
                case {"metadata": {"uid": name}}:
                    pass
                case _:
                    kind, name = "", kind
            self.heard.append((f"{method} {kind}".strip(), name))

        return told


class Choosy(Ear):
    """One who can't take in some objects, for a bug."""

    def __init__(self, *odd: str) -> None:
        super().__init__()
        self._odd = odd

    def lost(self, policy: Json) -> None:
        self.seen(Kind.POLICIES, policy)

    def seen(self, kind: Kind, body: Json) -> None:
        self._take(body["metadata"]["uid"])
        self.heard.append((f"seen {kind}", body["metadata"]["uid"]))

    def gone(self, kind: Kind, key: ObjectKey) -> None:
        self._take(key.uid)
        self.heard.append((f"gone {kind}", key.uid))

    def _take(self, uid: str) -> None:
        if uid in self._odd:
            raise ValueError("a bug")


def body(uid: str, version: int = 1, **status: Any) -> Json:
    return {
        "metadata": {"uid": uid, "name": uid, "resourceVersion": str(version)},
        "status": status,
    }


def key(uid: str) -> ObjectKey:
    return ObjectKey(uid=uid, namespace="", name=uid)


def caches(clock: HandClock | None = None) -> Caches:
    """Two policies, and one of everything else."""
    known = Caches(clock or HandClock(NOW))
    known.seen(Kind.POLICIES, body("p1"))
    known.policy_tick("p1", 30)
    known.seen(Kind.POLICIES, body("p2"))
    for kind, uid in OTHERS.items():
        known.seen(kind, body(uid))
    return known


async def test_policies_are_told_last_and_with_their_ticks() -> None:
    """None finds a source missing, or tells what is muted; none waits for its next tick."""
    ear = Ear()
    async with caches().relayed_to(ear):
        pass

    assert ear.heard == [
        ("seen namespaces", "n"),
        ("seen governancesources", "s"),
        ("seen governancechannels", "c"),
        ("seen governancemutes", "m"),
        ("listed", ""),
        ("seen governancepolicies", "p1"),
        ("policy_tick", "p1"),
        ("seen governancepolicies", "p2"),
    ]


async def test_policies_are_told_one_by_one_and_what_comes_meanwhile_in_order() -> None:
    """Thousands told at once would hold up the Lease; one that goes is told of first."""
    known, ear = caches(), Ear()
    for number in range(3, 8):
        known.seen(Kind.POLICIES, body(f"p{number}"))

    async def meanwhile() -> None:
        await asyncio.sleep(0)
        assert ("seen governancepolicies", "p7") not in ear.heard
        known.seen(Kind.POLICIES, body("p6", 2))
        known.policy_tick("p7", 30)
        known.gone(Kind.POLICIES, key("p7"))

    await asyncio.gather(meanwhile(), listened(known, ear))
    told = [name for what, name in ear.heard if what == "seen governancepolicies"]
    assert sorted(told) == [f"p{number}" for number in range(1, 8)]
    ends = [what for what, name in ear.heard if name == "p7"]
    assert ends == [
        "policy_tick",
        "seen governancepolicies",
        "policy_tick",
        "gone governancepolicies",
    ]


async def listened(known: Caches, ear: Ear) -> None:
    """To the end of the beginning."""
    async with known.relayed_to(ear):
        pass


async def test_one_object_that_can_not_be_taken_in_hides_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Or whoever may write one could end each term as it begins."""
    known, ear = caches(), Choosy("s", "p1", "p3")
    known.seen(Kind.SOURCES, body("other"))
    known.seen(Kind.POLICIES, body("p3"))
    known.gone(Kind.POLICIES, key("p3"))
    async with known.relayed_to(ear):
        for uid in ("p1", "p2"):
            known.seen(Kind.POLICIES, body(uid, 2))
        known.gone(Kind.POLICIES, key("p1"))
        known.gone(Kind.POLICIES, key("p2"))

    assert ear.heard == [
        ("seen namespaces", "n"),
        ("seen governancesources", "other"),
        ("seen governancechannels", "c"),
        ("seen governancemutes", "m"),
        ("listed", ""),
        ("policy_tick", "p1"),
        ("seen governancepolicies", "p2"),
        ("seen governancepolicies", "p2"),
        ("gone governancepolicies", "p2"),
    ]
    said = [record.__dict__["object"] for record in caplog.records]
    assert said == ["s", "p3", "p1", "p1", "p1"]


async def test_what_comes_while_somebody_listens_is_passed_on_and_nothing_after() -> None:
    known, ear = caches(), Ear()
    async with known.relayed_to(ear):
        ear.heard.clear()
        known.seen(Kind.POLICIES, body("p1", 2))
        known.policy_tick("p2", 60)
        known.gone(Kind.POLICIES, key("p2"))
        for kind, uid in OTHERS.items():
            known.gone(kind, key(uid))
            known.gone(kind, key(uid))
        known.listed()
    told = [*ear.heard]
    known.seen(Kind.POLICIES, body("p3"))

    assert [method for method, _ in told] == [
        "seen governancepolicies",
        "policy_tick",
        "gone governancepolicies",
        *(f"gone {kind}" for kind in OTHERS),
        "listed",
    ]
    assert ear.heard == told


async def test_a_policy_that_went_a_minute_before_a_term_is_told_as_lost_and_no_longer() -> None:
    """Whoever led then may have ended before it saw to it."""
    clock = HandClock(NOW)
    known = caches(clock)
    known.gone(Kind.POLICIES, key("p1"))
    clock.forward(1)
    known.gone(Kind.POLICIES, key("p2"))
    clock.forward(LATELY.total_seconds() - 1)
    first, second, third = Ear(), Ear(), Ear()
    async with known.relayed_to(first):
        pass
    clock.forward(1)
    async with known.relayed_to(second):
        pass
    clock.forward(1)
    known.policy_tick("p1", 30)
    clock.forward(-2)  # what was forgotten stays so
    async with known.relayed_to(third):
        pass

    assert first.names_lost() == ["p1", "p2"]
    assert second.names_lost() == ["p2"]
    assert third.names_lost() == []


async def test_what_is_gone_is_told_to_nobody_later() -> None:
    clock = HandClock(NOW)
    known, ear = caches(clock), Ear()
    known.gone(Kind.POLICIES, key("p1"))
    for kind, uid in OTHERS.items():
        known.gone(kind, key(uid))
    known.policy_tick("p1", 30)  # of a timer that was not stopped yet
    clock.forward(2 * LATELY.total_seconds())
    async with known.relayed_to(ear):
        pass

    assert ear.heard == [("listed", ""), ("seen governancepolicies", "p2")]
    assert known.shelf(Kind.POLICIES).bodies.keys() == {key("p2")}


async def test_an_older_version_takes_no_newer_ones_place() -> None:
    """Versions come from lists and watches, in any order."""
    known, seen = Caches(HandClock(NOW)), []

    class Versions(Ear):
        def seen(self, _: Kind, policy: Json) -> None:
            seen.append(policy["metadata"]["resourceVersion"])

    known.seen(Kind.POLICIES, body("p", 9))
    known.seen(Kind.POLICIES, body("p", 8))
    async with known.relayed_to(Versions()):
        pass

    assert seen == ["9"]


def test_the_highest_epoch_is_remembered_unless_it_is_made_up() -> None:
    """Nobody may lift ours to where no next one fits."""
    known = Caches(HandClock(NOW))
    now = round(NOW.timestamp() * 1000)
    for uid, epoch in (("a", now), ("b", now - 1), ("c", "nonsense"), ("d", None)):
        known.seen(Kind.POLICIES, body(uid, epoch=epoch))
    far = round((NOW + timedelta(days=30)).timestamp() * 1000)
    known.seen(Kind.POLICIES, body("e", epoch=far))

    assert known.highest_epoch == now


def test_it_is_complete_once_everything_was_listed() -> None:
    known = caches()
    assert not known.complete.is_set()
    known.listed()
    assert known.complete.is_set()
