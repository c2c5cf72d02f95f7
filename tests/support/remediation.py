"""A policy's remediation lane among doubles, and an entry that has chosen three playbooks."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.support.builders import NOON, spec
from tests.support.uids import same_uids
from tests.support.world import HandClock

from governor.adapters.memory.status_store import InMemoryStatusStore
from governor.adapters.memory.telemetry import InMemoryTelemetry
from governor.api.loading import load_policy
from governor.api.log import Entry, Target, Transition
from governor.api.policy import PolicySpec
from governor.app.delivering import Complaints, Office
from governor.app.ports import Deprecation, ObjectKey
from governor.app.remediating import RemediationLane
from governor.domain.remediations import RemediationOutcome
from governor.errors import DeliveryError
from governor.probes.trust_drift import TrustDrift

IDS = ("pb-1", "pb-2", "pb-3")
ENTRY, OTHER_ENTRY, FINDING = UUID(int=1), UUID(int=2), UUID(int=3)


def drift(name: str = "drift", **probe: Any) -> dict[str, Any]:
    """A trustDrift check."""
    return {"name": name, "trustDrift": {"sourceRef": {"name": "platform"}, **probe}}


def enforcing(*checks: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    """A policy's spec that enforces, of one trustDrift check unless told otherwise."""
    return spec(*(checks or (drift(),)), **{"enforcement": "Enforce", **overrides})


def entry(ids: Sequence[str] = IDS, **overrides: Any) -> Entry:
    """A choice of playbooks, as a decision at noon wrote it into the log."""
    fields: dict[str, Any] = {
        "id": ENTRY,
        "transition": Transition.REMEDIATE,
        "check": "drift",
        "event_type": "trust_drift",
        "finding": FINDING,
        "opened_at": NOON,
        "decided_at": NOON,
        "generation": 1,
        "severity": "warning",
        "reason": "PastRedLine",
        "lists": json.dumps({"ids": ids}),
        "targets": (Target.REMEDIATION,),
    }
    return Entry.model_validate(fields | overrides)


class Platform:
    """The governed playbooks: those that are low are drifted and unused."""

    def __init__(self) -> None:
        self.status = dict.fromkeys(IDS, "approved")
        self.low = set(IDS)
        self.touched: list[str] = []
        """Every id that was deprecated by us, each time."""
        self.asked: list[tuple[str, TrustDrift, tuple[str, ...], datetime]] = []
        self.before: list[Exception] = []
        """Raised by the next calls instead of any work."""
        self.after: list[BaseException] = []
        """Raised by the next calls once the work is done."""

    async def deprecate(
        self, namespace: str, probe: TrustDrift, ids: Sequence[str], at: datetime
    ) -> Deprecation:
        self.asked.append((namespace, probe, tuple(ids), at))
        if self.before:
            raise self.before.pop(0)
        already = [each for each in ids if self.status.get(each) == "deprecated"]
        changed = [each for each in ids if each in self.low and each not in already]
        self.touched += changed
        self.status.update(dict.fromkeys(changed, "deprecated"))
        if self.after:
            raise self.after.pop(0)
        kept = [each for each in ids if each not in {*changed, *already}]
        return Deprecation(changed=tuple(changed), already=tuple(already), kept=tuple(kept))


class Desk:
    """One process' lane of one policy; store and platform outlive it."""

    def __init__(self) -> None:
        self.store = InMemoryStatusStore(uids=same_uids())
        self.platform = Platform()
        self.clock = HandClock()
        body = self.store.create("aiops", "flywheel", enforcing())
        meta = body["metadata"]
        self.key = ObjectKey(uid=meta["uid"], namespace="aiops", name="flywheel")
        self.specs: dict[int, PolicySpec] = {1: load_policy(body)}
        self.refusal: str | None = None
        self.muted: set[str] | None = set()
        """None: mutes are not listed yet."""
        self.inherited: set[UUID] = set()
        self.restart()

    def restart(self, *inherited: Entry) -> None:
        """The process ends, and another finds these entries in the log."""
        self.inherited = {each.id for each in inherited}
        self.telemetry = InMemoryTelemetry()
        self.learned_calls = 0
        self.office = Office(
            telemetry=self.telemetry,
            complaints=Complaints(),
            on_learned=self._learned,
            on_urgent=self._urgent,
        )
        self.lane = RemediationLane(
            self.key,
            self.office,
            store=self.store,
            clock=self.clock,
            deprecate=self.platform.deprecate,
            refused=lambda namespace, source: (
                self.refusal and f"{namespace} {source}: {self.refusal}"
            ),
            muted=self._is_muted,
            spec_at=self.specs.get,
            inherited=lambda each: each.id in self.inherited,
        )

    def change(self, *checks: dict[str, Any], **overrides: Any) -> None:
        """What `kubectl apply` does between the decision and its execution."""
        self.store.change_spec(self.key, enforcing(*checks, **overrides))

    async def work(self, *log: Entry) -> RemediationOutcome | None:
        """One pass of the lane over a log; what is known of its first entry's outcome."""
        self.lane.owe(log)
        self.lane.finish()
        await self.lane.run()
        return self.office.learned.remediated.get(log[0].id)

    def decided(self) -> None:
        """A decision has taken in what was learned."""
        self.office.learned.delivered.clear()
        self.office.learned.remediated.clear()

    def _learned(self) -> None:
        self.learned_calls += 1

    def _urgent(self) -> None:
        raise AssertionError("a database can tell a repetition")

    def _is_muted(self, check: str, now: datetime) -> bool:
        assert now == self.clock.now()
        if self.muted is None:
            raise DeliveryError("the mutes are not listed yet")
        return check in self.muted
