"""GovernanceChannel: a place where findings are told, and who may use it.

Defaults are applied where a channel is put to use: `adapters.channels`.
"""

from typing import Annotated

from pydantic import Field

from governor.api.conditions import Conditions
from governor.api.namespaces import AllowedNamespaces
from governor.api.servers import (
    AT_MOST_ONE_CREDENTIAL,
    TLS_NEEDS_HTTPS,
    URL_LENGTH,
    BasicSecretRef,
    HttpTls,
    SecretKeyRef,
    addressed,
)
from governor.values.model import SpecModel, StatusModel
from governor.values.moments import Time
from governor.values.rules import Distinct, Rule


class AlertmanagerChannel(SpecModel):
    """Alertmanagers of one cluster: every one of them is told, so name each, no balancer."""

    urls: Annotated[
        tuple[
            Annotated[
                str,
                Field(max_length=URL_LENGTH),
                addressed(
                    "http://alertmanager.monitoring:9093", "bearerSecretRef or basicSecretRef"
                ),
            ],
            ...,
        ],
        Field(min_length=1, max_length=8),
        Distinct(),
    ]
    """Each Alertmanager's address, with the path prefix if it has one; 1 to 8."""

    bearer_secret_ref: SecretKeyRef | None = None
    """The key that holds a bearer token. At most one of bearerSecretRef and basicSecretRef.
    Default: none is sent."""

    basic_secret_ref: BasicSecretRef | None = None
    """The Secret that holds a user and a password for basic authentication. At most one of
    bearerSecretRef and basicSecretRef. Default: none is sent."""

    tls: HttpTls | None = None
    """How the servers' certificates are verified, and which one they are shown; only with
    https URLs. Default: verified by the authorities of the operator's system, and none is
    shown."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """One way to authenticate; TLS where there is TLS."""
        return _ALERTMANAGER_RULES


_ALERTMANAGER_RULES = (
    AT_MOST_ONE_CREDENTIAL,
    Rule(
        message="tls needs https urls: change the urls, or remove tls",
        cel="!has(self.tls) || self.urls.all(url, url.startsWith('https://'))",
        holds=lambda it: it.tls is None or all(u.startswith("https://") for u in it.urls),
    ),
)


class AppriseChannel(SpecModel):
    """One chat, mailbox or webhook, as an Apprise URL names it: Telegram, Slack, mail and more."""

    secret_ref: SecretKeyRef
    """The key that holds one Apprise URL, such as tgram://token/chat or
    slack://token/#channel. One URL per channel: a failure then names its target."""


class CloudEventsChannel(SpecModel):
    """A webhook that takes CloudEvents 1.0 in structured mode."""

    url: Annotated[
        str,
        Field(max_length=URL_LENGTH),
        addressed("https://events.example.org/governance", "headersSecretRef"),
    ]
    """Where events are posted: http or https, without user, query or fragment."""

    headers_secret_ref: SecretKeyRef | None = None
    """The key that holds headers to send, one `Name: value` a line, such as Authorization.
    Default: none is sent."""

    tls: HttpTls | None = None
    """How the server's certificate is verified, and which one it is shown; only with an https
    URL. Default: verified by the authorities of the operator's system, and none is shown."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """TLS where there is TLS."""
        return (TLS_NEEDS_HTTPS,)


class ChannelSpec(SpecModel):
    """A place where findings are told, and who may use it."""

    allowed_namespaces: AllowedNamespaces
    """Whose policies may tell their findings here."""

    alertmanager: AlertmanagerChannel | None = None
    """Alertmanagers. Exactly one of alertmanager, apprise and cloudEvents."""

    apprise: AppriseChannel | None = None
    """One chat, mailbox or webhook. Exactly one of alertmanager, apprise and cloudEvents."""

    cloud_events: CloudEventsChannel | None = None
    """A CloudEvents webhook. Exactly one of alertmanager, apprise and cloudEvents."""

    digest_after: Annotated[int, Field(ge=1, le=100)] | None = None
    """So many messages a minute are sent one by one; what comes beyond that is gathered into
    one digest. 1 to 100; only with apprise. Default: 5."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """One kind of channel; a digest where people read."""
        return _CHANNEL_RULES


_CHANNEL_RULES = (
    Rule(
        message="give exactly one of alertmanager, apprise and cloudEvents",
        cel="[has(self.alertmanager), has(self.apprise), has(self.cloudEvents)]"
        ".exists_one(given, given)",
        holds=lambda it: [it.alertmanager, it.apprise, it.cloud_events].count(None) == 2,  # noqa: PLR2004
    ),
    Rule(
        message="digestAfter belongs to apprise: remove it",
        cel="!has(self.digestAfter) || has(self.apprise)",
        holds=lambda it: it.digest_after is None or it.apprise is not None,
    ),
)


class ChannelStatus(StatusModel):
    """Whether the channel takes what it is told. It never delays another channel."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status is about."""

    last_delivered: Time | None = None
    """When the channel, or a replica of it, last took something; lags a minute at most."""

    conditions: Conditions = ()
    """Ready: True once configured, and while it takes what it is told; else its message
    says why not."""
