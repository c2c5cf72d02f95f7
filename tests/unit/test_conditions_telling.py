"""`Notifying`: whether the channels that a policy names can be, and are, told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.builders import NOON, policy, slo
from tests.support.deciding import ALERTS, BROKEN, CHAT, FORBIDDEN, MISSING, Told, mute, notify

from governor.api.log import Target, channel_target
from governor.domain.surroundings import ChannelView


def life(**channels: ChannelView) -> Told:
    """A policy that names these channels."""
    return Told(policy(notify=notify(*channels)), **channels)


def notifying(told: Told) -> tuple[str, str, str]:
    """What the condition says."""
    condition = told.condition("Notifying")
    return condition.status, condition.reason, condition.message


def test_a_policy_that_names_no_channel_has_none() -> None:
    """Nor one that names them no more."""
    told = Told(policy())
    told.slots("ok")
    assert told.condition("Notifying") is None

    told = life(chat=CHAT)
    told.slots("ok")
    assert notifying(told) == ("True", "Configured", "every channel is configured")
    told.turn(policy())
    told.surround(channels={})
    told.slots("ok")
    assert told.condition("Notifying") is None


@pytest.mark.parametrize("view", [MISSING, FORBIDDEN, BROKEN], ids=lambda v: v.fault[0])
def test_a_channel_that_cannot_be_used_is_said(view: ChannelView) -> None:
    """With the remedy, whether there is anything to tell or not."""
    told = life(oncall=ALERTS, chat=view)
    told.slots("ok")
    assert view.fault is not None
    assert notifying(told) == ("False", *view.fault)
    told.surround(channels={"oncall": ALERTS, "chat": CHAT})
    told.slots("ok")
    assert notifying(told)[0] == "True"


def test_what_waits_longer_than_a_minute_is_said() -> None:
    """Which channels, and since when; a dead sink is not their fault."""
    told = life(chat=CHAT, other=CHAT, third=CHAT)
    told.down |= {channel_target("chat"), channel_target("other"), Target.SINK}
    told.slots("violated")
    told.tick(59)
    told.decide()
    assert notifying(told)[0] == "True"
    told.tick(1)
    told.decide()

    assert notifying(told) == (
        "False",
        "DeliveryFailing",
        "chat, other: notifications wait since 2026-11-22T12:01:00Z; see the channel's conditions",
    )
    told.down.clear()
    told.decide()
    told.decide()
    assert notifying(told)[0] == "True"


def test_what_cannot_be_used_stands_before_what_waits() -> None:
    """It says more."""
    told = life(chat=CHAT)
    told.down |= {channel_target("chat")}
    told.slots("violated", "violated")
    told.surround(channels={"chat": BROKEN})
    told.slots("violated")

    assert notifying(told)[1] == "ChannelInvalid"


def test_what_was_aimed_only_now_has_not_been_waiting() -> None:
    """An old opening in the log, told at the end of a mute."""
    told = life(chat=CHAT)
    told.down |= {Target.SINK}
    told.surround(mutes=(mute(ends=timedelta(minutes=30)),))
    told.slots("violated")
    told.tick(1740)
    told.decide()

    assert told.transitions() == ["open"]
    assert told.now - NOON == timedelta(minutes=30)
    assert notifying(told)[0] == "True"


def test_a_suspended_policy_says_it_too() -> None:
    """What was decided before is still delivered, or is not."""
    told = Told(policy(slo(), notify=notify()), chat=CHAT)
    told.down |= {channel_target("chat")}
    told.slots("violated")
    told.turn(replace(told.policy, suspended=True))
    told.tick()
    told.decide()

    assert notifying(told)[1] == "DeliveryFailing"
