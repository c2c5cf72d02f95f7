"""The soak's oracle sees what is lost, double or wrong: else its silence would say nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from tests.soak.evidence import Alert, CloudEvent, Evidence, Item, Message, Row, message_of
from tests.soak.history import History
from tests.soak.oracle import Circumstances, Judgement, judge

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW = T0 + timedelta(hours=1)
END = T0 + timedelta(minutes=1)
UID, NAME = "uid-1", "dials-01"
FIRST, SECOND, STRANGER = (str(UUID(int=number)) for number in (1, 2, 3))
TARGETS = ["sink", "event", "dispatch", "channel/soak-chat", "channel/soak-events"]
QUIET = Circumstances(disturbed=lambda _start, _end: 0)
DISTURBED = Circumstances(disturbed=lambda _start, _end: 1)


def transition(finding: str, word: str) -> str:
    return str(uuid5(UUID(finding), word))


def entry(finding: str, word: str, at: datetime) -> dict[str, Any]:
    return {
        "id": transition(finding, word),
        "transition": word,
        "check": "dial",
        "finding": finding,
        "decidedAt": at.isoformat(),
        "targets": TARGETS if word == "open" else [t for t in TARGETS if t != "dispatch"],
    }


def policy(*entries: dict[str, Any], finding: str | None = None) -> dict[str, Any]:
    check: dict[str, Any] = {"name": "dial"}
    if finding:
        ref = {"id": finding, "eventType": "sql_dial_violation", "openedAt": T0.isoformat()}
        check["finding"] = ref
    status = {"observedGeneration": 1, "checks": [check], "pending": list(entries)}
    return {"metadata": {"uid": UID, "name": NAME}, "status": status}


def history() -> History:
    """One finding came and went; another one is open."""
    seen = History()
    seen.seen(policy(entry(FIRST, "open", T0), finding=FIRST), 1000)
    seen.seen(policy(entry(FIRST, "resolve", END)), 1000)
    seen.seen(policy(entry(SECOND, "open", END), finding=SECOND), 1000)
    seen.seen(policy(finding=SECOND), 1000)
    return seen


PLACE = (UID, "dial", "sql_dial_violation")


def event(finding: str, word: str, said: str) -> CloudEvent:
    return CloudEvent(id=transition(finding, word), word=said, finding=finding)


def digits(finding: str, word: str) -> str:
    return UUID(transition(finding, word)).hex[:16]


WELL = Evidence(
    at=NOW,
    rows=[
        Row(id=FIRST, place=PLACE, opened_at=T0, resolved_at=END),
        Row(id=SECOND, place=PLACE, opened_at=END, resolved_at=None),
    ],
    events=[digits(FIRST, "open"), digits(FIRST, "resolve"), digits(SECOND, "open")],
    cloud_events=[
        event(FIRST, "open", "opened"),
        event(FIRST, "resolve", "resolved"),
        event(SECOND, "open", "opened"),
    ],
    messages=[
        Message(at=T0, title="[warning] dial", finding=FIRST),
        Message(at=END, title="[resolved] dial", finding=FIRST),
        Message(at=END, title="[warning] dial", finding=SECOND),
    ],
    items=[Item(finding=FIRST, active=False), Item(finding=SECOND, active=True)],
    alerts=[Alert(policy=NAME, finding=SECOND, heard_at=NOW)],
    series=frozenset({NAME}),
)

Change = Callable[[Evidence], Evidence]

FLAWS: dict[str, tuple[str, str, Change]] = {
    "a row is missing": ("lost", "has no row", lambda e: replace(e, rows=e.rows[1:])),
    "an end is missing": (
        "lost",
        "has ended, its row is open",
        lambda e: replace(e, rows=[replace(e.rows[0], resolved_at=None), e.rows[1]]),
    ),
    "a row has ended too early": (
        "wrong",
        "is open, its row is resolved",
        lambda e: replace(e, rows=[e.rows[0], replace(e.rows[1], resolved_at=NOW)]),
    ),
    "a row of nothing": (
        "double",
        "is of no finding that a status had",
        lambda e: replace(e, rows=[replace(e.rows[0], id=STRANGER, place=("", "", "")), *e.rows]),
    ),
    "two at once": (
        "double",
        "overlaps row",
        lambda e: replace(e, rows=[replace(e.rows[0], resolved_at=NOW), e.rows[1]]),
    ),
    "an Event is missing": ("lost", "has no Event", lambda e: replace(e, events=e.events[1:])),
    "an Event of nothing": (
        "double",
        "which no status has had",
        lambda e: replace(e, events=[*e.events, digits(STRANGER, "open")]),
    ),
    "a CloudEvent is missing": (
        "lost",
        "has no CloudEvent",
        lambda e: replace(e, cloud_events=e.cloud_events[:2]),
    ),
    "a CloudEvent of nothing": (
        "double",
        "tells of what no status has had",
        lambda e: replace(e, cloud_events=[*e.cloud_events, event(STRANGER, "open", "opened")]),
    ),
    "a CloudEvent of two things": (
        "double",
        "came again of something else",
        lambda e: replace(
            e, cloud_events=[*e.cloud_events, replace(e.cloud_events[0], finding=SECOND)]
        ),
    ),
    "an end before its opening": (
        "wrong",
        "resolved before it was opened",
        lambda e: replace(
            e, cloud_events=[e.cloud_events[1], e.cloud_events[0], e.cloud_events[2]]
        ),
    ),
    "a message is missing": (
        "lost",
        "was not told to the chat",
        lambda e: replace(e, messages=e.messages[1:]),
    ),
    "a message came again": (
        "double",
        "the chat heard 2 times",
        lambda e: replace(e, messages=[*e.messages, e.messages[0]]),
    ),
    "a message of nothing": (
        "double",
        "which no status has had",
        lambda e: replace(e, messages=[*e.messages, replace(e.messages[0], finding=STRANGER)]),
    ),
    "a work item is missing": (
        "lost",
        "has no work item",
        lambda e: replace(e, items=e.items[1:]),
    ),
    "two work items": (
        "double",
        "has 2 work items under way",
        lambda e: replace(e, items=[*e.items, e.items[1]]),
    ),
    "a work item of nothing": (
        "double",
        "which no status has had",
        lambda e: replace(e, items=[*e.items, Item(finding=STRANGER, active=True)]),
    ),
    "an alert is missing": ("lost", "does not fire", lambda e: replace(e, alerts=[])),
    "an alert does not end": (
        "wrong",
        "which has ended",
        lambda e: replace(e, alerts=[*e.alerts, replace(e.alerts[0], finding=FIRST)]),
    ),
    "series are left": (
        "wrong",
        "has series, and is no more",
        lambda e: replace(e, series=e.series | {"gone"}),
    ),
    "series are missing": (
        "wrong",
        "has no series",
        lambda e: replace(e, series=frozenset()),
    ),
}


def said(judgement: Judgement) -> list[tuple[str, str]]:
    return [(flaw.kind, flaw.what) for flaw in judgement.flaws]


def test_what_is_well_is_well() -> None:
    """Also what receivers bear: a CloudEvent that came twice as it was."""
    twice = replace(WELL, cloud_events=[*WELL.cloud_events, WELL.cloud_events[0]])

    assert said(judge(history(), WELL, QUIET)) == []
    assert said(judge(history(), twice, QUIET)) == []


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_is_seen(flaw: str) -> None:
    """One flaw, and nothing else."""
    kind, words, change = FLAWS[flaw]

    [(seen, what)] = said(judge(history(), change(WELL), QUIET))

    assert seen == kind
    assert words in what


def test_a_chat_may_repeat_itself_once_a_crash() -> None:
    """It can't tell a repetition, and nobody can know whether it took the message."""
    again = replace(WELL, messages=[*WELL.messages, WELL.messages[0]])

    assert said(judge(history(), again, DISTURBED)) == []


def test_a_policy_that_was_deleted_while_nobody_led_may_lose_its_latest() -> None:
    """A stated loss, which is counted apart; with a leader there is none, nor of what is old."""
    none = replace(WELL, rows=WELL.rows[:1], alerts=[], items=[], series=frozenset())
    lost = replace(none, events=none.events[:2], cloud_events=none.cloud_events[:2])
    gone = history()
    gone.deleted(UID)
    gone.gone[UID] = replace(gone.gone[UID], at=END + timedelta(seconds=30))

    news = judge(gone, replace(lost, items=WELL.items, messages=WELL.messages), DISTURBED)
    assert news == Judgement(excused=3)
    gone.gone[UID] = replace(gone.gone[UID], at=END + timedelta(minutes=5))
    assert {kind for kind, _ in said(judge(gone, lost, DISTURBED))} == {"lost"}
    assert {kind for kind, _ in said(judge(gone, lost, QUIET))} == {"lost"}


def test_a_digest_tells_of_as_many_as_it_says() -> None:
    """Whichever they are."""
    digest = Message(at=END, title="[warning] 2 findings: 2 opened", finding="", several=2)

    told = replace(WELL, messages=[WELL.messages[0], digest])
    assert said(judge(history(), told, QUIET)) == []
    less = replace(told, messages=[WELL.messages[0], replace(digest, several=1)])
    assert "was not told to the chat" in said(judge(history(), less, QUIET))[0][1]


def test_what_is_left_of_the_deleted_is_seen() -> None:
    """Series, a ConfigMap."""
    gone = history()
    gone.deleted(UID)
    ended = [WELL.rows[0], replace(WELL.rows[1], resolved_at=NOW)]
    left = replace(WELL, rows=ended, alerts=[], orphans=[UID])

    assert [what for _, what in said(judge(gone, left, QUIET))] == [
        "has series, and is no more",
        f"is no more; ConfigMap orphan-{UID} is",
    ]


def test_folded_episodes_share_a_row() -> None:
    """As many as the row says, and no more."""
    rows = [replace(WELL.rows[1], folded=1)]
    none = [WELL.rows[1]]

    assert said(judge(history(), replace(WELL, rows=rows), QUIET)) == []
    assert "has no row" in said(judge(history(), replace(WELL, rows=none), QUIET))[0][1]


def test_a_wiped_status_may_decide_once_more_what_the_table_knows() -> None:
    """The finding that was open all the while is adopted; without a wipe, one is lost."""
    adopted = replace(WELL, rows=[replace(WELL.rows[0], resolved_at=None)])
    wiped = history()
    wiped.seen({"metadata": {"uid": UID, "name": NAME}}, 100)
    wiped.seen(policy(finding=FIRST), 1000)
    alerts = [replace(WELL.alerts[0], finding=FIRST)]

    assert said(judge(wiped, replace(adopted, alerts=alerts), QUIET)) == []
    assert "has no row" in said(judge(history(), adopted, QUIET))[0][1]


def test_a_large_status_is_seen() -> None:
    """64 KiB is the most."""
    large = history()
    large.seen(policy(finding=SECOND), 64 * 1024 + 1)

    assert said(judge(large, WELL, QUIET)) == [("wrong", "a policy had 65537 bytes")]


def test_what_is_excused_takes_no_place_in_a_digest() -> None:
    """Else what a digest tells of would seem to be lost."""
    digest = Message(at=END, title="[warning] 1 findings: 1 opened", finding="", several=1)
    gone = history()
    gone.seen(policy(entry(SECOND, "resolve", END)), 1000)
    gone.deleted(UID)
    gone.gone[UID] = replace(gone.gone[UID], at=END + timedelta(seconds=30))
    other = policy(entry(STRANGER, "open", END), finding=STRANGER)
    other["metadata"] = {"uid": "uid-2", "name": "dials-02"}
    gone.seen(other, 1000)
    lost = replace(WELL, messages=[*WELL.messages[:2], digest])

    told = judge(gone, lost, DISTURBED).flaws
    assert [flaw for flaw in told if "was not told to the chat" in flaw.what] == []


@pytest.mark.parametrize(
    ("title", "several"),
    [
        ("[warning] 3 findings: 2 opened, 1 resolved", 3),
        ("[resolved] 8 findings", 8),
        ("[resolved] source prometheus: 7 policies are measured again", 7),
        ("[critical] source platform: 4 policies can't be measured", 4),
        ("[warning] soak/work-11 dial-0: 0.1 is below the red line 0.5", 0),
    ],
)
def test_of_how_many_a_message_tells_is_read_from_its_title(title: str, several: int) -> None:
    """As the product words them: tests/data/golden."""
    assert message_of(END, {"title": title, "message": "…"}).several == several
