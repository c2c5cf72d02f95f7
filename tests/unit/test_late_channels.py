"""Channels that are not there when a finding opens: each hears the opening once, then the end."""

import pytest
from tests.support.builders import policy
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
