"""What one message carries, and what Alertmanagers must yet hear: the pure parts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.support.notices import SINCE, a_notice, a_self_failure

from governor.domain.alerts import Alert
from governor.domain.digests import next_message
from governor.domain.notices import Notice
from governor.domain.rounds import ENDS_KEPT, Said


def plain(number: int) -> Notice:
    return a_notice(id=UUID(int=number))


def failure(number: int, source: str | None) -> Notice:
    return a_self_failure(id=UUID(int=number), source=source)


def test_the_first_notice_of_the_first_offer() -> None:
    """Where all that waits fits."""
    assert next_message([[plain(1), plain(2)], [plain(3)]], 3) == [1, 0]


def test_a_digest_of_all_where_they_do_not_fit() -> None:
    """It costs one message."""
    assert next_message([[plain(1), plain(2)], [plain(3)]], 2) == [2, 1]


def test_self_failures_of_one_source_count_once_and_go_together() -> None:
    """Also an opening and its resolution, where nothing of that policy stands before them."""
    offers = [
        [failure(1, "a"), failure(2, "a"), plain(3)],
        [plain(4), failure(5, "a")],
        [failure(6, "b")],
        [failure(7, "a")],
    ]
    assert next_message(offers, 4) == [2, 0, 0, 1]
    assert next_message(offers, 3) == [3, 2, 1, 1]


NOTICES = st.one_of(
    st.builds(plain, st.uuids().map(int)),
    st.builds(failure, st.uuids().map(int), st.sampled_from(["a", "b", None])),
)


@given(st.lists(st.lists(NOTICES, min_size=1), min_size=1), st.integers(1, 10))
def test_every_message_carries_something_from_the_front_of_the_first_offer(
    offers: list[list[Notice]], left: int
) -> None:
    """So nobody waits for ever; and no count is out of bounds."""
    counts = next_message(offers, left)

    assert len(counts) == len(offers)
    assert counts[0] >= 1
    assert all(0 <= count <= len(offer) for count, offer in zip(counts, offers, strict=True))


def alert(name: str, now: datetime, *, resolved: bool = False) -> Alert:
    ends = now - timedelta(minutes=1) if resolved else now + timedelta(minutes=5)
    return Alert(
        labels={"alertname": name, "namespace": "aiops"},
        annotations={},
        starts_at=SINCE,
        ends_at=ends,
    )


NOW = SINCE + timedelta(hours=1)
LATER = NOW + timedelta(minutes=1)


def names(alerts: Sequence[Alert]) -> set[str]:
    return {each.labels["alertname"] for each in alerts}


def test_what_is_spoken_of_no_more_is_ended_until_it_is_heard() -> None:
    """With the time at which it was missed first."""
    said = Said().next([alert("a", NOW), alert("b", NOW)], NOW).next([alert("a", LATER)], LATER)
    [ended] = said.ended.values()
    assert (ended.labels["alertname"], ended.ends_at) == ("b", LATER)

    again = said.next([alert("a", LATER)], LATER + timedelta(minutes=1))
    assert list(again.ended.values()) == [ended]
    assert again.heard().ended == {}
    assert names(list(again.heard().firing.values())) == {"a"}


def test_what_fires_again_is_not_ended() -> None:
    """Nor what is told as resolved anyway."""
    said = Said().next([alert("a", NOW), alert("b", NOW)], NOW).next([], LATER)
    said = said.next([alert("a", LATER), alert("b", LATER, resolved=True)], LATER)
    assert said.ended == {}
    assert names(list(said.firing.values())) == {"a"}
    assert said.next([], LATER).heard().next([], LATER).ended == {}


def test_other_annotations_are_the_same_alert() -> None:
    """Labels are identity."""
    said = Said().next([alert("a", NOW)], NOW)
    assert said.next([replace(alert("a", LATER), annotations={"v": "1"})], LATER).ended == {}


def test_an_alert_never_ends_before_it_began() -> None:
    """Alertmanager refuses such a thing, whatever our clock does."""
    early = SINCE - timedelta(hours=1)
    [ended] = Said().next([alert("a", NOW)], NOW).next([], early).ended.values()
    assert ended.ends_at == ended.starts_at


def test_an_end_that_nobody_hears_is_given_up() -> None:
    """The alert has ended by itself long before."""
    said = Said().next([alert("a", NOW)], NOW).next([], LATER)
    assert said.next([], LATER + ENDS_KEPT - timedelta(seconds=1)).ended
    assert not said.next([], LATER + ENDS_KEPT).ended
