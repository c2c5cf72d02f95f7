"""Statuses and the sink agree again: wiped statuses, restored databases."""

import math
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from tests.support.builders import NOON, UID, History, policy, slo
from tests.support.deciding import ALERTS, CHAT, EVENTS, MISSING, Told, notify

from governor.api.log import Target, channel_target
from governor.api.status import FindingRef, LastFinding, PolicyStatus
from governor.domain.entries import Decision
from governor.domain.identity import derives, finding_id
from governor.domain.plans import Feedback
from governor.domain.policies import Policy
from governor.domain.restating import restate
from governor.domain.surroundings import ChannelView
from governor.domain.takeovers import Known, adopt, over
from governor.values.outcomes import Measurement

SLO = "slo_autonomy_rate_violation"
EARLIER = NOON - timedelta(days=1)


def row(event_type: str = SLO, check: str = "autonomy-rate") -> Known:
    """A finding that the sink has open since yesterday."""
    finding = FindingRef(
        id=finding_id(UID, event_type, check, EARLIER), event_type=event_type, opened_at=EARLIER
    )
    return Known(check=check, finding=finding)


def taken(known: Known, at: datetime = NOON) -> FindingRef:
    """The same as its new status has it: people are not told of it again."""
    return known.finding.model_copy(update={"last_told_at": at})


def test_a_wiped_status_takes_its_finding_over() -> None:
    """It opens no second one, and resolves the first."""
    life = History()
    life.decide(Feedback(open_rows=(row(),)), autonomy_rate="violated")
    assert life.told == []
    assert life.check().finding == taken(row())

    life.slots("ok")
    (closing,) = life.told
    assert (closing.finding, closing.opened_at) == (row().finding.id, EARLIER)


def test_findings_of_the_policy_and_blind_ones_are_taken_over_too() -> None:
    """Each into its own place."""
    life = History()
    rows = (
        row("governance_self_failure", ""),
        row("governance_slo_data_gap", ""),
        row("governance_check_blind"),
    )
    life.decide(Feedback(open_rows=rows), autonomy_rate="ok")

    ended = {(e.check, e.event_type, e.resolved_reason) for e in life.told}
    assert ended == {
        ("", "governance_self_failure", "Recovered"),
        ("", "governance_slo_data_gap", "Recovered"),
        ("autonomy-rate", "governance_check_blind", "Recovered"),
    }


@pytest.mark.parametrize(
    "gone",
    [
        row(check="gone"),
        row("trust_drift"),
        row("governance_check_blind", "gone"),
        row("governance_of_another_version", ""),
        row("governance_self_failure", "autonomy-rate"),
    ],
    ids=lambda gone: f"{gone.finding.event_type} of {gone.check or 'the policy'}",
)
def test_a_row_whose_check_is_gone_is_resolved(gone: Known) -> None:
    """Or has become another kind."""
    life = History()
    life.decide(Feedback(open_rows=(gone,)), autonomy_rate="ok")

    (closing,) = life.told
    assert (closing.finding, closing.resolved_reason) == (gone.finding.id, "CheckRemoved")
    assert (closing.check, closing.severity, closing.reason) == (
        gone.check, "warning", "CheckRemoved",
    )  # fmt: skip
    assert closing.message == "the check is no longer in the policy"


def test_a_row_of_foreign_making_is_left_alone() -> None:
    """Its id does not derive from its words: no entry of ours could name it."""
    life = History()
    foreign = row().finding.model_copy(update={"opened_at": NOON})
    life.decide(
        Feedback(open_rows=(Known(check="autonomy-rate", finding=foreign),)), autonomy_rate="ok"
    )

    assert life.told == []
    assert life.check().finding is None


def test_a_foreign_row_hides_none_of_ours() -> None:
    """The rows after it are taken over."""
    life = History()
    foreign = row().finding.model_copy(update={"opened_at": NOON})
    rows = (Known(check="autonomy-rate", finding=foreign), row())
    life.decide(Feedback(open_rows=rows), autonomy_rate="violated")

    assert life.check().finding == taken(row())


def test_a_row_that_was_resolved_as_blind_is_left_alone() -> None:
    """Its resolution may still be on its way."""
    life = History(policy(slo(), slo("b"), selfFailure={"blindAfter": 1}))
    life.decide(autonomy_rate="nodata", b="ok")
    life.tick()
    life.decide(autonomy_rate="ok", b="ok")
    ended = life.check().last_blind
    ref = FindingRef(id=ended.id, event_type=ended.event_type, opened_at=ended.opened_at)
    life.status = life.status.model_copy(update={"pending": ()})
    life.decide(Feedback(open_rows=(Known(check="autonomy-rate", finding=ref),)))

    assert life.check().blind is None
    assert life.status.pending == ()


def test_rows_are_taken_over_before_anything_was_measured() -> None:
    """A new check has no status yet: the row makes it one."""
    life = History()
    life.decide(Feedback(open_rows=(row(), row("governance_check_blind"))))

    assert life.check().finding == taken(row())
    assert life.check().blind == taken(row("governance_check_blind"))


def test_rows_that_the_status_or_its_log_knows_are_left_to_them() -> None:
    """Open, last resolved, or still to be told as resolved."""
    life = History(policy(slo(), selfFailure={"erroredChecks": 1, "blindAfter": 1}))
    life.slots("violated", "ok", "violated")
    opening, closing, reopening = life.told
    refs = [
        FindingRef(id=e.finding, event_type=e.event_type, opened_at=e.opened_at)
        for e in (opening, reopening)
    ]
    before = life.status
    rows = tuple(Known(check="autonomy-rate", finding=ref) for ref in refs)
    life.decide(Feedback(open_rows=rows))

    assert life.status.checks == before.checks
    assert life.status.pending == (opening, closing, reopening)

    life.slots("error", "ok")
    place = life.status.findings[0]
    ended = FindingRef(
        id=place.last_finding.id,
        event_type=place.event_type,
        opened_at=place.last_finding.opened_at,
    )
    told = len(life.told)
    life.decide(Feedback(open_rows=(Known(check="", finding=ended),)))
    assert len(life.told) == told


def test_an_occupied_place_is_not_overwritten() -> None:
    """The sink's index will say which of two open findings is the one."""
    life = History(policy(slo(), selfFailure={"erroredChecks": 1}))
    life.slots("violated")
    mine = life.check().finding
    life.decide(Feedback(open_rows=(row(),)))
    assert life.check().finding == mine

    life.slots("error")
    held = life.status.findings[0].finding
    life.decide(Feedback(open_rows=(row("governance_self_failure", ""),)))
    assert life.status.findings[0].finding == held


def ended_lately(life: History) -> LastFinding:
    """A finding of the check opens and ends; the log is told."""
    life.slots("violated", "ok")
    life.status = life.status.model_copy(update={"pending": ()})
    last: LastFinding = life.check().last_finding
    return last


def test_a_row_that_is_older_than_the_last_finding_is_over() -> None:
    """As a restored database has it: the place had one finding at a time."""
    life = History()
    last = ended_lately(life)
    life.tick()
    life.decide(Feedback(open_rows=(row(),)), autonomy_rate="ok")
    assert life.status.pending == ()
    decision = Decision(policy_uid=UID, generation=1, at=life.now)
    foreign = row().finding.model_copy(update={"id": UUID(int=1)})
    rows = [row(), row(check="other"), Known(check="autonomy-rate", finding=foreign)]
    end, again = restate(decision, life.policy, life.status, rows)

    assert (end.finding, end.transition) == (row().finding.id, "resolve")
    assert (again.finding, again.resolved_reason) == (last.id, "Recovered")
    assert (end.resolved_reason, end.decided_at) == ("Superseded", last.opened_at)
    assert (end.reason, end.message) == ("Superseded", "a later finding has ended since")
    assert end.severity == "warning"
    assert derives(UID, end)
    assert life.check().finding is None


def test_what_the_status_can_tell_of_a_rows_end() -> None:
    """The last one's as it was; an older one's by the last; of others, nothing."""
    life = History(policy(slo(), slo("b"), selfFailure={"erroredChecks": 1}))
    life.decide(autonomy_rate="violated", b="error")
    life.tick()
    life.decide(autonomy_rate="ok", b="ok")
    last = life.check().last_finding
    same = FindingRef(id=last.id, event_type=last.event_type, opened_at=last.opened_at)
    newer = row().finding.model_copy(update={"opened_at": NOON + timedelta(days=1)})

    def ended(known: Known, but: UUID | None = None) -> LastFinding | None:
        return over(life.status, known, but=but)

    assert ended(Known(check="autonomy-rate", finding=same)) == last
    assert ended(Known(check="autonomy-rate", finding=newer)) is None
    assert ended(row()) == LastFinding(
        **row().finding.model_dump(), resolved_at=last.opened_at, reason="Superseded"
    )
    assert ended(row(), last.id) is None
    assert ended(row(check="b")) is None
    of_the_policy = ended(row("governance_self_failure", ""))
    assert of_the_policy is not None
    assert of_the_policy.reason == "Superseded"


def adopted(life: History, theirs: FindingRef) -> Feedback:
    """The sink answers the opening of the check's finding with its own."""
    opening = next(e for e in life.told if e.transition == "open")
    assert opening.finding is not None
    return Feedback(adopted={opening.finding: theirs})


TELLING = policy(notify=notify("chat", "other", "alerts"))


def told_life(of: Policy = TELLING) -> Told:
    """Of a policy that tells a chat, another and an Alertmanager; the sink is down."""
    life = Told(of, chat=CHAT, other=EVENTS, alerts=ALERTS)
    life.down = {Target.SINK}
    return life


def test_channels_hear_the_end_of_an_id_that_the_sink_does_not_know() -> None:
    """Who was told of our finding; the others are told of the sink's."""
    life = told_life()
    life.down.add(channel_target("other"))
    life.slots("violated")
    ours = life.check().finding
    life.tick()
    life.decide(adopted(life, row().finding), autonomy_rate="violated")
    life.down.clear()
    life.slots("violated")
    life.slots("ok")

    def heard(channel: str) -> list[tuple[str, UUID | None, str | None]]:
        entries = life.to(channel_target(channel))
        return [(e.transition.value, e.finding, e.resolved_reason) for e in entries]

    theirs = row().finding.id
    assert heard("chat") == [
        ("open", ours.id, None),
        ("resolve", ours.id, "Superseded"),
        ("resolve", theirs, "Recovered"),
    ]
    assert heard("other") == [("open", theirs, None), ("resolve", theirs, "Recovered")]
    assert heard("alerts") == []
    (end,) = [e for e in life.to(channel_target("chat")) if e.resolved_reason == "Superseded"]
    assert end.message == f"goes on as finding {theirs}, which was open before"
    assert (end.targets, end.value) == ((channel_target("chat"),), 0.5)
    assert derives(UID, end)
    assert [e.finding for e in life.to(Target.SINK)] == [theirs]


@pytest.mark.parametrize("outcome", ["violated", "ok"])
def test_a_sink_that_says_it_again_ends_nothing(outcome: str) -> None:
    """As when a lane tried twice: the farewell is to our id, and what is open stays open."""
    life = told_life()
    life.slots("violated")
    ours = life.check().finding
    feedback = adopted(life, row().finding)
    life.down |= {channel_target("chat"), channel_target("other")}
    life.tick()
    life.decide(feedback, autonomy_rate="violated")
    before = life.status.pending
    life.decide(feedback)

    assert life.status.pending == before
    ends = [e for e in life.status.pending if e.resolved_reason == "Superseded"]
    assert {e.finding for e in ends} == {ours.id}
    life.down.clear()
    life.slots(*[outcome] * 2)
    ends = [e for e in life.to(channel_target("chat")) if e.finding == row().finding.id]
    assert [e.resolved_reason for e in ends] == ([] if outcome == "violated" else ["Recovered"])


def test_channels_hear_that_what_the_sink_has_open_ended_with_ours() -> None:
    """They may know it from before the status was wiped."""
    life = told_life()
    life.slots("violated", "ok")
    feedback = adopted(life, row().finding)
    life.down.clear()
    life.tick()
    life.decide(feedback, autonomy_rate="ok")

    for channel in ("chat", "other"):
        last = life.to(channel_target(channel))[-1]
        assert (last.transition, last.finding) == ("resolve", row().finding.id)
    assert life.to(channel_target("alerts")) == []
    assert [(e.transition, e.finding) for e in life.to(Target.SINK)] == [
        ("resolve", row().finding.id)
    ]


@pytest.mark.parametrize(
    "of",
    [policy(), policy(notify=notify("chat", resolved=False))],
    ids=["tells nobody", "tells no ends"],
)
@pytest.mark.parametrize("outcomes", [("violated",), ("violated", "ok")])
def test_who_is_told_no_ends_is_told_none_of_these(of: Policy, outcomes: tuple[str, ...]) -> None:
    life = told_life(of)
    life.slots(*outcomes)
    feedback = adopted(life, row().finding)
    life.tick()
    life.decide(feedback)

    assert "resolve" not in life.transitions()


def test_a_policy_that_is_suspended_meanwhile_ends_it_too() -> None:
    life = told_life()
    life.slots("violated")
    feedback = adopted(life, row().finding)
    life.turn(policy(suspend=True, notify=notify("chat", "other", "alerts")))
    life.tick()
    life.decide(feedback)

    assert life.transitions() == ["open", "resolve"]


@pytest.mark.parametrize(
    ("channels", "owed"),
    [({"chat": MISSING}, [channel_target("chat")]), ({"alerts": ALERTS}, [])],
    ids=["away", "told by level"],
)
def test_who_is_away_is_owed_it_too(channels: dict[str, ChannelView], owed: list[str]) -> None:
    """And where nobody is told by the log, the sink alone is."""
    life = told_life()
    life.slots("violated", "ok")
    feedback = adopted(life, row().finding)
    life.surround(channels=channels)
    life.tick()
    life.decide(feedback)

    assert [e.targets for e in life.status.pending] == [("sink", *owed)]


def test_a_farewell_waits_for_who_is_away() -> None:
    """It knows our finding, and would show it for ever."""
    life = told_life()
    life.slots("violated")
    ours = life.check().finding
    life.surround(channels={"chat": MISSING})
    life.tick()
    life.decide(adopted(life, row().finding))
    life.surround(channels={"chat": CHAT})
    life.decide()

    (_, end) = life.to(channel_target("chat"))
    assert (end.finding, end.resolved_reason) == (ours.id, "Superseded")


def test_adoption_renames_every_place() -> None:
    """The check's finding, its blind one, and the policy's."""
    life = History(policy(slo(), slo("b"), selfFailure={"blindAfter": 1}))
    life.decide(autonomy_rate="violated", b="ok")
    life.tick()
    life.decide(autonomy_rate="nodata", b="nodata")
    life.tick()
    life.decide(autonomy_rate="nodata", b="ok")
    check, place = life.check(), life.status.findings[0]
    theirs = row().finding
    assert check.blind is not None

    renamed = adopt(life.status, {check.finding.id: theirs})
    assert renamed.checks[0].finding == theirs
    assert renamed.checks[0].blind == check.blind
    assert adopt(life.status, {check.blind.id: theirs}).checks[0].blind == theirs
    assert adopt(life.status, {}) is life.status
    assert place.finding is None


def test_adoption_renames_the_findings_of_the_policy() -> None:
    """And leaves those alone that the sink knows as we do."""
    life = History(policy(selfFailure={"erroredChecks": 1}))
    life.slots("error")
    (place,) = life.status.findings
    theirs = row("governance_self_failure", "").finding

    assert adopt(life.status, {place.finding.id: theirs}).findings[0].finding == theirs
    assert adopt(life.status, {theirs.id: theirs}).findings == (place,)


def test_a_status_can_be_said_again() -> None:
    """Every open finding and the last resolved one, unless the log still tells its line."""
    life = History(policy(slo(), slo("b"), selfFailure={"erroredChecks": 1}))
    life.decide(autonomy_rate="violated", b="ok")
    life.tick()
    life.decide(autonomy_rate="ok", b="error")
    life.tick()
    life.decide(autonomy_rate="violated", b="error")
    decision = Decision(policy_uid=UID, generation=1, at=life.now)
    assert restate(decision, life.policy, life.status) == ()

    quiet = life.status.model_copy(update={"pending": ()})
    said = restate(decision, life.policy, quiet)

    assert [(e.event_type, e.transition) for e in said] == [
        (SLO, "resolve"),
        (SLO, "open"),
        ("governance_self_failure", "open"),
    ]
    assert [e.id for e in said] == [life.told[i].id for i in (1, 4, 3)]
    assert all(Target.SINK in e.targets for e in said)
    assert said[0].decided_at == life.told[1].decided_at
    assert said[2].severity == "critical"
    for entry in said[:2]:
        assert (entry.check, entry.severity, entry.reason) == (
            "autonomy-rate", "warning", "PastRedLine",
        )  # fmt: skip
        assert (entry.message, entry.value, entry.gap) == (
            "0.5 is below the red line 0.7", 0.5, 0.2,
        )  # fmt: skip
        assert (entry.generation, entry.objective.red_line) == (1, 0.7)
    assert said[0].resolved_reason == "Recovered"
    assert (said[2].check, said[2].reason) == ("", "SelfFailure")
    assert said[2].message == "1 of 2 checks are in Error"


def test_what_only_others_wait_for_is_said_again_to_the_sink() -> None:
    """A channel that is down for days must not keep a restored database from its rows."""
    life = History()
    life.slots("violated")
    (opening,) = life.status.pending
    waiting = opening.model_copy(update={"targets": (Target.EVENT, channel_target("chat"))})
    status = life.status.model_copy(update={"pending": (waiting,)})

    (said,) = restate(Decision(policy_uid=UID, generation=1, at=life.now), life.policy, status)

    assert said.id == opening.id


def test_a_blind_check_is_said_again_as_it_was_said() -> None:
    """With evidence of its own, not that of the check's violation; a data gap is a warning."""
    critical = slo(severity="critical")
    life = History(policy(critical, slo("b"), selfFailure={"blindAfter": 1}))
    life.decide(autonomy_rate=Measurement(value=math.nan, samples=7), b="ok")
    life.tick()
    life.decide(autonomy_rate="ok", b="ok")
    life.tick()
    life.decide(autonomy_rate=Measurement(value=math.nan, samples=7), b="ok")
    life.tick()
    life.decide(autonomy_rate=Measurement(value=math.nan, samples=7), b="nodata")
    quiet = life.status.model_copy(update={"pending": ()})

    said = restate(Decision(policy_uid=UID, generation=1, at=life.now), life.policy, quiet)

    assert [(e.check, e.event_type, e.transition, e.severity) for e in said] == [
        ("autonomy-rate", "governance_check_blind", "resolve", "warning"),
        ("autonomy-rate", "governance_check_blind", "open", "warning"),
        ("", "governance_slo_data_gap", "open", "warning"),
    ]
    first, again, _ = said
    opening = next(e for e in life.told if e.id == again.id)
    assert (again.reason, again.message, again.impact) == (
        opening.reason, opening.message, opening.impact,
    )  # fmt: skip
    assert (first.objective, first.samples, first.value) == (None, None, None)


def test_a_status_says_findings_of_unknown_checks_again_too() -> None:
    """Also of a check that the policy no longer has, as in a suspended policy."""
    life = History(policy(slo("a"), slo("b")))
    life.decide(a="violated", b="ok")
    quiet = life.status.model_copy(update={"pending": ()})
    decision = Decision(policy_uid=UID, generation=2, at=life.now)

    (said,) = restate(decision, policy(slo("b"), suspend=True), quiet)

    assert (said.check, said.severity, said.objective) == ("a", "warning", None)
    assert restate(decision, life.policy, PolicyStatus()) == ()
