"""The CRDs as a real API server serves them: explained, listed, selected, waited for."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import TypeAdapter

from governor.api import API_VERSION
from governor.api.status import PolicyStatus
from governor.domain.log import LIMIT_BYTES
from governor.values.reasons import Reason, Verdict
from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_operator(one_operator: OperatorProcess) -> None:
    """Statuses are written by hand here: the session's operator would write them too."""
    one_operator.stop()


@pytest.fixture(scope="module")
def crds(stack: Stack) -> Stack:
    """The stack, once it serves the CRDs and what kubectl must know of them."""
    stack.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "crds"))
    stack.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    deadline = time.monotonic() + 30
    while not all(known(stack, kind) for kind in ("govpol", "govsrc")):
        assert time.monotonic() < deadline, "kubectl does not learn of the kinds"
        time.sleep(0.1)
    return stack


def known(stack: Stack, kind: str) -> bool:
    """Whether kubectl knows a kind; the API server publishes short names and schemas late."""
    return stack.kubectl("explain", kind, check=False).returncode == 0


@pytest.fixture
def policy(crds: Stack) -> Iterator[str]:
    """The name of a policy in the namespace `default`, with as many checks as there can be."""
    name = f"served-{uuid4().hex[:8]}"
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "GovernancePolicy",
        "metadata": {"name": name},
        "spec": {
            "checks": [
                {"name": check, "trustDrift": {"sourceRef": {"name": "platform"}}}
                for check in check_names()
            ]
        },
    }
    crds.kubectl("apply", "-f", "-", input=json.dumps(manifest))
    yield name
    crds.kubectl("delete", "govpol", name, "--ignore-not-found")


def check_names() -> list[str]:
    """As many as a policy can have, as long as they can be."""
    return [f"check-{at:02}".ljust(40, "x") for at in range(32)]


def status(**fields: Any) -> dict[str, Any]:
    """A status with every field that there is, as the operator writes it."""
    ref = {"id": uuid4(), "eventType": "trust_drift", "openedAt": NOON}
    last = ref | {"resolvedAt": NOON, "reason": "Recovered"}
    check = {
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
        "finding": ref,
        "lastFinding": last,
        "blind": ref,
        "lastBlind": last,
    }
    entry = {
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
        "targets": ["sink", "event"],
    }
    whole = {
        "observedGeneration": 1,
        "verdict": "Violated",
        "lastEvaluated": NOON,
        "validUntil": NOON + timedelta(minutes=15),
        "lastHandledRunNow": "now",
        "summary": {"ok": 1, "warning": 2, "violated": 3, "noData": 4, "error": 5},
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
        "checks": [check | {"name": name} for name in check_names()],
        "findings": [
            {"eventType": "governance_self_failure", "finding": ref, "lastFinding": last},
            {"eventType": "governance_slo_data_gap", "finding": ref, "lastFinding": last},
        ],
        "pending": [entry],
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


def write(crds: Stack, policy: str, status: dict[str, Any]) -> dict[str, Any]:
    """Replaces a policy's status, refusing unknown fields; the object with its managedFields."""
    body = get(crds, policy)
    body["status"] = status
    path = f"/apis/{API_VERSION}/namespaces/default/governancepolicies/{policy}/status"
    crds.kubectl(
        "replace", "--raw", f"{path}?fieldValidation=Strict", "-f", "-", input=json.dumps(body)
    )
    return get(crds, policy)


def get(crds: Stack, policy: str) -> dict[str, Any]:
    """The object as the API server has it."""
    answer = crds.kubectl("get", "govpol", policy, "-o", "json", "--show-managed-fields")
    body: dict[str, Any] = json.loads(answer.stdout)
    return body


def table(text: str) -> list[dict[str, str]]:
    """What kubectl prints, by its columns; cells are as wide as their headings' places."""
    heading, *rows = text.rstrip("\n").split("\n")
    names = heading.split()
    starts = [heading.index(name) for name in names]
    ends = [*starts[1:], None]
    return [
        {name: row[start:end].strip() for name, start, end in zip(names, starts, ends, strict=True)}
        for row in rows
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("governancepolicies", "what a platform team tolerates from its AI agents"),
        ("govpol.spec.checks", "1 to 32 checks with distinct names"),
        ("govpol.spec.checks.objective.redLine", "Past this value the check is Violated"),
        ("govpol.spec.checks.promql.reduce", "several series are then an Error"),
        ("govpol.spec.checks.trustDrift.minimumTrust", "Default: 0.2."),
        ("govpol.status.checks.verdict", "What the latest run says"),
        ("govsrc.spec.allowedNamespaces", "Whose policies may use the source"),
        ("govsrc.spec.postgres.relations", "Which table or view stands for a governed table"),
    ],
)
def test_kubectl_explains(crds: Stack, path: str, words: str) -> None:
    """A field says what it means, where its reader looks."""
    told = crds.kubectl("explain", path).stdout

    assert words in " ".join(told.split())
    assert "<no description>" not in told


def test_the_table_shows_the_verdicts(crds: Stack, policy: str) -> None:
    """Columns as the design has them; the message only where there is room."""
    write(crds, policy, status())

    (row,) = table(crds.kubectl("get", "govpol", policy).stdout)
    (wide,) = table(crds.kubectl("get", "govpol", policy, "-o", "wide").stdout)

    assert list(row) == [
        "NAME", "COMPLIANT", "VERDICT", "OK", "WARN", "VIOLATED", "NODATA", "ERROR", "EVALUATED",
        "AGE",
    ]  # fmt: skip
    assert list(row.values())[:8] == [policy, "False", "Violated", "1", "2", "3", "4", "5"]
    assert row["EVALUATED"]
    assert list(wide) == [*row, "MESSAGE"]
    assert wide["MESSAGE"] == "drift is 12.3 % past its red line"


def test_policies_can_be_selected_by_verdict(crds: Stack, policy: str) -> None:
    """A field selector finds what needs a person."""
    write(crds, policy, status())

    def selected(verdict: str) -> str:
        selector = f"--field-selector=status.verdict={verdict}"
        return crds.kubectl("get", "govpol", selector, "-o", "name").stdout

    assert policy in selected("Violated")
    assert policy not in selected("Ok")


def test_the_category_lists_both_kinds(crds: Stack, policy: str) -> None:
    """`kubectl get governance` shows all that there is."""
    names = crds.kubectl("api-resources", "--categories=governance", "-o", "name").stdout.split()

    assert set(names) == {
        "governancepolicies.governance.aiops.dev",
        "governancesources.governance.aiops.dev",
    }
    assert policy in crds.kubectl("get", "governance").stdout


def test_kubectl_can_wait_for_compliance(crds: Stack, policy: str) -> None:
    """Either way."""
    write(crds, policy, status())

    crds.kubectl("wait", "--for=condition=Compliant=false", "govpol", policy, "--timeout=5s")
    write(crds, policy, status(conditions=[condition("Compliant", "True", "Met", "")]))
    crds.kubectl("wait", "--for=condition=Compliant", "govpol", policy, "--timeout=5s")


def test_every_field_of_a_status_is_kept(crds: Stack, policy: str) -> None:
    """What the operator writes is what it reads back."""
    written = status()

    kept = write(crds, policy, written)["status"]

    assert TypeAdapter(PolicyStatus).validate_python(kept) == PolicyStatus.model_validate(written)
    assert kept == written


def test_a_full_status_stays_below_64_kib(crds: Stack, policy: str) -> None:
    """As many checks as there can be, all violated, each with a former finding; a full log."""
    full = status()
    for check in full["checks"]:
        del check["blind"], check["lastBlind"], check["blindSince"], check["blindSlot"]
    (entry,) = full["pending"]
    while size(full["pending"]) + size(entry) < LIMIT_BYTES:
        full["pending"].append(entry | {"id": str(uuid4())})

    body = write(crds, policy, full)

    assert size(body["status"]["pending"]) > LIMIT_BYTES - 1024
    assert size(body["status"]) + size(body["metadata"]["managedFields"]) < 64 * 1024


def size(value: Any) -> int:
    """Bytes as JSON without spaces, as the API server stores it."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def test_a_status_of_nothing_is_taken(crds: Stack, policy: str) -> None:
    """Every field of a status may be absent."""
    assert write(crds, policy, {})["status"] == {}


def test_kubectl_names_the_field_and_the_remedy(crds: Stack) -> None:
    """What a person reads who slips."""
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "GovernancePolicy",
        "metadata": {"name": "slip"},
        "spec": {
            "checks": [
                {"name": "up", "promql": {"sourceRef": {"name": "prometheus"}, "query": "up"}}
            ]
        },
    }

    refused = crds.kubectl("apply", "-f", "-", input=json.dumps(manifest), check=False)

    assert refused.returncode == 1
    assert refused.stderr == (
        'The GovernancePolicy "slip" is invalid: spec.checks[0]: Invalid value: '
        "promql and sql need objective.direction (Above or Below) and objective.redLine\n"
    )
