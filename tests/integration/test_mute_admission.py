"""Mutes on a real API server: who may write them, and which are refused at once."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

import pytest
from tests.support.cluster import eventually

from governor.domain.muting import LONGEST
from governor_local import manifests
from governor_local.stack import Stack

MUTES = "governancemutes.governance.aiops.dev"
BINDING = "validatingadmissionpolicybinding/governor-mutes"
FORBIDS = "a mute ends at most 90 days after its creation: write"
MUTER = "muter-under-test"
HERE = "mutes-under-test"

Kubectl = Callable[..., CompletedProcess[str]]


def written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def mute(ends: datetime, **metadata: Any) -> dict[str, Any]:
    """A mute with a name of its own, which the names of others do not meet."""
    return {
        "apiVersion": "governance.aiops.dev/v1alpha1",
        "kind": "GovernanceMute",
        "metadata": {"name": f"mute-{uuid4().hex[:12]}", "namespace": HERE, **metadata},
        "spec": {
            "policyRef": {"name": "flywheel"},
            "reason": "a migration",
            "owner": "sre",
            "expiresAt": written(ends),
        },
    }


def ahead(by: timedelta = timedelta(0)) -> datetime:
    """90 days from now, or a little more or less."""
    return datetime.now(UTC) + LONGEST + by


LATE = timedelta(minutes=5)


class Hands:
    """Somebody with kubectl."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def create(self, body: dict[str, Any], *options: str) -> CompletedProcess[str]:
        return self._kubectl("create", "-f", "-", *options, input=json.dumps(body), check=False)

    def patch(self, name: str, patch: dict[str, Any], *options: str) -> CompletedProcess[str]:
        given = ("patch", MUTES, name, "-n", HERE, "--type=merge", "-p", json.dumps(patch))
        return self._kubectl(*given, *options, check=False)

    def end(self, name: str, at: datetime) -> CompletedProcess[str]:
        """Lets a mute end then."""
        return self.patch(name, {"spec": {"expiresAt": written(at)}})

    def created(self, body: dict[str, Any]) -> tuple[str, datetime]:
        """The name of a mute that must be let pass, and when it was created."""
        answer = self.create(body, "-o", "json")
        assert answer.returncode == 0, answer.stderr
        metadata = json.loads(answer.stdout)["metadata"]
        return metadata["name"], datetime.fromisoformat(metadata["creationTimestamp"])


@pytest.fixture(scope="module")
def admitting(stack: Stack) -> Iterator[Stack]:
    """A stack where the policy is in force."""
    base = manifests.rendered(stack.binaries.kubectl, manifests.DEPLOY / "base")
    stack.kubectl("apply", "-f", "-", input=base)
    stack.kubectl("wait", "--for=condition=Established", f"crd/{MUTES}", "--timeout=30s")
    stack.kubectl("create", "namespace", HERE)
    in_force(Hands(stack.kubectl))
    yield stack
    stack.kubectl("delete", MUTES, "--all", "-n", HERE)


@pytest.fixture
def admin(admitting: Stack) -> Hands:
    """An administrator."""
    return Hands(admitting.kubectl)


def in_force(admin: Hands, refused: bool = True) -> None:
    """Waits until the API server has taken note of the policy, or of its absence."""

    def noted() -> bool:
        answer = admin.create(mute(ahead(LATE)), "--dry-run=server")
        assert (FORBIDS in answer.stderr) is refused, answer.stderr
        return True

    eventually(noted, 30)


def test_a_mute_within_90_days_passes(admin: Hands) -> None:
    """Nearly to the last minute; nobody knows the second of creation in advance."""
    admin.created(mute(ahead(-LATE)))


@pytest.mark.parametrize("how", [(), ("--dry-run=server",)], ids=["create", "dry run"])
def test_a_longer_one_is_refused_with_the_remedy(admin: Hands, how: tuple[str, ...]) -> None:
    """The latest end is spelled out."""
    answer = admin.create(mute(ahead(LATE)), *how)

    assert answer.returncode != 0
    assert FORBIDS in answer.stderr
    assert "or earlier; later on, create a new mute" in answer.stderr
    assert f"write {ahead():%Y-%m-%dT}" in answer.stderr


def test_server_side_apply_is_no_way_around(admin: Hands, admitting: Stack) -> None:
    """A patch that creates."""
    given = ("apply", "--server-side", "-f", "-")
    answer = admitting.kubectl(*given, input=json.dumps(mute(ahead(LATE))), check=False)

    assert FORBIDS in answer.stderr


def test_nobody_can_claim_a_later_creation(admin: Hands) -> None:
    """The API server knows better."""
    later = datetime.now(UTC) + timedelta(days=300)

    answer = admin.create(mute(later, creationTimestamp=written(later)))

    assert FORBIDS in answer.stderr


def test_the_limit_is_exact_and_counts_from_the_creation_on_every_change(admin: Hands) -> None:
    """To the second; in whatever zone it is written."""
    name, created = admin.created(mute(ahead(-LATE)))
    latest = created + LONGEST

    assert admin.end(name, latest).returncode == 0
    refused = admin.end(name, latest + timedelta(seconds=1))
    assert f"write {written(latest)} or earlier" in refused.stderr
    elsewhere = (latest + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S")
    assert admin.patch(name, {"spec": {"expiresAt": f"{elsewhere}+02:00"}}).returncode == 0
    refused = admin.patch(name, {"spec": {"expiresAt": f"{elsewhere}+01:00"}})
    assert FORBIDS in refused.stderr


def test_what_cannot_be_read_is_refused_by_the_schema(admin: Hands) -> None:
    """In its own words: the policy adds no riddle."""
    body = mute(ahead(-LATE))
    body["spec"]["expiresAt"] = "in a week"

    answer = admin.create(body)

    assert "write a date and a time with its zone" in answer.stderr
    assert "ValidatingAdmissionPolicy" not in answer.stderr


def test_a_mute_from_before_the_policy_can_still_be_handled(admin: Hands, admitting: Stack) -> None:
    """Labelled, told about in its status, shortened and deleted; never prolonged."""
    binding = admitting.kubectl("get", BINDING, "-o", "json").stdout
    admitting.kubectl("delete", BINDING)
    try:
        in_force(admin, refused=False)
        name, created = admin.created(mute(ahead(LATE)))
    finally:
        kept = json.loads(binding)
        kept["metadata"] = {"name": kept["metadata"]["name"]}
        admitting.kubectl("apply", "-f", "-", input=json.dumps(kept))
    in_force(admin)

    assert admin.patch(name, {"metadata": {"labels": {"team": "sre"}}}).returncode == 0
    status = {"status": {"observedGeneration": 1}}
    assert admin.patch(name, status, "--subresource=status").returncode == 0
    assert FORBIDS in admin.end(name, created + LONGEST + timedelta(days=1)).stderr
    assert admin.end(name, created + timedelta(days=1)).returncode == 0
    admitting.kubectl("delete", MUTES, name, "-n", HERE)


@pytest.fixture(scope="module")
def muter(admitting: Stack, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """A ServiceAccount with the role of muters and no other."""
    kubectl, account = admitting.kubectl, f"{HERE}:{MUTER}"
    kubectl("create", "serviceaccount", MUTER, "-n", HERE)
    role = ("--clusterrole=governor-muter", f"--serviceaccount={account}")
    kubectl("create", "rolebinding", MUTER, *role, "-n", HERE)
    folder = tmp_path_factory.mktemp("muter")
    kubeconfig = admitting.service_account_kubeconfig(HERE, MUTER, folder / "kubeconfig")

    def by_muter(*arguments: str, **options: Any) -> CompletedProcess[str]:
        return kubectl(f"--kubeconfig={kubeconfig}", *arguments, **options)

    return by_muter


def test_a_muter_mutes_in_the_namespaces_it_was_given(muter: Kubectl) -> None:
    """Creates, reads, changes and deletes."""
    hands = Hands(muter)
    name, created = hands.created(mute(ahead(-LATE)))

    assert hands.end(name, created + timedelta(days=1)).returncode == 0
    muter("get", MUTES, "-n", HERE)
    muter("delete", MUTES, name, "-n", HERE)


@pytest.mark.parametrize(
    "request_",
    [
        ("update", MUTES, "--subresource=status", "-n", HERE),
        ("create", MUTES, "-n", "default"),
        ("update", "governancepolicies.governance.aiops.dev", "-n", HERE),
        ("create", "governancechannels.governance.aiops.dev"),
        ("get", "secrets", "-n", HERE),
    ],
)
def test_a_muter_may_do_nothing_else(muter: Kubectl, request_: tuple[str, ...]) -> None:
    """Nor say that its mute is accepted."""
    assert muter("auth", "can-i", *request_, check=False).stdout.strip() == "no"


def test_no_role_of_kubernetes_gathers_the_role_of_muters(admitting: Stack) -> None:
    """As their selectors stand on the server."""
    roles = json.loads(admitting.kubectl("get", "clusterroles", "-o", "json").stdout)["items"]
    [muter] = [role for role in roles if role["metadata"]["name"] == "governor-muter"]
    selectors = [
        selector["matchLabels"].items()
        for role in roles
        for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors", ())
    ]

    assert len(selectors) >= 3
    assert not any(labels <= muter["metadata"]["labels"].items() for labels in selectors)
