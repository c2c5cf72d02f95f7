"""What is needed of the places where people are told."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from governor.api.channel import ChannelSpec
from governor.domain.alerts import Alert
from governor.domain.notices import Notice


class Notifier(Protocol):
    """Knows how to tell one channel of transitions."""

    async def tell(self, notices: Sequence[Notice]) -> None:
        """One message: of one transition, or a digest of several.

        Raises:
            RetiredError: the channel will never take anything again (410).
            RejectedError: it will never take this.
            BusyError: not now; it says when.
            DeliveryError: not now. No message of these names a secret.
        """

    async def close(self) -> None:
        """Lets go of every connection."""


class AlertNotifier(Protocol):
    """Knows how to tell Alertmanagers what fires, and what does not any more."""

    async def post(self, alerts: Sequence[Alert]) -> None:
        """Posts all of them, in batches, to every Alertmanager, even if one fails.

        Raises:
            PartlyDeliveredError: some took them all, and at least one did not.
            DeliveryError: none took them all. The messages say which did not, and why.
        """

    async def close(self) -> None:
        """Lets go of every connection."""


class NotifierMaker(Protocol):
    """Knows how to build the notifier of a channel."""

    def make(
        self, name: str, spec: ChannelSpec, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> Notifier | AlertNotifier:
        """Builds it without connecting.

        Args:
            name: of the channel, for messages and metrics.
            spec: the channel.
            secrets: Secret name → key → value; every Secret that the spec names and
                that exists.

        Raises:
            FaultError: `SecretInvalid`, naming the Secret, the key and the remedy, and no
                part of the value.
        """
