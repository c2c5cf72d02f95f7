"""The API server refuses the operator's ServiceAccount whatever it does not need."""

from collections.abc import Callable
from pathlib import Path

import pytest

from governor_local import manifests
from governor_local.operator_process import NAMESPACE, SERVICE_ACCOUNT
from governor_local.stack import Stack

Asked = Callable[..., bool]

OURS = "governance.aiops.dev"
NEEDED = [
    ("list", f"governancepolicies.{OURS}", "-A"),
    ("watch", f"governancesources.{OURS}"),
    ("watch", f"governancechannels.{OURS}"),
    ("list", f"governancemutes.{OURS}", "-A"),
    ("get", f"governancemutes.{OURS}", "-n", "aiops"),
    ("update", f"governancepolicies.{OURS}", "--subresource=status", "-n", "aiops"),
    ("update", f"governancesources.{OURS}", "--subresource=status"),
    ("update", f"governancechannels.{OURS}", "--subresource=status"),
    ("update", f"governancemutes.{OURS}", "--subresource=status", "-n", "aiops"),
    ("create", "events.events.k8s.io", "-n", "aiops"),
    ("watch", "namespaces"),
    ("get", "customresourcedefinitions.apiextensions.k8s.io"),
    ("get", "secrets", "-n", NAMESPACE),
    ("get", "leases.coordination.k8s.io", "-n", NAMESPACE),
    ("create", "leases.coordination.k8s.io", "-n", NAMESPACE),
    ("update", "leases.coordination.k8s.io", "-n", NAMESPACE),
    ("list", "configmaps", "-n", NAMESPACE),
    ("create", "configmaps", "-n", NAMESPACE),
    ("update", "configmaps", "-n", NAMESPACE),
    ("delete", "configmaps", "-n", NAMESPACE),
]
REFUSED = [
    ("update", f"governancepolicies.{OURS}", "-n", "aiops"),
    ("patch", f"governancepolicies.{OURS}", "-n", "aiops"),
    ("patch", f"governancepolicies.{OURS}", "--subresource=status", "-n", "aiops"),
    ("create", f"governancepolicies.{OURS}", "-n", "aiops"),
    ("delete", f"governancepolicies.{OURS}", "-n", "aiops"),
    ("update", f"governancepolicies.{OURS}", "--subresource=finalizers", "-n", "aiops"),
    ("update", f"governancesources.{OURS}"),
    ("delete", f"governancesources.{OURS}"),
    ("update", f"governancechannels.{OURS}"),
    ("create", f"governancechannels.{OURS}"),
    ("create", f"governancemutes.{OURS}", "-n", "aiops"),
    ("update", f"governancemutes.{OURS}", "-n", "aiops"),
    ("patch", f"governancemutes.{OURS}", "-n", "aiops"),
    ("delete", f"governancemutes.{OURS}", "-n", "aiops"),
    ("patch", f"governancemutes.{OURS}", "--subresource=status", "-n", "aiops"),
    ("create", "events", "-n", "aiops"),
    ("patch", "events.events.k8s.io", "-n", "aiops"),
    ("list", "events.events.k8s.io", "-A"),
    ("get", "secrets", "-n", "aiops"),
    ("list", "secrets", "-n", NAMESPACE),
    ("watch", "secrets", "-n", NAMESPACE),
    ("update", "secrets", "-n", NAMESPACE),
    ("get", "configmaps", "-n", NAMESPACE),
    ("list", "configmaps", "-n", "aiops"),
    ("create", "configmaps", "-n", "aiops"),
    ("delete", "leases.coordination.k8s.io", "-n", NAMESPACE),
    ("list", "leases.coordination.k8s.io", "-n", NAMESPACE),
    ("update", "leases.coordination.k8s.io", "-n", "aiops"),
    ("get", "pods", "-n", NAMESPACE),
    ("create", "pods", "-n", NAMESPACE),
    ("update", "namespaces"),
    ("delete", "namespaces"),
    ("watch", "customresourcedefinitions.apiextensions.k8s.io"),
    ("update", "customresourcedefinitions.apiextensions.k8s.io"),
    ("create", "serviceaccounts", "--subresource=token", "-n", NAMESPACE),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
    ("impersonate", "users"),
]


@pytest.fixture(scope="module")
def may(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    base = manifests.rendered(stack.binaries.kubectl, manifests.DEPLOY / "base")
    stack.kubectl("apply", "-f", "-", input=base)
    kubeconfig = stack.service_account_kubeconfig(
        NAMESPACE, SERVICE_ACCOUNT, tmp_path_factory.mktemp("rights") / "kubeconfig"
    )

    def may(*request: str) -> bool:
        identity = f"--kubeconfig={kubeconfig}"
        answer = stack.kubectl(identity, "auth", "can-i", *request, check=False)
        assert answer.stdout.strip() in ("yes", "no"), answer.stderr
        return answer.stdout.strip() == "yes"

    return may


def test_what_the_operator_needs_is_granted(may: Asked) -> None:
    assert [request for request in NEEDED if not may(*request)] == []


def test_what_the_operator_does_not_need_is_refused(may: Asked) -> None:
    assert [request for request in REFUSED if may(*request)] == []


def test_a_refusal_is_real(stack: Stack, may: Asked, tmp_path: Path) -> None:
    assert not may("delete", "namespaces")
    kubeconfig = stack.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT, tmp_path / "config")

    answer = stack.kubectl(
        f"--kubeconfig={kubeconfig}", "delete", "namespace", "default", check=False
    )

    assert answer.returncode != 0
    assert "Forbidden" in answer.stderr
