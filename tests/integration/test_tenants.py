"""Who owns a namespace and writes its policies gets at nothing that was not given to it.

What the operator then does with a source or channel that does not allow the namespace:
tests/e2e/test_source_permissions.py, tests/e2e/test_channel_permissions.py.
"""

import json
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest
from tests.support.manifests import policy

from governor.api import API_VERSION
from governor_local import manifests
from governor_local.operator_process import NAMESPACE
from governor_local.stack import Stack

Tenant = Callable[..., CompletedProcess[str]]

HOME, TENANT = "tenant-home", "tenant"
OURS = "governance.aiops.dev"
GATHERED = (
    "system:aggregate-to-view",
    "system:aggregate-to-edit",
    "system:aggregate-to-admin",
    "governor-viewer",
    "governor-editor",
    "governor-admin",
)
"""What Kubernetes' role `admin` is made of; here nobody gathers it."""
REFUSED = [
    # The cluster's sources and channels, and who may use them.
    ("create", f"governancesources.{OURS}"),
    ("update", f"governancesources.{OURS}"),
    ("get", f"governancesources.{OURS}"),
    ("create", f"governancechannels.{OURS}"),
    ("patch", f"governancechannels.{OURS}"),
    ("update", "namespaces"),
    ("patch", f"namespaces/{HOME}", "-n", HOME),
    ("create", "namespaces"),
    # What silences findings, and what the operator says.
    ("create", f"governancemutes.{OURS}", "-n", HOME),
    ("delete", f"governancemutes.{OURS}", "-n", HOME),
    ("update", f"governancepolicies.{OURS}", "--subresource=status", "-n", HOME),
    ("patch", f"governancepolicies.{OURS}", "--subresource=status", "-n", HOME),
    # The operator's own: its credentials, its identity, its rights, its place.
    ("get", "secrets", "-n", NAMESPACE),
    ("list", "secrets", "-A"),
    ("create", "serviceaccounts/governor", "--subresource=token", "-n", NAMESPACE),
    ("impersonate", "serviceaccounts/governor", "-n", NAMESPACE),
    ("create", "pods", "-n", NAMESPACE),
    ("get", "configmaps", "-n", NAMESPACE),
    ("update", "leases.coordination.k8s.io", "-n", NAMESPACE),
    ("bind", "clusterroles/governor"),
    ("escalate", "clusterroles/governor"),
    ("update", f"customresourcedefinitions.apiextensions.k8s.io/governancepolicies.{OURS}"),
    # Its neighbours.
    ("get", f"governancepolicies.{OURS}", "-n", "default"),
    ("create", f"governancepolicies.{OURS}", "-n", "default"),
    ("list", f"governancepolicies.{OURS}", "-A"),
]


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> Iterator[Tenant]:
    """Kubectl as the admin of one namespace, who has all that `deploy/base` adds to that role."""
    base = manifests.rendered(stack.binaries.kubectl, manifests.DEPLOY / "base")
    stack.kubectl("apply", "-f", "-", input=base)
    stack.kubectl("create", "namespace", HOME)
    for role in GATHERED:
        name = role.replace(":", "-")
        grant = (f"--clusterrole={role}", f"--user={TENANT}")
        stack.kubectl("create", "rolebinding", name, *grant, "-n", HOME)

    def by_tenant(*arguments: str, **options: Any) -> CompletedProcess[str]:
        return stack.kubectl(f"--as={TENANT}", *arguments, check=False, **options)

    yield by_tenant
    stack.kubectl("delete", "governancepolicies", "--all", "-n", HOME)


def test_it_writes_policies_at_home(tenant: Tenant) -> None:
    """Else the refusals below would prove nothing."""
    check = {"name": "a", "trustDrift": {"sourceRef": {"name": "platform"}}}

    applied = tenant("apply", "-f", "-", input=json.dumps(policy("own", HOME, check)))

    assert applied.returncode == 0, applied.stderr
    assert tenant("get", "governancepolicies", "-n", HOME).returncode == 0


@pytest.mark.parametrize("request_", REFUSED, ids=lambda request: " ".join(request[:2]))
def test_nothing_else_is_in_its_reach(tenant: Tenant, request_: tuple[str, ...]) -> None:
    """Though the role that may change sources is among those that it was given."""
    assert tenant("auth", "can-i", *request_).stdout.strip() == "no"


def test_it_cannot_label_itself_into_a_source(tenant: Tenant) -> None:
    """A real attempt: the label that sources select by is on the namespace, which is not its."""
    tried = tenant("label", "namespace", HOME, "governance.aiops.dev/platform-data=allowed")

    assert tried.returncode != 0
    assert "Forbidden" in tried.stderr


DRIFT = {"name": "a", "trustDrift": {"sourceRef": {"name": "platform"}}}
OBJECTIVE = {"direction": "Below", "redLine": 1}
SQL = {"sourceRef": {"name": "platform"}, "query": "select 1"}
PROMQL = {"sourceRef": {"name": "prometheus"}, "query": "up"}
SECRET = {"name": "platform-database", "key": "dsn"}
TRICKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sourceRef.namespace": (
        {"name": "a", "trustDrift": {"sourceRef": {"name": "platform", "namespace": "b"}}},
        {},
    ),
    "trustDrift.relations": (
        {
            "name": "a",
            "trustDrift": {
                "sourceRef": {"name": "platform"},
                "relations": {"playbooks": "pg_catalog.pg_authid"},
            },
        },
        {},
    ),
    "sql.relations": (
        {"name": "a", "objective": OBJECTIVE, "sql": {**SQL, "relations": {"x": "y"}}},
        {},
    ),
    "sql.secretRef": (
        {"name": "a", "objective": OBJECTIVE, "sql": {**SQL, "secretRef": SECRET}},
        {},
    ),
    "sql.access": (
        {"name": "a", "objective": OBJECTIVE, "sql": {**SQL, "access": ["Remediation"]}},
        {},
    ),
    "promql.url": (
        {"name": "a", "objective": OBJECTIVE, "promql": {**PROMQL, "url": "http://other:9090"}},
        {},
    ),
    "promql.headers": (
        {"name": "a", "objective": OBJECTIVE, "promql": {**PROMQL, "headers": {"X-Scope": "b"}}},
        {},
    ),
    "channels[0].namespace": (
        DRIFT,
        {"notify": {"channels": [{"name": "oncall", "namespace": "other"}]}},
    ),
    "channels[0].url": (
        DRIFT,
        {"notify": {"channels": [{"name": "oncall", "url": "http://other"}]}},
    ),
    "channels[0].secretRef": (
        DRIFT,
        {"notify": {"channels": [{"name": "oncall", "secretRef": SECRET}]}},
    ),
    "spec.targetNamespace": (DRIFT, {"targetNamespace": "other"}),
    "spec.allowedNamespaces": (DRIFT, {"allowedNamespaces": {"from": "All"}}),
    "spec.serviceAccountName": (DRIFT, {"serviceAccountName": "governor"}),
}
"""Field that is no field of a policy's → a check and further fields of a spec that use it."""


@pytest.mark.parametrize("field", TRICKS)
def test_a_policy_has_no_field_that_leads_elsewhere(tenant: Tenant, field: str) -> None:
    """The API server names it; whoever makes it look away gets a policy without it."""
    check, spec = TRICKS[field]
    manifest = json.dumps(policy("tricky", HOME, check, **spec))
    path = f"/apis/{API_VERSION}/namespaces/{HOME}/governancepolicies?dryRun=All&fieldValidation="

    refused = tenant("create", "--raw", f"{path}Strict", "-f", "-", input=manifest)
    taken = tenant("create", "--raw", f"{path}Ignore", "-f", "-", input=manifest)

    assert refused.returncode != 0
    assert f'unknown field "{_path(field)}"' in refused.stderr
    assert taken.returncode == 0, taken.stderr
    assert f'"{field.rpartition(".")[2]}"' not in json.dumps(json.loads(taken.stdout)["spec"])


def _path(field: str) -> str:
    if field.startswith("spec."):
        return field
    if field.startswith("channels"):
        return f"spec.notify.{field}"
    return f"spec.checks[0].{'trustDrift.' * field.startswith('sourceRef')}{field}"
