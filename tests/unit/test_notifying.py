"""Who is told of a finding, and when: the opening once, reminders, the end."""

from datetime import datetime, timedelta

import pytest
from tests.support.builders import NOON, drift, drifted, policy, slo
from tests.support.deciding import ALERTS, BROKEN, CHAT, EVENTS, MISSING, Told, notify

from governor.api.log import channel_target
from governor.api.status import FindingRef
from governor.domain.identity import finding_id, transition_id
from governor.domain.plans import Feedback
from governor.domain.surroundings import ChannelView
from governor.values.outcomes import Measurement


def life(*names: str, **overrides: object) -> Told:
    """One SLO check that tells a chat, unless told otherwise."""
    channels = dict.fromkeys(names or ("chat",), CHAT)
    return Told(policy(notify=notify(*channels, **overrides)), **channels)


def test_an_opening_is_told_once() -> None:
    """However often the check is violated after it."""
    told = life()
    told.slots("violated", "violated", "violated")

    assert told.messages() == [("open", "slo_autonomy_rate_violation")]
    assert told.check().finding.last_told_at == NOON + timedelta(minutes=1)


def test_every_channel_is_told_by_the_same_id() -> None:
    """In one entry, with the sink and the Event: who deduplicates knows it again."""
    told = Told(policy(notify=notify("chat", "events")), chat=CHAT, events=EVENTS)
    told.slots("violated")

    (entry,) = told.status.pending
    assert entry.targets == ("sink", "event", "channel/chat", "channel/events")
    assert entry.finding is not None
    assert entry.id == transition_id(entry.finding, entry.transition, entry.decided_at)


def test_who_is_told_by_level_is_never_in_the_log() -> None:
    """The finding counts as told all the same; there is nothing to remind of."""
    told = Told(policy(notify=notify("oncall", reminderInterval="1m")), oncall=ALERTS)
    told.slots("violated", "violated", "violated")

    assert told.transitions("oncall") == []
    assert told.check().finding.last_told_at == NOON + timedelta(minutes=1)
    assert [entry.targets for entry in told.told] == [("sink", "event")]


@pytest.mark.parametrize(
    ("severity", "minimum", "is_told"),
    [
        (None, None, True),
        ("info", None, False),
        ("warning", "critical", False),
        ("critical", "critical", True),
        ("info", "info", True),
    ],
)
def test_what_is_less_severe_is_not_told(
    severity: str | None, minimum: str | None, is_told: bool
) -> None:
    """By default a warning is; neither is the end of what was not told."""
    check = slo(severity=severity)
    told = Told(policy(check, notify=notify(minimumSeverity=minimum)), chat=CHAT)
    told.slots("violated")
    assert (told.check().finding.last_told_at is not None) is is_told
    told.slots("ok")

    assert told.transitions() == (["open", "resolve"] if is_told else [])


def test_a_finding_that_becomes_severe_enough_is_told() -> None:
    """Telling is a level: what nobody was told of is told once it may be."""
    told = life(minimumSeverity="critical")
    told.slots("violated")
    told.turn(policy(notify=notify()))
    told.slots("violated", "violated")

    assert told.transitions() == ["open"]


def test_a_finding_of_before_notify_is_told() -> None:
    """A policy that gets its first channel tells what is open."""
    told = Told(policy())
    told.slots("violated")
    told.turn(policy(notify=notify()))
    told.surround(channels={"chat": CHAT})
    told.slots("violated", "violated")

    assert told.transitions() == ["open"]
    assert len(told.to("sink")) == 1


def test_reminders_come_at_the_interval() -> None:
    """Counted from when people were last told."""
    told = life(reminderInterval="3m")
    told.slots(*["violated"] * 8)

    assert told.transitions() == ["open", "reminder", "reminder"]
    times = [entry.decided_at - NOON for entry in told.to("channel/chat")]
    assert times == [timedelta(minutes=1), timedelta(minutes=4), timedelta(minutes=7)]
    first, second = told.to("channel/chat")[1:]
    assert first.id != second.id
    assert (first.finding, first.opened_at) == (second.finding, second.opened_at)
    assert first.value == 0.5
    assert first.message == "0.5 is below the red line 0.7"


def test_reminders_need_no_run() -> None:
    """Also where the check is measured once a day; they come at four hours by default."""
    told = Told(policy(slo(interval="1d"), notify=notify()), chat=CHAT)
    told.decide(autonomy_rate="violated")
    told.tick(4 * 3600 - 1)
    told.decide()
    assert told.transitions() == ["open"]
    told.tick(1)
    told.decide()

    assert told.transitions() == ["open", "reminder"]


def test_reminders_say_what_is_now() -> None:
    """The value of the latest run, not that of the opening."""
    told = life(reminderInterval="1m")
    told.slots("violated", Measurement(value=0.1))

    assert [entry.value for entry in told.to("channel/chat")] == [0.5, 0.1]


def test_a_clock_that_was_ahead_silences_nothing() -> None:
    """A `lastToldAt` that has not come yet is not waited for."""
    told = life()
    told.slots("violated")
    check = told.check()
    ahead = check.finding.model_copy(
        update={"last_told_at": datetime.max.replace(tzinfo=NOON.tzinfo)}
    )
    told.status = told.status.model_copy(
        update={"checks": (check.model_copy(update={"finding": ahead}),)}
    )
    told.slots("violated", "violated")

    assert told.transitions() == ["open", "reminder"]
    assert told.check().finding.last_told_at == NOON + timedelta(minutes=2)


def test_a_channel_that_was_down_is_not_flooded_with_reminders() -> None:
    """It is owed what it was not told, once; the others are reminded meanwhile."""
    told = life("chat", "other", reminderInterval="1m")
    told.down.add(channel_target("chat"))
    told.slots(*["violated"] * 5)
    assert told.transitions("other") == ["open"] + ["reminder"] * 4
    assert [entry.targets for entry in told.status.pending if "channel/chat" in entry.targets] == [
        ("channel/chat",)
    ]

    told.down.clear()
    told.slots("violated", "violated", "ok")
    assert told.transitions("chat") == ["open", "reminder", "resolve"]


def test_a_resolution_is_told_as_its_opening_was() -> None:
    """By its own id, with its reason."""
    told = life()
    told.slots("violated", "ok", "ok")

    opening, end = told.to("channel/chat")
    assert (opening.transition, end.transition) == ("open", "resolve")
    assert (end.finding, end.resolved_reason) == (opening.finding, "Recovered")
    assert told.check().last_finding.last_told_at == opening.decided_at


@pytest.mark.parametrize(("resolved", "told_of"), [(False, ["open"]), (True, ["open", "resolve"])])
def test_a_policy_says_whether_ends_are_told(resolved: bool, told_of: list[str]) -> None:
    """`notify.resolved: false`: openings and reminders only."""
    told = life(resolved=resolved)
    told.slots("violated", "ok")

    assert told.transitions() == told_of


def test_the_end_of_a_check_that_is_removed_is_told() -> None:
    """If its opening was."""
    told = Told(policy(slo("a"), slo("b"), notify=notify()), chat=CHAT)
    told.decide(a="violated", b="ok")
    told.turn(policy(slo("b"), notify=notify()))
    told.decide(b="ok")

    assert [e.resolved_reason for e in told.to("channel/chat")] == [None, "CheckRemoved"]


@pytest.mark.parametrize("view", [MISSING, None], ids=["missing", "not known"])
def test_a_channel_that_is_not_there_yet_is_told_when_it_is(view: ChannelView | None) -> None:
    """The first telling waits for somebody to tell it to."""
    told = life()
    told.surround(channels={} if view is None else {"chat": view})
    told.slots("violated", "violated")
    assert told.check().finding.last_told_at is None
    told.surround(channels={"chat": CHAT})
    told.slots("violated", "violated", "ok")

    assert told.transitions() == ["open", "resolve"]
    opening = told.to("channel/chat")[0]
    assert (opening.opened_at, opening.decided_at) == (
        NOON + timedelta(minutes=1), NOON + timedelta(minutes=3),
    )  # fmt: skip
    assert opening.id == told.to("sink")[0].id


def test_nobody_is_told_of_the_end_of_what_no_channel_was_there_for() -> None:
    """A resolution without an opening would only puzzle."""
    told = life()
    told.surround(channels={"chat": MISSING})
    told.slots("violated")
    told.surround(channels={"chat": CHAT})
    told.slots("ok")

    assert told.transitions() == []


def test_what_a_channel_with_a_broken_secret_is_owed_waits() -> None:
    """Its end, too: people were told of the opening."""
    told = life()
    told.slots("violated")
    told.surround(channels={"chat": BROKEN})
    told.down.add(channel_target("chat"))
    told.slots("ok")
    told.surround(channels={"chat": CHAT})
    told.down.clear()
    told.slots("ok")

    assert told.transitions() == ["open", "resolve"]


def test_findings_about_governance_itself_are_told_too() -> None:
    """A blind check, a data gap, a self failure: each as what it is."""
    told = Told(policy(slo(), drift(), selfFailure={"blindAfter": 1}, notify=notify()), chat=CHAT)
    told.decide(autonomy_rate="nodata", drift="error")
    told.tick()
    told.decide(autonomy_rate="ok", drift=drifted())

    assert told.messages() == [
        ("open", "governance_slo_data_gap"),
        ("open", "governance_check_blind"),
        ("open", "trust_drift"),
        ("resolve", "governance_slo_data_gap"),
        ("resolve", "governance_check_blind"),
    ]


def test_a_suspended_policy_reminds_nobody_and_delivers_what_was_decided() -> None:
    """And goes on reminding once it is no more suspended."""
    told = life(reminderInterval="1m")
    told.down.add(channel_target("chat"))
    told.slots("violated")
    told.turn(policy(notify=notify(reminderInterval="1m"), suspend=True))
    told.down.clear()
    for _ in range(3):
        told.tick()
        told.decide()
    assert told.transitions() == ["open"]
    told.turn(policy(notify=notify(reminderInterval="1m")))
    told.slots("violated", "ok")

    assert told.transitions() == ["open", "reminder", "resolve"]


def test_an_adopted_finding_is_told_by_the_sinks_id() -> None:
    """Once, though it was decided under ours; its end, too."""
    told = life()
    told.down |= {"sink", "event", channel_target("chat")}
    told.slots("violated")
    ours = told.check().finding
    earlier = NOON - timedelta(days=1)
    theirs = FindingRef(
        id=finding_id(told.uid, ours.event_type, "autonomy-rate", earlier),
        event_type=ours.event_type,
        opened_at=earlier,
    )
    told.down.clear()
    told.decide(Feedback(adopted={ours.id: theirs}))
    told.slots("violated", "ok")

    assert told.transitions() == ["open", "resolve"]
    assert {entry.finding for entry in told.to("channel/chat")} == {theirs.id}
    assert told.check().last_finding.last_told_at == ours.last_told_at
