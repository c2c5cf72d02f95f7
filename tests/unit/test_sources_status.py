"""The Ready condition of a source, and when it is worth a write."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governor.api.source import SourceStatus
from governor.domain.sources import PROBED_EVERY, probed, worth_writing
from governor.values.outcomes import Fault
from governor.values.reasons import Reason

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DOWN = Fault(reason=Reason.UNREACHABLE, message="connection refused\nby 10.0.0.1")


def after(
    before: SourceStatus, found: str | Fault, seconds: int = 0, generation: int = 1
) -> SourceStatus:
    now = NOON + timedelta(seconds=seconds)
    return probed(before, found, generation=generation, now=now)


READY = after(SourceStatus(), "3.16.0")


def test_a_server_that_answers_is_ready() -> None:
    """Ready is True with the server's version."""
    status = after(SourceStatus(), "3.16.0")
    (condition,) = status.conditions

    assert (condition.type, condition.status, condition.reason) == ("Ready", "True", "Reachable")
    assert (status.server_version, status.last_probed) == ("3.16.0", NOON)
    assert (status.observed_generation, condition.observed_generation) == (1, 1)
    assert condition.last_transition_time == NOON
    assert condition.message == "the server answers, version 3.16.0"


def test_a_probing_is_told_in_whole_seconds() -> None:
    """As the API server keeps it."""
    now = NOON + timedelta(microseconds=999_999)

    assert probed(SourceStatus(), "3.16.0", generation=1, now=now).last_probed == NOON


def test_a_server_that_does_not_answer_is_not_ready() -> None:
    """Ready is False with the fault's reason; the version that was seen last stays."""
    status = after(READY, DOWN, 60, generation=2)
    (condition,) = status.conditions

    assert (condition.status, condition.reason) == ("False", "Unreachable")
    assert condition.message == "connection refused by 10.0.0.1"
    assert condition.last_transition_time == NOON + timedelta(seconds=60)
    assert (status.server_version, status.observed_generation) == ("3.16.0", 2)


@given(st.lists(st.sampled_from(["3.16.0", "3.17.0", DOWN]), min_size=1))
def test_the_transition_time_is_that_of_the_last_flip(found: list[str | Fault]) -> None:
    """It moves only when the status does."""
    status, flipped, latest = SourceStatus(), 0, None
    for minute, each in enumerate(found):
        ready = not isinstance(each, Fault)
        if ready is not latest:
            flipped, latest = minute, ready
        status = after(status, each, 60 * minute)

    assert status.conditions[0].last_transition_time == NOON + timedelta(minutes=flipped)


@pytest.mark.parametrize(
    ("status", "worth"),
    [
        (after(READY, "3.16.0", 60), False),
        (after(READY, "3.16.0", 299), False),
        (after(READY, "3.16.0", int(PROBED_EVERY.total_seconds())), True),
        (after(READY, "3.17.0", 60), True),
        (after(READY, DOWN, 60), True),
        (after(READY, "3.16.0", 60, generation=2), True),
    ],
    ids=["a minute later", "nearly 5 min", "5 min", "version", "down", "generation"],
)
def test_only_news_is_worth_a_write(status: SourceStatus, worth: bool) -> None:
    """A probing that says the same is written every 5 minutes."""
    assert worth_writing(READY, status) is worth


def test_the_first_probing_is_worth_a_write() -> None:
    """An empty status says nothing yet."""
    assert worth_writing(SourceStatus(), READY)
    assert not worth_writing(SourceStatus(), SourceStatus())
    assert worth_writing(SourceStatus(), SourceStatus(last_probed=NOON))
    assert worth_writing(READY, SourceStatus())
