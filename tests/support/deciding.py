"""Decisions about a policy whose log is delivered, and what surrounds it, as a test sets it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from tests.support.builders import NOON, History

from governor.api.log import Entry, Target, channel_of, channel_target
from governor.api.status import DispatchStatus, FindingRef, PolicyStatus
from governor.domain.dispatching import LookUp
from governor.domain.log import Delivered
from governor.domain.plans import NOTHING_LEARNED, Feedback
from governor.domain.policies import Policy
from governor.domain.surroundings import ChannelKind, ChannelView, Mute
from governor.values.outcomes import Measurement, Outcome

CHAT = ChannelView(kind=ChannelKind.CHAT)
EVENTS = ChannelView(kind=ChannelKind.EVENTS)
ALERTS = ChannelView(kind=ChannelKind.LEVEL)
MISSING = ChannelView(kind=None, fault=("ChannelNotFound", "there is no GovernanceChannel chat"))
FORBIDDEN = ChannelView(kind=None, fault=("ChannelForbidden", "it does not allow aiops"))
BROKEN = replace(CHAT, fault=("ChannelInvalid", "its Secret is gone"))

WELL = Measurement(value=0.1)
"""What a knowledgeDegradation check with its default red line lets pass."""

_SPACE = UUID(int=9)


def notify(*channels: str, **overrides: Any) -> dict[str, Any]:
    """Whom a policy tells: a chat, unless told otherwise."""
    return {"channels": [{"name": name} for name in channels or ("chat",)]} | overrides


def mute(
    name: str = "quiet",
    *checks: str,
    ends: timedelta = timedelta(hours=1),
    created: datetime = NOON,
) -> Mute:
    """One that may be honoured; of all checks, unless some are named."""
    return Mute(
        uid=f"uid-of-{name}",
        name=name,
        checks=checks,
        reason="a migration",
        owner="sre",
        expires_at=created + ends,
    )


def work(finding: FindingRef | UUID, status: str = "pending", **overrides: Any) -> DispatchStatus:
    """A work item of a finding, for hermes, created at noon."""
    fields: dict[str, Any] = {
        "id": uuid5(_SPACE, status),
        "executor": "hermes",
        "status": status,
        "finding": finding if isinstance(finding, UUID) else finding.id,
        "created_at": NOON,
    }
    return DispatchStatus.model_validate(fields | overrides)


def found(latest: DispatchStatus | None = None, *, check: str = "knowledge") -> Feedback:
    """The sink was asked, and has told of the latest work item of a check, or of none."""
    return Feedback(found=LookUp(dispatches={} if latest is None else {check: latest}))


class Told(History):
    """A history whose log is delivered between decisions, except to those who are down.

    Nor to a channel that can't be used.
    """

    def __init__(self, of: Policy, **channels: ChannelView) -> None:
        super().__init__(of)
        self.surround(channels=channels)
        self.down: set[str] = {Target.REMEDIATION}
        self.heard: list[tuple[str, Entry]] = []
        """Who was told what, in order."""
        self._served: frozenset[Delivered] = frozenset()

    def decide(
        self, feedback: Feedback = NOTHING_LEARNED, /, **outcomes: str | Outcome
    ) -> PolicyStatus:
        served = feedback.delivered | self._served
        status = super().decide(replace(feedback, delivered=served), **outcomes)
        self._served = frozenset(self._deliver(status.pending))
        return status

    def owed(self) -> set[tuple[UUID, str]]:
        """What of the log was not delivered yet: entries and targets."""
        served = {(done.entry, done.target) for done in self._served}
        return {(e.id, target) for e in self.status.pending for target in e.targets} - served

    def forget(self) -> None:
        """The process dies before it has written down what it delivered."""
        self._served = frozenset()

    def messages(self, channel: str = "chat") -> list[tuple[str, str]]:
        """What a channel was told: transition and event type."""
        return [
            (entry.transition.value, entry.event_type)
            for target, entry in self.heard
            if target == channel_target(channel)
        ]

    def transitions(self, channel: str = "chat") -> list[str]:
        """The transitions alone."""
        return [transition for transition, _ in self.messages(channel)]

    def to(self, target: str) -> list[Entry]:
        """What one target was told."""
        return [entry for told, entry in self.heard if told == target]

    def _deliver(self, pending: Iterable[Entry]) -> Iterable[Delivered]:
        for entry in pending:
            for target in entry.targets:
                if self._takes(target):
                    self.heard.append((target, entry))
                    yield Delivered(entry=entry.id, target=target)

    def _takes(self, target: str) -> bool:
        name = channel_of(target)
        view = self.surroundings.channels.get(name) if name else None
        usable = name is None or (view is not None and view.fault is None)
        return usable and target not in self.down
