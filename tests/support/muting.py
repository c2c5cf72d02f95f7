"""Mutes on a real cluster, and checks whose findings they silence."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.cluster import Cluster, eventually
from tests.support.dial import Dial
from tests.support.manifests import mute
from tests.support.work import Work

from governor_local.stack import Stack

MUTES = "governancemutes"
HOUR = timedelta(hours=1)
GOOD, BAD = 0.9, 0.1
"""Values of a dial."""


@dataclass(frozen=True, slots=True)
class Muting:
    """Somebody who may mute the policies of a namespace."""

    cluster: Cluster
    namespace: str

    def create(
        self, name: str, policy: str, *checks: str, ends: timedelta = HOUR, told: str = "Accepted"
    ) -> datetime:
        """A mute, once the operator has said that of it; when it ends."""
        end = self.apply(name, policy, *checks, ends=ends)
        eventually(lambda: self.says(name)["Accepted"][1] == told)
        return end

    def apply(self, name: str, policy: str, *checks: str, ends: timedelta = HOUR) -> datetime:
        """A mute, whatever becomes of it; when it ends."""
        end = (datetime.now(UTC) + ends).replace(microsecond=0)
        named = {"checks": list(checks)} if checks else {}
        self.cluster.apply(mute(name, self.namespace, policy, end, **named))
        return end

    def delete(self, name: str) -> datetime:
        """The mute goes early; when it was still there."""
        before = datetime.now(UTC)
        self.cluster.stack.kubectl("delete", MUTES, name, "-n", self.namespace)
        return before

    def says(self, name: str) -> dict[str, tuple[str, str, str]]:
        """A mute's conditions: status, reason and message."""
        conditions = self.get(name).get("status", {}).get("conditions", [])
        assert conditions, f"nothing was said of mute {name} yet"
        return {c["type"]: (c["status"], c["reason"], c["message"]) for c in conditions}

    def get(self, name: str) -> dict[str, Any]:
        """The mute."""
        return self.cluster.find(MUTES, name, self.namespace)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of mutes, oldest first."""
        rows = self.cluster.rows(self.namespace)
        return [row for row in rows if row["event_type"] == "governance_mute"]


class Dials:
    """Checks of numbers that a test turns; each becomes work."""

    def __init__(self, stack: Stack, work: Work, *names: str) -> None:
        self._dials = {name: Dial(stack, f"{work.namespace}-{name}") for name in names}
        self._work = work
        for dial in self._dials.values():
            dial.turn(GOOD)

    def turn(self, value: float, *names: str) -> None:
        """Some of them, or all."""
        for name in names or self._dials:
            self._dials[name].turn(value)

    def checks(self, **spec: Any) -> list[dict[str, Any]]:
        """All of them."""
        return [
            dial.check(name, **self._work.declared(name), **spec)
            for name, dial in self._dials.items()
        ]
