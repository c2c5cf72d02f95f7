"""Under a mute findings live as ever, and nobody is told."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import (
    NOON,
    History,
    blast,
    drift,
    drifted,
    knowledge,
    policy,
    slo,
)
from tests.support.deciding import CHAT, Told, mute, notify

from governor.api.log import Entry, Target
from governor.domain.surroundings import Mute

HOUR = timedelta(hours=1)
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


@pytest.mark.parametrize(
    ("checks", "mutes", "muted"),
    [
        (("first",), None, ["first"]),
        (("second",), None, []),
        (("first", "second"), None, ["first"]),
        ((), None, ["first"]),
        ((), "Allowed", ["first", "second"]),
        (("second",), "Allowed", ["second"]),
        ((), "Forbidden", []),
        (("first",), "Forbidden", []),
        (("elsewhere",), "Allowed", []),
    ],
)
def test_whom_a_mute_silences(checks: tuple[str, ...], mutes: str | None, muted: list[str]) -> None:
    """Those that it names and the policy lets it; critical checks by default not."""
    told = life(mute("quiet", *checks), mutes=mutes)
    told.decide(first="violated", second="violated")

    assert list(until(told)) == muted
    assert told.status.summary.muted == len(muted)
    assert [e.check for e in told.to("channel/chat")] == [
        name for name in ("first", "second") if name not in muted
    ]
    assert bool(rows(told)) is bool(muted)


def test_a_mute_changes_nothing_but_telling() -> None:
    """Verdicts, conditions, findings, rows and Events are the same; only channels hear less."""
    quiet, loud = life(mute("quiet", "first")), life()
    for told in (quiet, loud):
        for outcome in ("violated", "warning", "violated", "error"):
            told.tick()
            told.decide(first=outcome, second=outcome)

    def checks(told: Told) -> list[Any]:
        return [
            c.model_copy(update={"muted_until": None, "finding": None, "last_finding": None})
            for c in told.status.checks
        ]

    assert checks(quiet) == checks(loud)
    assert quiet.status.conditions == loud.status.conditions
    assert quiet.status.verdict == loud.status.verdict
    for target in ("sink", "event"):
        heard = [e.id for e in quiet.to(target) if e.event_type != "governance_mute"]
        assert heard == [e.id for e in loud.to(target)]
    assert {e.check for e in quiet.to("channel/chat")} == {"second"}
    assert quiet.status.summary.model_copy(update={"muted": 0}) == loud.status.summary


def test_of_overlapping_mutes_the_latest_end_wins() -> None:
    """Check by check."""
    short, long = mute("short", "first"), mute("long", ends=2 * HOUR)
    told = life(long, short, mutes="Allowed")
    told.decide(first="violated", second="violated")
    assert until(told) == {"first": 2 * HOUR, "second": 2 * HOUR}

    told.tick(3600)
    told.decide()
    assert until(told) == {"first": 2 * HOUR, "second": 2 * HOUR}
    assert [e.resolved_reason for e in rows(told)] == [None, None, "Expired"]
    assert told.messages() == []


def test_what_waited_is_told_at_the_end_of_the_mute() -> None:
    """At its very end, without a run; then reminders count from there."""
    told = life(mute())
    told.decide(first="violated", second="ok")
    told.tick(3599)
    told.decide()
    assert told.messages() == []
    told.tick(1)
    told.decide()
    told.tick()
    told.decide()

    assert told.messages() == [("open", "slo_first_violation")]
    (opening,) = told.to("channel/chat")
    assert (opening.opened_at, opening.decided_at) == (NOON, NOON + HOUR)
    assert opening.id == next(e for e in told.to("sink") if e.check == "first").id
    assert told.check("first").finding.last_told_at == NOON + HOUR


def test_an_opening_that_is_still_in_the_log_is_what_is_told() -> None:
    """One entry for all: the sink was down all the while."""
    told = life(mute())
    told.down |= {Target.SINK}
    told.decide(first="violated", second="ok")
    told.tick(3600)
    told.decide()

    assert told.messages() == [("open", "slo_first_violation")]
    (opening,) = [e for e in told.status.pending if e.check == "first"]
    assert opening.targets == ("sink", "channel/chat")
    assert opening.decided_at == NOON
    notifying = told.condition("Notifying")
    assert (notifying.status, notifying.reason) == ("True", "Configured")


def test_what_ended_under_the_mute_is_never_told() -> None:
    """Neither its opening nor its end."""
    told = life(mute())
    told.decide(first="violated", second="ok")
    told.tick()
    told.decide(first="ok", second="ok")
    told.tick(3600)
    told.decide()

    assert told.messages() == []


def test_a_resolution_is_told_under_a_mute_if_the_opening_was() -> None:
    """Who was told that it began is told that it is over; reminders rest."""
    told = life()
    told.decide(first="violated", second="ok")
    told.surround(mutes=(mute(ends=9 * HOUR),))
    for _ in range(8):
        told.tick(3600)
        told.decide(first="violated")
    assert told.transitions() == ["open"]
    told.decide(first="ok")
    told.tick()
    told.decide(first="ok")

    assert told.transitions() == ["open", "resolve"]


def test_a_suspended_policys_mutes_begin_and_end() -> None:
    """Its status says who is muted; nothing else happens."""
    told = life()
    told.decide(first="violated", second="ok")
    told.turn(replace(told.policy, suspended=True))
    told.surround(mutes=(mute(),))
    told.decide()
    assert until(told) == {"first": HOUR}
    assert told.status.summary.muted == 1
    told.tick(3600)
    told.decide()

    assert until(told) == {}
    assert told.status.summary.muted == 0
    assert [e.resolved_reason for e in rows(told)] == [None, "Expired"]
    assert told.transitions() == ["open"]


def test_a_suspended_policy_keeps_what_it_knows_of_checks_that_are_gone() -> None:
    """Their findings end once it is measured again."""
    told = life()
    told.decide(first="violated", second="ok")
    before = told.check("first")
    told.turn(policy(slo("second"), suspend=True))
    told.surround(mutes=(mute("quiet", "first"),))
    told.decide()

    assert told.check("first") == before


def test_nothing_is_done_under_a_mute_either() -> None:
    """No work item and no remediation; both come with the next run after its end."""
    told = Told(policy(knowledge(severity="info"), drift(), enforcement="Enforce"))
    told.surround(mutes=(mute(),), remediation={"platform": None})
    for _ in range(3):
        told.tick()
        told.decide(knowledge="violated", drift=drifted("a"))
    kinds = {entry.transition for entry in told.told if entry.event_type != "governance_mute"}
    assert kinds == {"open"}
    assert told.to(Target.DISPATCH) == []

    told.tick(3600)
    told.decide(drift=drifted("a"))
    (chosen,) = [e for e in told.told if e.transition == "remediate"]
    assert json.loads(chosen.lists) == {"ids": ["a"]}


def test_findings_of_the_policy_are_muted_by_a_mute_of_all_alone() -> None:
    """A self failure is critical: by default it is told."""
    checks = (slo("a"), blast("b"))
    for named, told_of in ((("a", "b"), True), ((), False)):
        told = Told(policy(*checks, notify=notify()), chat=CHAT)
        told.surround(mutes=(mute("quiet", *named),))
        told.decide(a="nodata", b="ok")
        assert (("open", "governance_slo_data_gap") in told.messages()) is told_of

    told = Told(policy(*checks, notify=notify(), selfFailure={"erroredChecks": 2}), chat=CHAT)
    told.surround(mutes=(mute(),))
    told.decide(a="error", b="error")
    assert told.messages() == [("open", "governance_self_failure")]
