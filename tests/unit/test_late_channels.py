"""Channels that are not there when a finding opens: each hears the opening once, then the end."""

import pytest
from tests.support.builders import policy, slo
from tests.support.deciding import ALERTS, CHAT, EVENTS, MISSING, Told, notify

from governor.domain.surroundings import ChannelView


def life(late: ChannelView = MISSING) -> Told:
    """A policy that tells a chat and a bus, of which the bus is not there yet."""
    return Told(policy(notify=notify("chat", "bus")), chat=CHAT, bus=late)


def test_a_channel_that_comes_late_hears_the_opening_then() -> None:
    """The other one does not hear it again; both hear the end."""
    told = life()
    told.slots("violated", "violated")
    assert told.transitions("bus") == []

    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.slots("violated", "violated", "ok", "ok")

    assert told.transitions("chat") == ["open", "resolve"]
    assert told.transitions("bus") == ["open", "resolve"]
    opening, late = (told.to(f"channel/{name}")[0] for name in ("chat", "bus"))
    assert opening.id == late.id


def test_a_channel_that_comes_after_the_end_hears_nothing() -> None:
    """An end without its opening says nothing."""
    told = life()
    told.slots("violated")
    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.slots("ok", "ok")

    assert told.transitions("chat") == ["open", "resolve"]
    assert told.transitions("bus") == []


def test_a_channel_that_comes_late_does_not_put_off_reminders() -> None:
    """They count from when people were told, not from when the last channel was."""
    told = Told(policy(notify=notify("chat", "bus", reminderInterval="3m")), chat=CHAT, bus=MISSING)
    told.slots("violated", "violated")
    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.slots("violated", "violated")

    assert told.transitions("chat") == ["open", "reminder"]


@pytest.mark.parametrize("first", [CHAT, EVENTS])
def test_who_fires_alerts_alone_leaves_the_opening_to_tell(first: ChannelView) -> None:
    """Alertmanager was told by level; a chat that comes late hears the opening all the same."""
    told = Told(policy(notify=notify("oncall", "late")), oncall=ALERTS, late=MISSING)
    told.slots("violated")
    told.surround(channels={"oncall": ALERTS, "late": first})
    told.slots("violated", "ok")

    assert told.transitions("late") == ["open", "resolve"]


def test_a_channel_that_is_named_later_hears_of_what_is_open() -> None:
    """The spec changes, the finding stays."""
    told = Told(policy(notify=notify("chat")), chat=CHAT)
    told.slots("violated")
    told.policy = policy(notify=notify("chat", "bus"))
    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.slots("violated")

    assert told.transitions("chat") == ["open"]
    assert told.transitions("bus") == ["open"]


def test_a_channel_that_was_dropped_before_it_heard_the_opening_hears_no_end() -> None:
    """The policy names it again when all is nearly over: it hears of both, or of neither."""
    told = life(late=EVENTS)
    told.down |= {"channel/bus"}
    told.slots("violated")
    told.surround(channels={"chat": CHAT})
    told.slots("violated")
    told.down.clear()
    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.slots("ok", "ok")

    assert told.transitions("chat") == ["open", "resolve"]
    assert told.transitions("bus") == []


def test_a_channel_that_is_named_again_hears_what_it_missed() -> None:
    """Its opening left the log with its name, and comes back with it, once."""
    told = life(late=EVENTS)
    told.down |= {"channel/bus"}
    told.slots("violated")
    told.surround(channels={"chat": CHAT})
    told.slots("violated")
    told.down.clear()
    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.slots("violated", "violated", "ok", "ok")

    assert told.transitions("chat") == ["open", "resolve"]
    assert told.transitions("bus") == ["open", "resolve"]


def test_a_full_log_tells_no_end_without_its_opening() -> None:
    """Openings that a channel did not hear leave the log: their ends are not told either."""
    names = [f"c{each:02}" for each in range(32)]
    told = Told(policy(*map(slo, names), notify=notify("bus")), bus=EVENTS)
    told.down |= {"channel/bus"}
    told.decide(**dict.fromkeys(names, "violated"))
    for _ in range(4):
        told.tick()
        told.decide()
    told.tick()
    told.decide(**dict.fromkeys(names, "ok"))
    told.down.clear()
    told.decide()
    told.decide()

    heard = told.to("channel/bus")
    begun = {entry.finding for entry in heard if entry.transition == "open"}
    ended = {entry.finding for entry in heard if entry.transition == "resolve"}
    assert len(begun) < len(names)
    assert ended <= begun


def test_a_channel_that_is_behind_is_not_reminded_of_what_it_never_heard() -> None:
    """It comes back with a backlog: late openings wait for it, and reminders for them."""
    checks = policy(slo("a"), slo("b"), notify=notify("chat", "bus", reminderInterval="3m"))
    told = Told(checks, chat=CHAT, bus=EVENTS)
    told.down |= {"channel/bus"}
    told.tick()
    told.decide(a="violated", b="ok")
    told.surround(channels={"chat": CHAT, "bus": MISSING})
    told.tick()
    told.decide(b="violated")
    told.surround(channels={"chat": CHAT, "bus": EVENTS})
    told.tick(600)
    told.decide()
    assert not [e for e in told.status.pending if e.check == "b" and "channel/bus" in e.targets]

    told.down.clear()
    for _ in range(3):
        told.tick()
        told.decide()
    heard = [entry.transition.value for entry in told.to("channel/bus") if entry.check == "b"]
    assert heard[0] == "open"
