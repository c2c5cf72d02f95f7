"""Mutes on a real cluster: made, looked at, taken away."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.cluster import Cluster, eventually
from tests.support.manifests import mute

MUTES = "governancemutes"
HOUR = timedelta(hours=1)


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
        return self.cluster.get(MUTES, name, self.namespace)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of mutes, oldest first."""
        rows = self.cluster.rows(self.namespace)
        return [row for row in rows if row["event_type"] == "governance_mute"]
