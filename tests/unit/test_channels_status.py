"""Who may use a channel, and what its status says: the pure parts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governor.api.channel import ChannelSpec, ChannelStatus
from governor.domain.channels import (
    Configured,
    Delivered,
    Failed,
    News,
    digest_after,
    kind_of,
    parse,
    told,
    view,
    worth_writing,
)
from governor.domain.surroundings import ChannelKind, ChannelView
from governor.values.outcomes import Fault
from governor.values.reasons import Reason

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TEAM = {"from": "Selector", "selector": {"matchLabels": {"team": "aiops"}}}
KINDS: dict[ChannelKind, dict[str, Any]] = {
    ChannelKind.LEVEL: {"alertmanager": {"urls": ["http://am:9093"]}},
    ChannelKind.CHAT: {"apprise": {"secretRef": {"name": "s", "key": "url"}}},
    ChannelKind.EVENTS: {"cloudEvents": {"url": "https://events.example"}},
}
INVALID = Fault(reason=Reason.SECRET_INVALID, message="Secret s has no key url: add it")


def channel(kind: ChannelKind, **more: Any) -> ChannelSpec:
    return ChannelSpec.model_validate({"allowedNamespaces": TEAM, **KINDS[kind], **more})


def after(
    before: ChannelStatus, news: News, seconds: float = 0, generation: int = 1
) -> ChannelStatus:
    now = NOON + timedelta(seconds=seconds)
    return told(before, news, generation=generation, now=now)


@pytest.mark.parametrize("kind", ChannelKind)
def test_a_channel_that_may_be_used(kind: ChannelKind) -> None:
    """Its kind, and no fault."""
    seen = view(channel(kind), None, "oncall", "aiops", {"team": "aiops"})

    assert seen == ChannelView(kind=kind)
    assert kind_of(channel(kind)) is kind


@pytest.mark.parametrize("labels", [None, {}, {"team": "web"}])
def test_a_namespace_that_may_not_use_it_learns_nothing_else(labels: dict[str, str] | None) -> None:
    """Not even that its Secret is invalid."""
    seen = view(channel(ChannelKind.CHAT), INVALID, "oncall", "web", labels)

    message = (
        "GovernanceChannel oncall does not allow namespace web: an administrator can, in its "
        "allowedNamespaces"
    )
    assert seen == ChannelView(kind=None, fault=("ChannelForbidden", message))


def test_a_channel_that_is_not_there() -> None:
    """The remedy is to create it, or to name another."""
    seen = view(None, None, "oncall", "aiops", {})

    assert seen == ChannelView(
        kind=None,
        fault=(
            "ChannelNotFound",
            "there is no GovernanceChannel oncall: create it, or name another in notify.channels",
        ),
    )


def test_a_channel_without_a_notifier() -> None:
    """Invalid, with the words of whoever could not build it."""
    seen = view(channel(ChannelKind.CHAT), INVALID, "oncall", "aiops", {"team": "aiops"})

    assert seen.fault == (
        "ChannelInvalid",
        "GovernanceChannel oncall can't be used: Secret s has no key url: add it",
    )


def test_a_channel_that_cannot_be_understood() -> None:
    """The field is named; no value is, as a URL may hold a secret."""
    spec = {"allowedNamespaces": {"from": "All"}, "cloudEvents": {"url": "ftp://hunter2@x"}}
    fault = parse("oncall", spec)

    assert isinstance(fault, Fault)
    assert fault.message.startswith("GovernanceChannel oncall can't be understood: cloudEvents.url")
    assert "hunter2" not in fault.message
    assert view(fault, None, "oncall", "aiops", {}).fault == ("ChannelInvalid", fault.message)
    assert isinstance(parse("oncall", None), Fault)


def test_how_many_messages_a_minute() -> None:
    """Five, or what the spec says."""
    assert digest_after(channel(ChannelKind.CHAT)) == 5
    assert digest_after(channel(ChannelKind.CHAT, digestAfter=100)) == 100


FRESH = after(ChannelStatus(), Configured())
DELIVERING = after(FRESH, Delivered(NOON))
DOWN = Failed("DeliveryFailed", "connection\nrefused")


def ready(status: ChannelStatus) -> tuple[str, str, str]:
    [condition] = status.conditions
    return condition.status, condition.reason, condition.message


def test_what_ready_says() -> None:
    """Configured, then delivering; a failure in one line."""
    assert ready(FRESH)[:2] == ("True", "Configured")
    assert FRESH.last_delivered is None
    assert ready(DELIVERING)[:2] == ("True", "Delivering")
    assert DELIVERING.last_delivered == NOON
    down = after(DELIVERING, DOWN, 60)
    assert ready(down) == ("False", "DeliveryFailed", "connection refused")
    assert down.last_delivered == NOON
    assert down.conditions[0].last_transition_time == NOON + timedelta(seconds=60)


def test_a_part_of_a_channel_that_delivers() -> None:
    """Ready says what failed; that somebody was told is said all the same, once a minute."""
    partly = after(
        FRESH, Failed("DeliveryFailed", "am-1: HTTP 503", delivered_at=NOON + timedelta(seconds=9))
    )
    later = Failed("DeliveryFailed", "am-1: HTTP 503", delivered_at=NOON + timedelta(seconds=69))

    assert ready(partly) == ("False", "DeliveryFailed", "am-1: HTTP 503")
    assert partly.last_delivered == NOON + timedelta(seconds=9)
    assert worth_writing(FRESH, partly)
    assert worth_writing(partly, after(partly, later, 69))
    assert not worth_writing(partly, after(partly, Failed("DeliveryFailed", "am-1: HTTP 503"), 69))


def test_a_restart_of_the_operator_says_nothing_about_a_channel_that_delivers() -> None:
    """But a new spec is a new channel, and one that failed may be mended."""
    assert after(DELIVERING, Configured(), 60) == DELIVERING
    assert ready(after(DELIVERING, Configured(), 60, generation=2))[1] == "Configured"
    assert ready(after(after(DELIVERING, DOWN), Configured(), 60))[1] == "Configured"


@pytest.mark.parametrize(
    ("status", "worth"),
    [
        (after(DELIVERING, Delivered(NOON + timedelta(seconds=59)), 59), False),
        (after(DELIVERING, Delivered(NOON + timedelta(seconds=60)), 60), True),
        (after(DELIVERING, DOWN, 1), True),
        (after(DELIVERING, Configured(), 1, generation=2), True),
        (after(DELIVERING, Configured(), 1), False),
    ],
    ids=["one more", "1 min", "down", "another spec", "a restart"],
)
def test_only_news_is_worth_a_write(status: ChannelStatus, worth: bool) -> None:
    """That one more message was taken is written once a minute."""
    assert worth_writing(DELIVERING, status) is worth


def test_the_first_news_is_worth_a_write() -> None:
    """Whatever it is; what is said already is not."""
    assert worth_writing(ChannelStatus(), FRESH)
    assert worth_writing(FRESH, DELIVERING)
    assert worth_writing(DELIVERING, FRESH)
    assert not worth_writing(FRESH, FRESH)


def test_a_moment_is_told_in_whole_seconds() -> None:
    """As the API server keeps it."""
    news = Delivered(NOON + timedelta(microseconds=999_999))
    assert after(FRESH, news).last_delivered == NOON
