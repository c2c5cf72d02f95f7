"""What `deploy/base` installs: least rights, restricted pods, no foreign CRD."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from governor.api.kinds import RESOURCES
from governor.api.mute import LONGEST_DAYS
from governor.settings import DatabaseSettings, Settings, describe
from governor_local import binaries, manifests

Manifest = Mapping[str, Any]
LONGEST_QUERY_SECONDS = 30
KINDS = [resource.plural for resource in RESOURCES]
AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"


@pytest.fixture(scope="module")
def base() -> list[Manifest]:
    text = manifests.rendered(binaries._kubectl(), manifests.DEPLOY / "base")
    return list(yaml.safe_load_all(text))


def one(base: list[Manifest], kind: str, name: str) -> Manifest:
    [found] = [m for m in base if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def granted(role: Manifest) -> dict[tuple[str, str], set[str]]:
    """API group and resource → verbs."""
    assert all(rule.keys() == {"apiGroups", "resources", "verbs"} for rule in role["rules"])
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_the_operator_has_the_rights_that_its_code_uses_and_no_other(base: list[Manifest]) -> None:
    ours, read = "governance.aiops.dev", {"get", "list", "watch"}

    assert granted(one(base, "ClusterRole", "governor")) == {
        (ours, "governancepolicies"): read,
        (ours, "governancesources"): read,
        (ours, "governancechannels"): read,
        (ours, "governancemutes"): read,
        (ours, "governancepolicies/status"): {"update"},
        (ours, "governancesources/status"): {"update"},
        (ours, "governancechannels/status"): {"update"},
        (ours, "governancemutes/status"): {"update"},
        ("events.k8s.io", "events"): {"create"},
        ("", "namespaces"): read,
        ("apiextensions.k8s.io", "customresourcedefinitions"): {"get"},
    }
    assert granted(one(base, "Role", "governor")) == {
        ("", "secrets"): {"get"},
        ("", "configmaps"): {"list", "create", "update", "delete"},
        ("coordination.k8s.io", "leases"): {"get", "create", "update"},
    }


def test_the_rights_are_bound_to_the_operator_alone(base: list[Manifest]) -> None:
    account = {"kind": "ServiceAccount", "name": "governor", "namespace": "governance-system"}
    bindings = [m for m in base if m["kind"] in ("RoleBinding", "ClusterRoleBinding")]

    assert {m["kind"] for m in bindings} == {"RoleBinding", "ClusterRoleBinding"}
    assert all(m["subjects"] == [account] for m in bindings)
    assert one(base, "RoleBinding", "governor")["metadata"]["namespace"] == "governance-system"


def roles_for_people(base: list[Manifest]) -> dict[str, Manifest]:
    roles = {m["metadata"]["name"]: m for m in base if m["kind"] == "ClusterRole"}
    del roles["governor"]
    return roles


def test_what_people_may_do(base: list[Manifest]) -> None:
    """No role grants a status; what is cluster-scoped is the admins' alone."""
    ours, read = "governance.aiops.dev", {"get", "list", "watch"}
    change = {"create", "update", "patch", "delete"}
    all_ = change | {"deletecollection"}

    assert {name: granted(role) for name, role in roles_for_people(base).items()} == {
        "governor-viewer": {(ours, kind): read for kind in KINDS},
        "governor-editor": {(ours, "governancepolicies"): all_},
        "governor-admin": {(ours, "governancesources"): all_, (ours, "governancechannels"): all_},
        "governor-muter": {(ours, "governancemutes"): read | change},
    }


def test_nobody_may_mute_who_was_not_given_that_very_role(base: list[Manifest]) -> None:
    """The others join Kubernetes' own roles; this one joins none."""

    def aggregates(role: Manifest) -> bool:
        return any(label.startswith(AGGREGATE) for label in role["metadata"]["labels"])

    roles = roles_for_people(base)

    assert {name for name, role in roles.items() if not aggregates(role)} == {"governor-muter"}
    assert all("aggregationRule" not in role for role in roles.values())


def test_mutes_that_end_too_late_are_refused_as_long_as_the_operator_refuses_them(
    base: list[Manifest],
) -> None:
    """The policy in force is bound, and says the same limit."""
    policy = one(base, "ValidatingAdmissionPolicy", "governor-mutes")["spec"]
    binding = one(base, "ValidatingAdmissionPolicyBinding", "governor-mutes")["spec"]
    [latest] = policy["variables"]

    assert f'duration("{LONGEST_DAYS * 24}h")' in latest["expression"]
    assert str(LONGEST_DAYS) in policy["validations"][0]["messageExpression"]
    assert policy["failurePolicy"] == "Fail"
    assert binding == {"policyName": "governor-mutes", "validationActions": ["Deny"]}


@pytest.mark.parametrize(
    ("kind", "name"), [("Deployment", "governor"), ("Job", "governor-migrate")]
)
def test_pods_meet_the_restricted_standard(base: list[Manifest], kind: str, name: str) -> None:
    pod = one(base, kind, name)["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


def test_one_of_two_replicas_is_always_there(base: list[Manifest]) -> None:
    """A rolling update starts a new one first, and a drain takes one at a time."""
    spec = one(base, "Deployment", "governor")["spec"]
    budget = one(base, "PodDisruptionBudget", "governor")["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == spec["selector"]


def test_the_pod_is_given_time_for_the_longest_query_and_the_deliveries_after(
    base: list[Manifest],
) -> None:
    pod = one(base, "Deployment", "governor")["spec"]["template"]["spec"]

    assert pod["terminationGracePeriodSeconds"] >= LONGEST_QUERY_SECONDS + 15


def test_the_kubelet_asks_both_health_questions(base: list[Manifest]) -> None:
    pod = one(base, "Deployment", "governor")["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}


def test_only_the_operators_pod_gets_a_token(base: list[Manifest]) -> None:
    def automounts(kind: str, name: str) -> bool:
        spec: dict[str, Any] = one(base, kind, name)["spec"]["template"]["spec"]
        return bool(spec["automountServiceAccountToken"])

    assert one(base, "ServiceAccount", "governor")["automountServiceAccountToken"] is False
    assert automounts("Deployment", "governor") is True
    assert automounts("Job", "governor-migrate") is False


@pytest.mark.parametrize(
    ("kind", "name", "settings"),
    [("Deployment", "governor", Settings), ("Job", "governor-migrate", DatabaseSettings)],
)
def test_every_setting_that_a_pod_is_given_exists(
    base: list[Manifest], kind: str, name: str, settings: type[DatabaseSettings]
) -> None:
    [container] = one(base, kind, name)["spec"]["template"]["spec"]["containers"]
    known = {setting for setting, _, _ in describe(settings)}

    assert {variable["name"] for variable in container["env"]} <= known


def test_owner_and_writer_of_the_database_are_different_secrets(base: list[Manifest]) -> None:
    def secret(kind: str, name: str) -> str:
        [volume] = one(base, kind, name)["spec"]["template"]["spec"]["volumes"]
        return str(volume["secret"]["secretName"])

    assert secret("Deployment", "governor") == "governor-database"
    assert secret("Job", "governor-migrate") == "governor-database-owner"


def test_the_metrics_service_finds_the_operators_pod_and_no_other(base: list[Manifest]) -> None:
    selector = one(base, "Service", "governor-metrics")["spec"]["selector"].items()
    deployment = one(base, "Deployment", "governor")["spec"]
    job = one(base, "Job", "governor-migrate")["spec"]

    assert selector <= deployment["template"]["metadata"]["labels"].items()
    assert not selector <= job["template"]["metadata"]["labels"].items()
    assert deployment["selector"]["matchLabels"].items() <= (
        deployment["template"]["metadata"]["labels"].items()
    )


def test_the_pod_monitor_finds_the_operators_pod_and_keeps_the_labels_that_it_gives(
    base: list[Manifest],
) -> None:
    """Else `namespace` would be the operator's own for every policy."""
    file = manifests.DEPLOY / "components" / "prometheus-rule" / "pod-monitor.yaml"
    monitor = yaml.safe_load(file.read_text())
    pod = one(base, "Deployment", "governor")["spec"]["template"]
    [container] = pod["spec"]["containers"]

    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert (
        monitor["metadata"]["namespace"]
        == one(base, "Deployment", "governor")["metadata"]["namespace"]
    )
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint == {"port": "metrics", "honorLabels": True}
    assert "metrics" in [port["name"] for port in container["ports"]]


def test_the_base_needs_no_crd_that_it_does_not_bring(base: list[Manifest]) -> None:
    brought = {m["spec"]["names"]["kind"] for m in base if m["kind"] == "CustomResourceDefinition"}
    builtin = {
        "v1",
        "apps/v1",
        "batch/v1",
        "policy/v1",
        "admissionregistration.k8s.io/v1",
        "rbac.authorization.k8s.io/v1",
        "apiextensions.k8s.io/v1",
    }

    assert brought == {resource.kind for resource in RESOURCES}
    assert {m["apiVersion"] for m in base} <= builtin
