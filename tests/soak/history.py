"""What statuses have ever said: each finding, each promise to tell, each policy that went."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]
Place = tuple[str, str, str]
"""Policy's uid, check and event type: one finding at most is open there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One that a status had open."""

    id: str
    uid: str
    policy: str
    check: str
    event_type: str
    opened_at: datetime

    @property
    def place(self) -> Place:
        """Where it was."""
        return self.uid, self.check, self.event_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One entry of a log: whoever reads the status may count on its being told."""

    id: str
    uid: str
    policy: str
    check: str
    transition: str
    finding: str
    """Empty where it belongs to none."""
    targets: frozenset[str]
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A policy that was deleted."""

    uid: str
    name: str
    at: datetime
    """When that was seen."""


@dataclass(slots=True)
class History:
    """Grows with every version of every policy of one namespace."""

    findings: dict[str, Finding] = field(default_factory=dict)
    promises: dict[str, Promise] = field(default_factory=dict)
    living: dict[str, Json] = field(default_factory=dict)
    """uid → its latest version."""
    gone: dict[str, Gone] = field(default_factory=dict)
    wiped: set[str] = field(default_factory=set)
    """uids of policies whose status was taken away."""
    versions: int = 0
    largest: int = 0
    """Bytes of the largest version of any policy."""

    def seen(self, body: Json, size: int) -> None:
        """A policy was written."""
        self.versions += 1
        self.largest = max(self.largest, size)
        uid, status = body["metadata"]["uid"], body.get("status") or {}
        before = self.living.get(uid, {}).get("status") or {}
        if "observedGeneration" in before and "observedGeneration" not in status:
            self.wiped.add(uid)
        self.living[uid] = body
        for check, ref in open_findings(status):
            self._opened(body, check, ref)
        for entry in status.get("pending", ()):
            self._promised(body, entry)

    def deleted(self, uid: str) -> None:
        """A policy went."""
        body = self.living.pop(uid)
        name = body["metadata"]["name"]
        self.gone[uid] = Gone(uid=uid, name=name, at=datetime.now(UTC))

    def open_now(self) -> set[str]:
        """Ids of the findings that are open in the statuses of living policies."""
        statuses = (body.get("status") or {} for body in self.living.values())
        return {ref["id"] for status in statuses for _, ref in open_findings(status)}

    def _opened(self, body: Json, check: str, ref: Json) -> None:
        meta = body["metadata"]
        self.findings.setdefault(
            ref["id"],
            Finding(
                id=ref["id"],
                uid=meta["uid"],
                policy=meta["name"],
                check=check,
                event_type=ref["eventType"],
                opened_at=datetime.fromisoformat(ref["openedAt"]),
            ),
        )

    def _promised(self, body: Json, entry: Json) -> None:
        meta, known = body["metadata"], self.promises.get(entry["id"])
        if known is not None and known.targets >= set(entry["targets"]):
            return
        self.promises[entry["id"]] = Promise(
            id=entry["id"],
            uid=meta["uid"],
            policy=meta["name"],
            check=entry.get("check", ""),
            transition=entry["transition"],
            finding=entry.get("finding", ""),
            targets=frozenset(entry["targets"]) | (known.targets if known else frozenset()),
            decided_at=datetime.fromisoformat(entry["decidedAt"]),
        )


def open_findings(status: Json) -> Iterator[tuple[str, Json]]:
    """Each open finding of a status, and the check that it is about."""
    for check in status.get("checks", ()):
        for place in ("finding", "blind"):
            if place in check:
                yield check["name"], check[place]
    for policy in status.get("findings", ()):
        if "finding" in policy:
            yield "", policy["finding"]
    for mute in status.get("mutes", ()):
        yield f"mute/{mute['uid']}", mute["finding"]
