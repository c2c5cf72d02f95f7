"""While the work item of a finding is under way, or lately done, its reminders rest."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.support.builders import knowledge, policy, slo
from tests.support.deciding import CHAT, WELL, Told, found, notify, work

from governor.domain.dispatching import SUCCEEDED_RESTS

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
WEEK = SUCCEEDED_RESTS


def life(*, reminders: str | None = None, **check: Any) -> Told:
    """A knowledge check whose findings become work, violated at noon, with its work item made."""
    told = Told(policy(knowledge(**check), notify=notify(reminderInterval=reminders)), chat=CHAT)
    told.decide(knowledge="violated")
    return told


def of_now(told: Told) -> Any:
    """The open finding."""
    return told.check("knowledge").finding


@pytest.mark.parametrize(
    ("status", "age", "rests"),
    [
        ("pending", 99 * WEEK, True),
        ("dispatched", 99 * WEEK, True),
        ("executing", 99 * WEEK, True),
        ("succeeded", WEEK - MINUTE, True),
        ("succeeded", WEEK, False),
        ("failed", 4 * HOUR, False),
        ("skipped", 4 * HOUR, False),
        ("cancelled", 4 * HOUR, False),
    ],
)
def test_reminders_rest_while_a_review_is_open(status: str, age: timedelta, rests: bool) -> None:
    """A success rests a week at most; of the rest only what is under way."""
    told = life()
    told.tick(age.total_seconds())
    told.decide(found(work(of_now(told), status)), knowledge="violated")

    assert told.check("knowledge").suppressed == ("OpenReview" if rests else None)
    assert told.transitions() == ["open"] + ["reminder"] * (not rests)


def test_the_first_telling_is_never_suppressed() -> None:
    """Not by the finding's own work item: under the mute it became work, then people are told."""
    told = life()
    told.status = told.status.model_copy(
        update={
            "checks": tuple(
                c.model_copy(
                    update={
                        "finding": c.finding.model_copy(
                            update={"last_told_at": None, "told_to": None}
                        )
                    }
                )
                for c in told.status.checks
                if c.finding
            )
        }
    )
    told.tick()
    told.decide(found(work(of_now(told), "executing")), knowledge="violated")

    assert told.check("knowledge").suppressed == "OpenReview"
    assert told.transitions() == ["open", "open"]


def test_the_review_of_an_earlier_finding_suppresses_nothing() -> None:
    """Its event is resolved."""
    told = life(reminders="1m")
    told.tick()
    told.decide(found(work(uuid4(), "executing")), knowledge="violated")

    assert told.check("knowledge").suppressed is None
    assert told.transitions() == ["open", "reminder"]


@pytest.mark.parametrize("outcome", ["violated", "error", "nodata"])
def test_a_check_that_fails_meanwhile_does_not_end_the_rest(outcome: str) -> None:
    """The finding is as open, and the work on it under way."""
    told = life(reminders="1m")
    item = work(of_now(told), "executing")
    for _ in range(2):
        told.tick()
        told.decide(found(item), knowledge=outcome)

    assert told.check("knowledge").suppressed == "OpenReview"
    assert told.transitions() == ["open"]


def test_reminders_that_a_check_is_blind_do_not_rest() -> None:
    """The review is of another finding."""
    check = knowledge()
    told = Told(
        policy(check, notify=notify(reminderInterval="1m"), selfFailure={"blindAfter": 1}),
        chat=CHAT,
    )
    told.decide(knowledge="violated")
    item = work(of_now(told), "executing")
    for _ in range(2):
        told.tick()
        told.decide(found(item), knowledge="nodata")

    assert told.messages()[1:] == [
        ("open", "governance_check_blind"),
        ("reminder", "governance_check_blind"),
    ]


@pytest.mark.parametrize(
    ("check", "rests"),
    [
        (knowledge(), True),
        (knowledge(dispatch={"executor": "hermes", "suppressWhileOpen": False}), False),
        (slo("knowledge", dispatch={"executor": "hermes"}), False),
        (slo("knowledge", dispatch={"executor": "hermes", "suppressWhileOpen": True}), True),
    ],
    ids=["knowledge", "told not to", "another", "another, told to"],
)
def test_which_checks_let_reminders_rest(check: dict[str, Any], rests: bool) -> None:
    """Knowledge degradation by default; any check can say otherwise."""
    told = Told(policy(check))
    told.decide(knowledge="violated")
    told.decide(found(work(of_now(told), "pending")))

    assert (told.check("knowledge").suppressed == "OpenReview") is rests


def test_nothing_is_suppressed_once_the_finding_has_ended() -> None:
    """Its work item may still be with the executor."""
    told = life()
    item = work(of_now(told), "executing")
    told.tick()
    told.decide(found(item), knowledge=WELL)

    assert told.check("knowledge").dispatch == item
    assert told.check("knowledge").suppressed is None
