"""What is remembered of queries: who may join, who is alone, and no more than fits."""

import pytest

from governor.adapters.prometheus.blame import of_the_server
from governor.adapters.prometheus.standings import ALONE_RUNS, Standings
from governor.adapters.prometheus.widths import WORKED, Width
from governor.values.outcomes import Fault
from governor.values.reasons import Reason


def answered(known: Standings, text: str, *, joinable: bool = True, seconds: float = 0.1) -> None:
    known.answered_alone(text, joinable=joinable, seconds=seconds, size=10)


def may_join(known: Standings, text: str) -> bool:
    return known.of(text).may_join


def test_the_right_to_join_is_earned_by_the_exact_text() -> None:
    """A space more is another query."""
    known = Standings()
    assert not may_join(known, "up")

    answered(known, "up")

    assert may_join(known, "up")
    assert not may_join(known, "up ")


def test_a_failure_alone_takes_it_away() -> None:
    """Until it is answered alone again."""
    known = Standings()
    answered(known, "up")
    known.failed_alone("up")
    assert not may_join(known, "up")

    answered(known, "up")

    assert may_join(known, "up")


def test_who_spoiled_a_batch_is_alone_twenty_times() -> None:
    """Answered or not; the last of them must be answered."""
    known = Standings()
    answered(known, "up")
    known.blamed("up")
    for run in range(ALONE_RUNS):
        assert not may_join(known, "up"), run
        known.failed_alone("up") if run % 2 == 0 else answered(known, "up")

    assert ALONE_RUNS == 20
    assert may_join(known, "up")


def test_memory_is_bounded() -> None:
    """Those that were asked longest ago are forgotten, and earn it anew."""
    known = Standings(memory=10 * 1000)
    texts = [f"{n:03}" + "x" * 741 for n in range(20)]  # 1000 bytes each, as they are counted
    for text in texts[:10]:
        answered(known, text)
    known.of(texts[0])
    for text in texts[10:19]:
        answered(known, text)

    assert [text for text in texts if may_join(known, text)] == [texts[0], *texts[10:19]]


def test_a_batch_that_became_slow_becomes_small() -> None:
    """The time of a batch is laid on its members by what they took before."""
    known = Standings()
    answered(known, "a", seconds=0.1)
    answered(known, "b", seconds=0.3)

    known.answered_together(["a", "b"], seconds=4.0, size=100)

    assert known.of("a").seconds == pytest.approx(1.0)
    assert known.of("b").seconds == pytest.approx(3.0)
    assert known.of("a").size == known.of("b").size == 50


def test_a_width_is_halved_and_grows_again() -> None:
    """Down to 1: then nobody is asked together, until enough was answered alone."""
    width = Width()
    width.failed(100)
    assert width.most == 50
    width.failed(100)
    assert width.most == 50, "two batches of a size are one lesson"
    width.failed(3)
    assert width.most == 1

    for _ in range(WORKED):
        width.worked()

    assert width.most == 2


def test_a_server_is_blamed_for_what_no_query_can_cause() -> None:
    """A gateway's 503 too; Prometheus' own words may be about a query."""

    def blamed(reason: Reason, message: str = "") -> bool:
        return of_the_server(Fault(reason=reason, message=message))

    assert blamed(Reason.UNREACHABLE, "Prometheus can't be reached: x")
    assert blamed(Reason.SERVER_ERROR, "HTTP 503")
    assert blamed(Reason.SERVER_ERROR, "HTTP 429: too many outstanding requests")
    assert not blamed(Reason.SERVER_ERROR, "HTTP 500: block is corrupt")
    assert not blamed(Reason.TIMEOUT)
    assert not blamed(Reason.QUERY_INVALID)


def test_one_of_which_nothing_is_known_gets_a_part_like_the_others() -> None:
    """Nothing would stay nothing, and a slow one never be found."""
    known = Standings()
    answered(known, "a", seconds=1.0)

    known.answered_together(["a", "b", "c"], seconds=3.0, size=300)
    known.answered_together(["b", "c"], seconds=4.0, size=100)

    assert known.of("a").seconds == pytest.approx(1.0)
    assert known.of("b").seconds == known.of("c").seconds == pytest.approx(2.0)
    assert may_join(known, "b")


def test_a_new_one_that_fails_is_remembered() -> None:
    """It goes alone until it is answered."""
    known = Standings()
    assert not known.knows("up")

    known.failed_alone("up")

    assert known.knows("up")
    assert not may_join(known, "up")
