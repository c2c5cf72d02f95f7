"""The embedded stack with an operator, as the e2e tests speak of it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from tests.support.api import Api
from tests.support.hanging import go_on

from governor.api import RUN_NOW
from governor_local.operator_process import SINK_DATABASE
from governor_local.stack import Stack

POLL_SECONDS = 0.05
EVENTS = "governance.ai_governance_events"
Found = TypeVar("Found")


def eventually(what: Callable[[], Found], seconds: float = 20, *, why: str = "") -> Found:
    """Asks until the answer is true or not None, and gives it.

    An AssertionError of the question means "not yet"; the last one is raised at the end.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = what()
            if found:
                return found
            failure = AssertionError(f"still {found!r} after {seconds} s. {why}")
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure
        time.sleep(POLL_SECONDS)


def apply(stack: Stack, *manifests: Mapping[str, Any]) -> str:
    """What `kubectl apply` says, one line an object."""
    text = "\n---\n".join(json.dumps(manifest) for manifest in manifests)
    return stack.kubectl("apply", "-f", "-", input=text).stdout


@dataclass(frozen=True)
class Cluster:
    """What there is in the API server and in the sink, by what tests ask."""

    stack: Stack
    api: Api
    """For what is asked all the time, without a kubectl for each request."""

    @classmethod
    @contextmanager
    def of(cls, stack: Stack) -> Iterator["Cluster"]:
        """That of a stack, for the block's time."""
        with Api.of(stack) as api:
            yield cls(stack, api)

    def apply(self, *manifests: Mapping[str, Any]) -> str:
        """What `kubectl apply` says, one line an object."""
        return apply(self.stack, *manifests)

    def get(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        """One object; an empty one if there is none."""
        arguments = ("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        text = self.stack.kubectl(*arguments, "--show-managed-fields").stdout
        found: dict[str, Any] = json.loads(text) if text.strip() else {}
        return found

    def policy(self, name: str, namespace: str) -> dict[str, Any]:
        """A policy; an empty one if there is none."""
        return self.find("governancepolicies", name, namespace)

    def find(self, plural: str, name: str, namespace: str) -> dict[str, Any]:
        """As `get`, of the operator's kinds, and without a kubectl."""
        return self.api.find(plural, name, namespace)

    def status(self, name: str, namespace: str) -> dict[str, Any]:
        """A policy's status; empty before its first evaluation."""
        status: dict[str, Any] = self.policy(name, namespace).get("status", {})
        return status if "observedGeneration" in status else {}

    def check(self, name: str, namespace: str, check: str) -> dict[str, Any]:
        """A check's status; empty before its first evaluation."""
        checks = self.status(name, namespace).get("checks", [])
        return next((c for c in checks if c["name"] == check), {})

    def conditions(self, name: str, namespace: str) -> dict[str, tuple[str, str]]:
        """Type → (status, reason)."""
        conditions = self.status(name, namespace).get("conditions", [])
        return {c["type"]: (c["status"], c["reason"]) for c in conditions}

    def verdict(
        self, name: str, namespace: str, wanted: str, seconds: float = 20
    ) -> dict[str, Any]:
        """Waits for a verdict of the present generation; the status that has it."""

        def come() -> dict[str, Any]:
            policy = self.policy(name, namespace)
            status: dict[str, Any] = policy.get("status", {})
            assert status.get("verdict") == wanted, json.dumps(status.get("checks"), indent=1)
            assert status["observedGeneration"] == policy["metadata"]["generation"]
            return status

        return eventually(come, seconds)

    def told(self, name: str, namespace: str, seconds: float = 20) -> dict[str, Any]:
        """Waits until nothing is left to be told; the status then."""

        def empty() -> dict[str, Any]:
            status = self.status(name, namespace)
            assert status
            assert not status.get("pending")
            return status

        return eventually(empty, seconds)

    def found(self, name: str, namespace: str, *checks: str) -> dict[str, Any]:
        """Waits until exactly these checks have an open finding, and all is told; the status."""

        def judged() -> bool:
            known = self.status(name, namespace).get("checks", [])
            return {check["name"] for check in known if "finding" in check} == set(checks)

        eventually(judged)
        return self.told(name, namespace)

    def run_now(self, name: str, namespace: str) -> dict[str, Any]:
        """Has every check measured and judged once more; the status that says so."""
        request = uuid4().hex
        annotate = ("annotate", "governancepolicy", name, "-n", namespace, "--overwrite")
        self.stack.kubectl(*annotate, f"{RUN_NOW}={request}")

        def answered() -> dict[str, Any]:
            status = self.status(name, namespace)
            return status if status.get("lastHandledRunNow") == request else {}

        return eventually(answered)

    def told_long_ago(self, name: str, namespace: str, by: timedelta) -> None:
        """Somebody with all rights dates back when people were last told of open findings."""
        changes = [
            {"op": "replace", "path": f"/status/checks/{number}/finding/lastToldAt", "value": moved}
            for number, check in enumerate(self.status(name, namespace)["checks"])
            if (told := check.get("finding", {}).get("lastToldAt"))
            for moved in [(datetime.fromisoformat(told) - by).isoformat()]
        ]
        patch = ("patch", "governancepolicy", name, "-n", namespace, "--subresource=status")
        self.stack.kubectl(*patch, "--type=json", "-p", json.dumps(changes))

    def events(self, namespace: str) -> list[dict[str, Any]]:
        """The Events of a namespace, oldest first."""
        found = self.api.items(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        return sorted(found, key=lambda event: event["eventTime"])

    def measured(self, query: str) -> list[float]:
        """The values that Prometheus gives for an instant query, now."""
        url = f"{self.stack.prometheus.url}/api/v1/query"
        answer = httpx.get(url, params={"query": query}, trust_env=False, timeout=10).json()
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def reasons(self, namespace: str) -> list[str]:
        """The reasons of a namespace's Events, oldest first."""
        return [event["reason"] for event in self.events(namespace)]

    def end_rows(self, namespace: str | None = None) -> None:
        """Ends what is open of a namespace's policies, or of all, behind the operator's back."""
        go_on(self.stack.sink)
        self.stack.sink.start()
        ended = "update {rows} set resolved = true, resolved_at = now() where not resolved"
        which = f" and namespace = '{namespace}'" if namespace else ""
        self.stack.sink.execute(ended.format(rows=EVENTS) + which, database=SINK_DATABASE)

    def rows(self, namespace: str) -> Sequence[dict[str, Any]]:
        """The sink's rows of a namespace's policies, oldest first."""
        which = f"where namespace = '{namespace}' order by opened_at, check_name"
        query = f"select to_jsonb(e) from {EVENTS} e {which}"  # noqa: S608 - a test's own name
        answer = self.stack.sink.execute(query, database=SINK_DATABASE)
        # Not splitlines(): what people write may hold other ends of lines than psql's.
        return [json.loads(line) for line in answer.split("\n") if line]
