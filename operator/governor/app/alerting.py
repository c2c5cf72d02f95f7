"""Gathers, for one Alertmanager channel, what fires of every policy that names it."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from governor.app.apart import Apart
from governor.app.around import Around
from governor.app.running import PolicyRunner
from governor.domain.alerts import Alert, Subject, alerts
from governor.domain.policies import Policy
from governor.domain.surroundings import ChannelKind


class Alerting:
    """Knows what every policy's confirmed status says of findings that people were told of."""

    def __init__(self, policies: Iterable[PolicyRunner], around: Around) -> None:
        self._policies = policies
        self._around = around
        self._apart = Apart("what a policy has firing can't be told: its alerts are left out")

    def of(self, channel: str, now: datetime) -> list[Alert]:
        """What the channel of that name is to be told at that time."""
        found: list[Alert] = []
        for runner in self._policies:
            policy = runner.policy
            if policy is None or policy.notify is None or not runner.claimed:
                continue
            if channel in policy.notify.channels:
                with self._apart.each(runner.subject.key):
                    found += list(self._alerts(runner, policy, channel, now))
        return found

    def _alerts(
        self, runner: PolicyRunner, policy: Policy, channel: str, now: datetime
    ) -> Iterator[Alert]:
        key = runner.subject.key
        if self._around.channels.view(key.namespace, channel).kind is ChannelKind.LEVEL:
            subject = Subject(
                cluster=self._around.cluster,
                namespace=key.namespace,
                name=key.name,
                uid=key.uid,
                spec=runner.read_spec,
                policy=policy,
                status=runner.confirmed,
                mutes=self._around.mutes.of(key.namespace, key.name),
            )
            yield from alerts(subject, now)
