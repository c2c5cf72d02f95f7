"""Policies as a real API server stores and shows them, with statuses written by hand."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from governor.api import API_VERSION
from governor.api.kinds import RESOURCES
from governor.api.status import PolicyStatus
from governor.values.reasons import Reason, Verdict
from governor_local.stack import Stack

CRDS = Path(__file__).parents[2] / "crds"
NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Served:
    """The CRDs, and the objects that there are of them."""

    stack: Stack

    @classmethod
    def on(cls, stack: Stack) -> "Served":
        """Once the API server serves the CRDs, and kubectl knows them.

        The API server publishes short names and schemas late.
        """
        stack.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(CRDS))
        stack.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        deadline = time.monotonic() + 30
        for resource in RESOURCES:
            while stack.kubectl("explain", resource.short_name, check=False).returncode:
                assert time.monotonic() < deadline, "kubectl does not learn of the kinds"
                time.sleep(0.1)
        return cls(stack)

    @contextmanager
    def policy(self) -> Iterator[str]:
        """The name of a policy in the namespace `default`, with as many checks as can be."""
        name = f"served-{uuid4().hex[:8]}"
        drift = {"trustDrift": {"sourceRef": {"name": "platform"}}}
        self.apply(
            "GovernancePolicy", name, {"checks": [drift | {"name": n} for n in check_names()]}
        )
        yield name
        self.stack.kubectl("delete", "govpol", name, "--ignore-not-found")

    def apply(self, kind: str, name: str, spec: dict[str, Any], *options: str) -> None:
        """Applies an object, as kubectl does with these options."""
        done = self._apply(kind, name, spec, options)
        assert done.returncode == 0, done.stderr

    def refused(self, kind: str, name: str, spec: dict[str, Any], *options: str) -> str:
        """What kubectl says where an object can't be applied."""
        done = self._apply(kind, name, spec, options)
        assert done.returncode == 1
        return done.stderr

    def _apply(
        self, kind: str, name: str, spec: dict[str, Any], options: tuple[str, ...]
    ) -> "subprocess.CompletedProcess[str]":
        manifest = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}}
        text = json.dumps(manifest | {"spec": spec})
        return self.stack.kubectl("apply", *options, "-f", "-", input=text, check=False)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """The object as the API server has it, with its managedFields."""
        answer = self.stack.kubectl("get", kind, name, "-o", "json", "--show-managed-fields")
        body: dict[str, Any] = json.loads(answer.stdout)
        return body

    def write(self, policy: str, status: dict[str, Any]) -> dict[str, Any]:
        """Replaces a policy's status, refusing unknown fields; the object as it is then."""
        body = self.get("govpol", policy)
        body["status"] = status
        path = f"/apis/{API_VERSION}/namespaces/default/governancepolicies/{policy}/status"
        query = "fieldValidation=Strict"
        self.stack.kubectl("replace", "--raw", f"{path}?{query}", "-f", "-", input=json.dumps(body))
        return self.get("govpol", policy)

    def table(self, *arguments: str) -> list[dict[str, str]]:
        """What `kubectl get` prints, by its columns; a cell ends where the next heading starts."""
        text = self.stack.kubectl("get", *arguments).stdout
        heading, *rows = text.rstrip("\n").split("\n")
        names = heading.split()
        starts = [heading.index(name) for name in names]
        cells = list(zip(names, starts, [*starts[1:], None], strict=True))
        return [{name: row[start:end].strip() for name, start, end in cells} for row in rows]


def check_names() -> list[str]:
    """As many as a policy can have, as long as they can be."""
    return [f"check-{at:02}".ljust(40, "x") for at in range(32)]


def status(**fields: Any) -> dict[str, Any]:
    """A status with every field that there is, as the operator writes it."""
    whole = {
        "observedGeneration": 1,
        "verdict": "Violated",
        "lastEvaluated": NOON,
        "validUntil": NOON + timedelta(minutes=15),
        "lastHandledRunNow": "now",
        "summary": {"ok": 1, "warning": 2, "violated": 3, "noData": 4, "error": 5, "muted": 6},
        "slo": {
            "violated": 1,
            "noData": 0,
            "ok": 2,
            "error": 0,
            "allNoData": False,
            "status": "violated",
        },
        "conditions": [
            condition("Compliant", "False", "PastRedLine", "drift is 12.3 % past its red line"),
            condition("Ready", "True", "Measured", ""),
            condition("Stalled", "False", "Measured", ""),
        ],
        "checks": [_check() | {"name": name} for name in check_names()],
        "findings": [
            {"eventType": "governance_self_failure", "finding": _open(), "lastFinding": _last()},
            {"eventType": "governance_slo_data_gap", "finding": _open(), "lastFinding": _last()},
        ],
        "mutes": [mute(0)],
        "pending": [_entry()],
    }
    return as_written(PolicyStatus.model_validate(whole | fields))


def as_written(status: PolicyStatus) -> dict[str, Any]:
    """A status as JSON."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def condition(type_: str, status: str, reason: str, message: str) -> dict[str, Any]:
    """A condition as the operator writes it."""
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": NOON.replace(microsecond=0),
    }


def mute(number: int) -> dict[str, Any]:
    """A mute that is honoured; its name is longer than most."""
    return {
        "uid": str(uuid4()),
        "name": f"mute-{number:02}".ljust(30, "x"),
        "finding": {"id": uuid4(), "eventType": "governance_mute", "openedAt": NOON},
        "expiresAt": NOON.replace(microsecond=0) + timedelta(days=90),
    }


def _open() -> dict[str, Any]:
    return {"id": uuid4(), "eventType": "trust_drift", "openedAt": NOON, "lastToldAt": NOON}


def _last() -> dict[str, Any]:
    return _open() | {"resolvedAt": NOON, "reason": "Recovered"}


def _check() -> dict[str, Any]:
    return {
        "verdict": Verdict.VIOLATED,
        "reason": Reason.PAST_RED_LINE,
        "message": "m" * 200,
        "value": 0.1234,
        "gap": -0.1234,
        "samples": 1234,
        "lastEvaluated": NOON,
        "since": NOON,
        "digest": "0123456789abcdef",
        "violations": 3,
        "successes": 0,
        "blindSince": NOON,
        "blindRuns": 3,
        "countedSlot": NOON,
        "blindSlot": NOON,
        "finding": _open(),
        "lastFinding": _last(),
        "blind": _open(),
        "lastBlind": _last(),
        "dispatch": {
            "id": uuid4(),
            "executor": "hermes_kb_growth_healthcheck",
            "status": "dispatched",
            "finding": uuid4(),
            "attempts": 1,
            "createdAt": NOON,
            "finishedAt": NOON,
        },
        "suppressed": "OpenReview",
        "mutedUntil": NOON.replace(microsecond=0) + timedelta(days=90),
    }


def _entry() -> dict[str, Any]:
    return {
        "id": uuid4(),
        "transition": "open",
        "check": check_names()[0],
        "eventType": "trust_drift",
        "finding": uuid4(),
        "openedAt": NOON,
        "decidedAt": NOON,
        "resolvedReason": "Recovered",
        "generation": 1,
        "severity": "warning",
        "reason": "PastRedLine",
        "message": "m" * 200,
        "value": 0.5,
        "gap": 0.5,
        "samples": 2,
        "objective": {"direction": "Below", "redLine": 0.0, "target": 0.0},
        "impact": '{"drifted_count": 1}',
        "lists": '{"ids": ["p1"]}',
        "folded": 2,
        "targets": [
            "sink",
            "event",
            "dispatch",
            "remediation",
            *(f"channel/channel-{at}".ljust(38, "x") for at in range(8)),
        ],
    }


def size(value: Any) -> int:
    """Bytes as JSON without spaces, as the API server stores it."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
