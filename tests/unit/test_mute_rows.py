"""The row that tells of a mute: one each time that it is in force, however the status fares."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import (
    NOON,
    History,
    policy,
    slo,
    spec,
)
from tests.support.deciding import CHAT, Told, mute, notify

from governor.api.log import Entry
from governor.api.policy import PolicySpec
from governor.api.status import FindingRef, PolicyStatus
from governor.domain.details import details
from governor.domain.identity import finding_id
from governor.domain.muting import MOST
from governor.domain.plans import Feedback
from governor.domain.surroundings import Mute
from governor.domain.takeovers import Known

HOUR = timedelta(hours=1)
POLICYS = "the findings of the policy as a whole"
TWO = (slo("first"), slo("second", severity="critical"))


def life(*mutes: Mute, **overrides: Any) -> Told:
    """A policy of two checks, the second critical, that tells a chat."""
    told = Told(policy(*TWO, notify=notify(), **overrides), chat=CHAT)
    told.surround(mutes=mutes)
    return told


def until(told: History) -> dict[str, timedelta]:
    """How long from noon each muted check is muted."""
    return {c.name: c.muted_until - NOON for c in told.status.checks if c.muted_until}


def rows(told: History) -> list[Entry]:
    """What was told of mutes."""
    return [entry for entry in told.told if entry.event_type == "governance_mute"]


def test_a_mute_that_is_removed_ends_at_once() -> None:
    """What waited is told, and its row says that it was removed."""
    told = life(mute())
    told.decide(first="violated", second="ok")
    told.surround(mutes=())
    told.tick()
    told.decide()

    assert told.messages() == [("open", "slo_first_violation")]
    assert [e.resolved_reason for e in rows(told)] == [None, "MuteRemoved"]
    assert told.status.mutes == ()
    assert until(told) == {}


def test_a_mute_that_is_moved_keeps_its_row() -> None:
    """Only its end is another."""
    told = life(mute())
    told.decide(first="violated", second="ok")
    told.surround(mutes=(mute(ends=2 * HOUR),))
    told.tick(3600)
    told.decide()

    assert until(told) == {"first": 2 * HOUR}
    (ref,) = told.status.mutes
    assert (ref.uid, ref.name, ref.expires_at) == ("uid-of-quiet", "quiet", NOON + 2 * HOUR)
    assert len(rows(told)) == 1
    assert told.messages() == []


def test_a_mute_whose_end_was_moved_into_the_past_has_expired() -> None:
    """It is still there: nobody removed it."""
    told = life(mute())
    told.decide(first="violated", second="ok")
    told.surround(mutes=(mute(ends=timedelta(seconds=1)),))
    told.tick(2)
    told.decide()

    assert [e.resolved_reason for e in rows(told)] == [None, "Expired"]


def test_the_row_of_a_mute_says_what_why_whose_and_until_when() -> None:
    """To the sink and as an Event, and to no channel."""
    told = life(mute("quiet", "first"), mute("all", ends=2 * HOUR))
    told.tick()
    told.decide(first="ok", second="ok")

    first, second = rows(told)
    assert (first.check, first.targets) == ("mute/uid-of-quiet", ("sink", "event"))
    assert (first.opened_at, first.severity, first.reason) == (told.now, "info", "Muted")
    assert first.message == (
        "mute quiet of sre silences first until 2026-11-22T13:00:00Z: a migration"
    )
    assert json.loads(first.impact) == {
        "mute": "quiet",
        "owner": "sre",
        "reason": "a migration",
        "expires_at": "2026-11-22T13:00:00Z",
    }
    assert json.loads(first.lists) == {"checks": ["first"]}
    assert second.message == (
        "mute all of sre silences first and the findings of the policy as a whole "
        "until 2026-11-22T14:00:00Z: a migration; not silenced, as spec.mutes of the policy "
        "is not Allowed: second, the finding that governance itself fails"
    )
    assert json.loads(second.lists) == {"checks": ["first"]}
    assert told.messages() == []


@pytest.mark.parametrize(
    ("silencing", "mutes", "what", "checks"),
    [
        (mute(), "Allowed", f"all 2 checks and {POLICYS}", ["first", "second"]),
        (mute("quiet", "second", "first"), "Allowed", "all 2 checks", ["first", "second"]),
        (mute("quiet", "gone", "second"), "Allowed", "second", ["second"]),
    ],
    ids=["all", "every one named", "one named that is gone"],
)
def test_the_row_of_a_mute_says_which_checks_it_really_silences(
    silencing: Mute, mutes: str, what: str, checks: list[str]
) -> None:
    """Those that the policy has, and lets be muted."""
    told = life(silencing, mutes=mutes)
    told.decide(first="ok", second="ok")

    (row,) = rows(told)
    assert row.message == (
        f"mute quiet of sre silences {what} until 2026-11-22T13:00:00Z: a migration"
    )
    assert json.loads(row.lists) == {"checks": checks}


def test_details_of_a_mute_say_what_it_is_and_whose() -> None:
    """At its end, whose it was is with its beginning."""
    told = life(mute())
    told.decide(first="ok", second="ok")
    told.surround(mutes=())
    told.tick()
    told.decide()
    first, last = (details(entry, PolicySpec.model_validate(spec(*TWO))) for entry in rows(told))

    assert (first["status"], last["status"]) == ("info", "info")
    assert first["remediation"]["next_action"] == "review_mute"
    assert first["remediation"]["hint"].startswith("A GovernanceMute is in force")
    assert first["actionable"]["items"] == first["remediation"]["items"] != []
    assert first["impact"]["checks"] == ["first"]
    assert first["ownership"]["human_owner"] == "sre"
    assert first["ownership"]["human_reason"] == "a migration"
    assert last["ownership"]["human_owner"] == "The owner that the mute names"


def test_a_mute_has_one_row_even_after_a_wiped_status() -> None:
    """The row that the sink has open is the mute's again; nobody is told of it twice."""
    told = life(mute())
    told.decide(first="ok", second="ok")
    (ref,) = told.status.mutes
    told.status = PolicyStatus()
    told.tick()
    row = Known(check="mute/uid-of-quiet", finding=ref.finding)
    told.decide(Feedback(open_rows=(row,)), first="ok", second="ok")
    assert told.status.mutes == (ref,)
    told.tick(3600)
    told.decide()

    first, end = rows(told)
    assert (first.transition, end.transition) == ("open", "resolve")
    assert (end.finding, end.resolved_reason) == (ref.finding.id, "Expired")


def test_a_wiped_status_learns_of_the_row_when_the_sink_is_back() -> None:
    """It could not be asked: the mute opens anew, and goes on as what the sink has open."""
    told = life(mute())
    told.decide(first="ok", second="ok")
    (ref,) = told.status.mutes
    told.status = PolicyStatus()
    told.down.add("sink")
    told.tick()
    told.decide(first="ok", second="ok")
    (anew,) = told.status.mutes
    assert anew.finding.id != ref.finding.id
    told.down.clear()
    told.decide(Feedback(adopted={anew.finding.id: ref.finding}))
    assert told.status.mutes == (ref,)
    assert told.status.pending == ()
    told.tick(3600)
    told.decide()

    assert [e.finding for e in told.to("sink") if e.transition == "resolve"] == [ref.finding.id]


def test_a_row_of_an_earlier_life_leaves_the_present_one_to_the_sink() -> None:
    """Its unique index says which of the two is open."""
    told = life(mute())
    told.decide(first="ok", second="ok")
    (ref,) = told.status.mutes
    earlier = NOON - HOUR
    finding = FindingRef(
        id=finding_id(told.uid, "governance_mute", "mute/uid-of-quiet", earlier),
        event_type="governance_mute",
        opened_at=earlier,
    )
    row = Known(check="mute/uid-of-quiet", finding=finding)
    told.decide(Feedback(open_rows=(row,)), first="ok", second="ok")

    assert told.status.mutes == (ref,)
    assert len(rows(told)) == 1


@pytest.mark.parametrize("standing", [(), (mute(),)], ids=["removed", "expired"])
def test_the_row_of_a_mute_that_nobody_knows_any_more_ends(standing: tuple[Mute, ...]) -> None:
    """The status was wiped, and the mute ended before the next decision."""
    told = life(mute())
    told.decide(first="ok", second="ok")
    (ref,) = told.status.mutes
    told.status = PolicyStatus()
    told.surround(mutes=standing)
    told.tick(3600)
    row = Known(check="mute/uid-of-quiet", finding=ref.finding)
    told.decide(Feedback(open_rows=(row,)), first="ok", second="ok")

    end = rows(told)[-1]
    assert (end.transition, end.finding, end.resolved_reason) == (
        "resolve",
        ref.finding.id,
        "MuteRemoved",
    )
    assert end.message == "the mute has ended"


def test_a_row_that_the_status_knows_is_left_to_it() -> None:
    """The mute ends as what it was, not as a row without an owner."""
    told = life(mute())
    told.decide(first="ok", second="ok")
    (ref,) = told.status.mutes
    told.tick(3600)
    row = Known(check="mute/uid-of-quiet", finding=ref.finding)
    told.decide(Feedback(open_rows=(row,)), first="ok", second="ok")

    assert [e.resolved_reason for e in rows(told)] == [None, "Expired"]


def test_more_mutes_than_a_status_has_room_for() -> None:
    """Those that end last are honoured; the others wait their turn."""
    many = [mute(f"m{n:02}", ends=timedelta(minutes=n + 1)) for n in range(MOST + 4)]
    told = life(*many)
    told.decide(first="violated", second="ok")
    assert {ref.name for ref in told.status.mutes} == {m.name for m in many[4:]}
    assert until(told) == {"first": timedelta(minutes=MOST + 4)}

    told.tick(60 * (MOST + 3))
    told.decide()
    assert [ref.name for ref in told.status.mutes] == [many[-1].name]
    told.tick()
    told.decide()
    assert told.status.mutes == ()
    assert told.transitions() == ["open"]


def test_ids_of_mutes_follow_from_the_decision_that_began_to_honour_them() -> None:
    """As those of findings do: each time that a mute is in force has a row of its own."""
    told = life(mute(created=NOON - HOUR, ends=2 * HOUR))
    told.tick()
    told.decide(first="ok", second="ok")
    expected = finding_id(told.uid, "governance_mute", "mute/uid-of-quiet", told.now)

    assert told.status.mutes[0].finding.id == expected
