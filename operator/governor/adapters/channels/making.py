"""Builds the notifier of a channel, without connecting."""

from collections.abc import Mapping, Sequence

from governor import __version__
from governor.adapters.channels.alertmanager import AlertmanagerNotifier
from governor.adapters.channels.cloud_events import CloudEventsNotifier
from governor.adapters.web.credentials import Secrets, credentials
from governor.adapters.web.headers import secret_headers
from governor.adapters.web.trust import trust, unusable
from governor.api.channel import (
    AlertmanagerChannel,
    AppriseChannel,
    ChannelSpec,
    CloudEventsChannel,
)
from governor.app.ports import AlertNotifier, Notifier
from governor.values.outcomes import FaultError
from governor.values.reasons import Reason

_AGENT = {"user-agent": f"governor/{__version__}"}


class Notifiers:
    """The `NotifierMaker` for every kind of channel there is.

    The first Apprise channel loads every service that Apprise knows, which takes about a
    second: call `make` in a thread where that matters.
    """

    def make(
        self, name: str, spec: ChannelSpec, secrets: Mapping[str, Mapping[str, bytes]]
    ) -> Notifier | AlertNotifier:
        """As the port says.

        Raises:
            FaultError: `SecretInvalid`; or `Unreachable` for a url that can't be one.
        """
        if spec.alertmanager is not None:
            return _alertmanager(name, spec.alertmanager, secrets)
        if spec.cloud_events is not None:
            return _cloud_events(name, spec.cloud_events, secrets)
        if spec.apprise is not None:
            return _apprise(spec.apprise, secrets)
        raise FaultError(
            Reason.UNREACHABLE,
            f"GovernanceChannel {name} is none of alertmanager, apprise and cloudEvents: "
            "set one of them",
        )


def _alertmanager(name: str, spec: AlertmanagerChannel, secrets: Secrets) -> AlertmanagerNotifier:
    for url in spec.urls:
        _check(name, "alertmanager.urls", url, "bearerSecretRef or basicSecretRef")
    known = credentials(spec.bearer_secret_ref, spec.basic_secret_ref, secrets)
    return AlertmanagerNotifier(
        urls=spec.urls,
        headers={**_AGENT, **known.headers},
        trust=trust(_strictest(spec.urls), spec.tls, secrets),
        redact=known.redact,
    )


def _strictest(urls: Sequence[str]) -> str:
    """One with TLS, if there is any: all share what is made for it."""
    return next((url for url in urls if url.startswith("https://")), urls[0])


def _cloud_events(name: str, spec: CloudEventsChannel, secrets: Secrets) -> CloudEventsNotifier:
    _check(name, "cloudEvents.url", spec.url, "headersSecretRef")
    known = secret_headers(spec.headers_secret_ref, secrets)
    return CloudEventsNotifier(
        url=spec.url,
        headers={**_AGENT, **known.headers},
        trust=trust(spec.url, spec.tls, secrets),
        redact=known.redact,
    )


def _apprise(spec: AppriseChannel, secrets: Secrets) -> Notifier:
    # Two hundred services are loaded with it: only for who has such a channel.
    from governor.adapters.channels.apprise import AppriseNotifier  # noqa: PLC0415
    from governor.adapters.channels.apprise_urls import service  # noqa: PLC0415

    return AppriseNotifier(service(spec.secret_ref, secrets))


def _check(name: str, field: str, url: str, credentials_field: str) -> None:
    if fault := unusable(url, credentials_field):
        raise FaultError(Reason.UNREACHABLE, f"GovernanceChannel {name}: {field} {fault}")
