"""What is around policies: mutes, channels, and what may be remediated."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from governor.app.ports import Deprecation, ObjectKey
from governor.domain.mutes import muted_until
from governor.domain.muting import honoured
from governor.domain.notices import Notice
from governor.domain.policies import Policy
from governor.domain.remediating import remediable
from governor.domain.surroundings import ChannelKind, ChannelView, Mute, Surroundings
from governor.probes.trust_drift import TrustDrift


class Mutes(Protocol):
    """Knows every GovernanceMute."""

    def of(self, namespace: str, policy: str) -> tuple[Mute, ...]:
        """The mutes that name a policy."""


class Channels(Protocol):
    """Knows every GovernanceChannel."""

    def view(self, namespace: str, name: str) -> ChannelView:
        """A channel as policies of a namespace may use it."""

    async def offer(
        self, channel: str, key: ObjectKey, notices: Sequence[Notice]
    ) -> Sequence[UUID]:
        """Gives notices to the channel's outbox; the ids of what was told."""

    def poke(self, channel: str) -> None:
        """What fires for a channel may have changed."""


class Remedies(Protocol):
    """Knows how to remediate through a source, and whether it may be done."""

    def remediation_refused(self, namespace: str, source: str) -> str | None:
        """Why policies of a namespace may not; None: they may."""

    async def deprecate(
        self, namespace: str, probe: TrustDrift, ids: Sequence[str], at: datetime
    ) -> Deprecation:
        """Deprecates playbooks, as `Instrument.deprecate`."""


class Around:
    """The surroundings of every policy, as they are now."""

    def __init__(
        self, *, cluster: str, mutes: Mutes, channels: Channels, remedies: Remedies
    ) -> None:
        self.cluster = cluster
        """Its name, for people."""
        self.mutes = mutes
        self.channels = channels
        self.remedies = remedies

    def of(self, key: ObjectKey, policy: Policy) -> Surroundings:
        """What a decision about the policy takes into account."""
        sources = {check.probe.source_ref.name for check in policy.checks if remediable(check)}
        return Surroundings(
            mutes=self.mutes.of(key.namespace, key.name),
            channels={
                name: self.channels.view(key.namespace, name)
                for name in (policy.notify.channels if policy.notify else ())
            },
            remediation={
                source: self.remedies.remediation_refused(key.namespace, source)
                for source in sources
            },
        )

    def muted(self, key: ObjectKey, policy: Policy, check: str, now: datetime) -> bool:
        """Whether a mute silences a check of the policy at that time."""
        named = next((each for each in policy.checks if each.name == check), None)
        if named is None:
            return False
        mutes = honoured(self.mutes.of(key.namespace, key.name), policy, now)
        return muted_until(mutes, policy, named) is not None

    def levels(self, key: ObjectKey, names: Iterable[str]) -> list[str]:
        """Those of the channels that are told by level."""
        views = ((name, self.channels.view(key.namespace, name)) for name in names)
        return [name for name, view in views if view.kind is ChannelKind.LEVEL]
