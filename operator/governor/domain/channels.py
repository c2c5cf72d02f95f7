"""Who may be told through which channel, and how a channel's status says how it fares."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from pydantic import ValidationError

from governor.api.channel import ChannelSpec, ChannelStatus
from governor.domain import resources
from governor.domain.conditions import READY, Told, upsert
from governor.domain.judging import one_line
from governor.domain.resources import Labels, allows, misread
from governor.domain.surroundings import ChannelKind, ChannelView
from governor.values.outcomes import Fault
from governor.values.reasons import Reason

DIGEST_AFTER = 5
"""So many messages a minute a chat takes, where its spec does not say."""

DELIVERED_EVERY = timedelta(minutes=1)
"""How old `lastDelivered` may get while nothing else changes: a write a message is too many."""

NOT_FOUND, FORBIDDEN, INVALID = "ChannelNotFound", "ChannelForbidden", "ChannelInvalid"

CONFIGURED, DELIVERING = "Configured", "Delivering"
DELIVERY_FAILED, RETIRED, SPEC_INVALID = "DeliveryFailed", "Retired", "SpecInvalid"


@dataclass(frozen=True, slots=True)
class Configured:
    """The channel is ready to be told, and was told nothing yet."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel took what it was told."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """The channel does not take what it is told."""

    reason: str
    """One word, for programs."""
    message: str
    delivered_at: datetime | None = None
    """When some of its replicas took it all the same."""


News = Configured | Delivered | Failed
"""What was last learned of a channel."""


def kind_of(spec: ChannelSpec) -> ChannelKind:
    """How the channel is told; its rules make it exactly one."""
    if spec.alertmanager is not None:
        return ChannelKind.LEVEL
    return ChannelKind.CHAT if spec.apprise is not None else ChannelKind.EVENTS


def digest_after(spec: ChannelSpec) -> int:
    """How many messages a minute it takes, with the default applied."""
    return DIGEST_AFTER if spec.digest_after is None else spec.digest_after


def parse(name: str, spec: object) -> ChannelSpec | Fault:
    """The channel, or why it can't be understood. Tells no value: a url may hold a secret."""
    try:
        return ChannelSpec.model_validate(spec)
    except ValidationError as error:
        message = misread("GovernanceChannel", name, error)
        return Fault(reason=Reason.MALFORMED_ANSWER, message=message)


def admit(
    spec: ChannelSpec | Fault | None, name: str, namespace: str, namespace_labels: Labels | None
) -> tuple[str, str] | None:
    """Why a policy may not tell its findings through this channel; None if it may.

    The namespace comes before all else: who may not use a channel learns nothing more of it.

    Args:
        spec: the channel; a fault where it can't be understood, None where there is none.
        name: of the channel.
        namespace: of the policy.
        namespace_labels: as they are now; None where the namespace is not known.
    """
    if spec is None:
        return (
            NOT_FOUND,
            f"there is no GovernanceChannel {name}: create it, or name another in notify.channels",
        )
    if isinstance(spec, Fault):
        return INVALID, spec.message
    if not allows(spec, namespace_labels):
        message = (
            f"GovernanceChannel {name} does not allow namespace {namespace}: an administrator "
            "can, in its allowedNamespaces"
        )
        return FORBIDDEN, message
    return None


def view(
    spec: ChannelSpec | Fault | None,
    built: Fault | None,
    name: str,
    namespace: str,
    namespace_labels: Labels | None,
) -> ChannelView:
    """The channel, as a policy of that namespace may use it.

    Args:
        spec: as in `admit`.
        built: why its notifier can't be built; None if it can be, or was not tried yet.
        name: of the channel.
        namespace: of the policy.
        namespace_labels: as in `admit`.
    """
    refused = admit(spec, name, namespace, namespace_labels)
    if refused is not None or spec is None or isinstance(spec, Fault):
        return ChannelView(kind=None, fault=refused)
    if built is not None:
        message = one_line(f"GovernanceChannel {name} can't be used: {built.message}")
        return ChannelView(kind=kind_of(spec), fault=(INVALID, message))
    return ChannelView(kind=kind_of(spec))


def told(before: ChannelStatus, news: News, *, generation: int, now: datetime) -> ChannelStatus:
    """The status after the news.

    That a channel is configured is no news where it is known to deliver: a restart
    of the operator says nothing about it.
    """
    last, ready = before.last_delivered, _ready(before, generation)
    words: Told
    match news:
        case Configured():
            words = ("True", CONFIGURED, "nothing was told yet since it was configured")
            if ready is not None and ready[0] == "True":
                words = ready
        case Delivered(at=at):
            last = at.replace(microsecond=0)
            words = ("True", DELIVERING, "it takes what it is told")
        case Failed(reason=reason, message=message, delivered_at=at):
            last = last if at is None else at.replace(microsecond=0)
            words = ("False", reason, one_line(message))
        case _:
            assert_never(news)
    return before.model_copy(
        update={
            "observed_generation": generation,
            "last_delivered": last,
            "conditions": upsert(before.conditions, READY, words, generation=generation, now=now),
        }
    )


def worth_writing(before: ChannelStatus, after: ChannelStatus) -> bool:
    """Whether a status says more than that the channel took one more message."""
    return resources.worth_writing(before, after, "last_delivered", DELIVERED_EVERY)


def _ready(status: ChannelStatus, generation: int) -> Told | None:
    """What the status says of this generation."""
    return next(
        (
            (c.status, c.reason, c.message)
            for c in status.conditions
            if c.type == READY and c.observed_generation == generation
        ),
        None,
    )
