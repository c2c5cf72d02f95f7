"""Gathers, for one Alertmanager channel, what fires of every policy that names it."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from governor.app.around import Around
from governor.app.running import PolicyRunner
from governor.domain.alerts import Alert, Subject, alerts
from governor.domain.surroundings import ChannelKind


class Alerting:
    """Knows what every policy's confirmed status says of findings that people were told of."""

    def __init__(self, policies: Iterable[PolicyRunner], around: Around) -> None:
        self._policies = policies
        self._around = around

    def of(self, channel: str, now: datetime) -> list[Alert]:
        """What the channel of that name is to be told at that time."""
        return [alert for subject in self._subjects(channel) for alert in alerts(subject, now)]

    def _subjects(self, channel: str) -> Iterator[Subject]:
        for runner in self._policies:
            policy = runner.policy
            if policy is None or policy.notify is None or not runner.claimed:
                continue
            key = runner.subject.key
            if channel not in policy.notify.channels:
                continue
            if self._around.channels.view(key.namespace, channel).kind is ChannelKind.LEVEL:
                yield Subject(
                    cluster=self._around.cluster,
                    namespace=key.namespace,
                    name=key.name,
                    uid=key.uid,
                    spec=runner.read_spec,
                    policy=policy,
                    status=runner.confirmed,
                    mutes=self._around.mutes.of(key.namespace, key.name),
                )
