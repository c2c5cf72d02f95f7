"""Asks for a round of alerts out of turn when what people are told of a policy changes."""

from collections.abc import Mapping
from uuid import UUID

from governor.api.status import FindingRef, MuteRef, PolicyStatus
from governor.app.around import Around
from governor.app.ports import ObjectKey
from governor.domain.acting import told_of
from governor.domain.policies import Policy


class Poking:
    """What Alertmanagers were last poked for, of one policy."""

    def __init__(self, key: ObjectKey, around: Around) -> None:
        self._key = key
        self._around = around
        self._level: tuple[Mapping[UUID, FindingRef], tuple[MuteRef, ...]] = ({}, ())

    def look(self, policy: Policy | None, status: PolicyStatus) -> None:
        """Pokes those that the policy names, if its confirmed status tells of more or less."""
        level = told_of(status), status.mutes
        if policy is None or policy.notify is None or level == self._level:
            return
        self._level = level
        for channel in self._around.levels(self._key, policy.notify.channels):
            self._around.channels.poke(channel)
