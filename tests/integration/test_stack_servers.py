"""The embedded stack's servers do what the tests and the demo count on."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from governor_local.errors import CommandError
from governor_local.stack import Stack

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec:
  group: example.org
  scope: Cluster
  names: {kind: Thing, plural: things}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-validations: [{rule: "self.size < 10", message: size must be below 10}]
        properties: {size: {type: integer}}
"""
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-blue}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
  validations: [{expression: "object.metadata.name != 'blue'", message: not blue}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-blue}
spec: {policyName: no-blue, validationActions: [Deny]}
"""
RULES = """
groups:
- name: g
  interval: 1s
  rules: [{record: made, expr: vector(7)}]
"""


Answer = TypeVar("Answer")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own, since its servers are stopped and killed."""
    directory = tmp_path_factory.mktemp("stacks") / "servers"
    with Stack.up(name="servers", directory=directory) as stack:
        yield stack


def eventually(ask: Callable[[], Answer]) -> Answer:
    """The first answer that is not empty, or the last one after 20 s."""
    deadline = time.monotonic() + 20
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def query(stack: Stack, expression: str, timeout: float = 10) -> list[str]:
    """The values that a PromQL expression has now."""
    answer = httpx.get(
        f"{stack.prometheus.url}/api/v1/query",
        params={"query": expression},
        trust_env=False,
        timeout=timeout,
    )
    return [series["value"][1] for series in answer.json()["data"]["result"]]


def test_servers_listen_on_loopback_only(stack: Stack) -> None:
    ports = {server.port for server in stack.servers}
    listening = [
        line.split()[1].split(":")
        for table in ("tcp", "tcp6")
        for line in Path("/proc/net", table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]

    addresses = {int(port, 16): address for address, port in listening if int(port, 16) in ports}

    assert addresses == dict.fromkeys(ports, "0100007F")


def test_api_server_says_its_version(stack: Stack) -> None:
    assert "Server Version: v1.37.2" in stack.kubectl("version").stdout


def test_what_programs_ask_is_noted_and_what_the_administrator_asks_is_not(
    stack: Stack, tmp_path: Path
) -> None:
    since = datetime.now(UTC)
    stack.kubectl("create", "serviceaccount", "curious")
    identity = stack.service_account_kubeconfig("default", "curious", tmp_path / "kubeconfig")

    stack.kubectl(f"--kubeconfig={identity}", "get", "secret", "hidden", check=False)
    stack.kubectl("get", "secrets")

    audit = stack.control_plane.apiserver.audit
    [call] = [
        call
        for call in audit.calls("system:serviceaccount:default:curious", since=since)
        if call.resource
    ]
    assert (call.verb, call.resource, call.name, call.namespace) == (
        "get",
        "secrets",
        "hidden",
        "default",
    )
    assert call.forbidden
    assert list(audit.calls("admin", since=since)) == []
    assert list(audit.calls(call.user, since=datetime.now(UTC))) == []


def test_cel_rules_of_a_crd_are_enforced(stack: Stack) -> None:
    stack.kubectl("apply", "-f", "-", input=CRD)
    stack.kubectl("wait", "--for=condition=Established", "crd/things.example.org")
    thing = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: big}\nsize: 12\n"

    with pytest.raises(CommandError, match="size must be below 10"):
        stack.kubectl("apply", "-f", "-", input=thing)


def test_admission_policies_are_enforced(stack: Stack) -> None:
    stack.kubectl("apply", "-f", "-", input=POLICY)

    def refusal() -> str:
        answer = stack.kubectl("create", "configmap", "blue", "--dry-run=server", check=False)
        return answer.stderr

    assert "not blue" in eventually(refusal)  # a policy takes effect a moment after it is made


def test_service_account_has_its_own_rights_only(stack: Stack) -> None:
    stack.kubectl("create", "serviceaccount", "weak")
    stack.kubectl("create", "role", "weak", "--verb=list", "--resource=configmaps")
    stack.kubectl("create", "rolebinding", "weak", "--role=weak", "--serviceaccount=default:weak")
    kubeconfig = stack.service_account_kubeconfig("default", "weak", stack.data / "weak.kubeconfig")

    stack.kubectl("get", "configmaps", f"--kubeconfig={kubeconfig}")
    with pytest.raises(CommandError, match=r"default:weak.*cannot list.*secrets"):
        stack.kubectl("get", "secrets", f"--kubeconfig={kubeconfig}")


def test_api_server_keeps_port_and_data_over_a_restart(stack: Stack) -> None:
    stack.kubectl("create", "configmap", "kept")
    url = stack.api_server_url

    stack.control_plane.apiserver.stop()
    assert stack.kubectl("get", "--raw", "/readyz", check=False).returncode != 0
    stack.control_plane.apiserver.start()

    assert url == stack.api_server_url
    assert "kept" in stack.kubectl("get", "configmaps").stdout


def test_passwords_of_roles_are_checked(stack: Stack) -> None:
    stack.governed.execute("CREATE ROLE reader LOGIN PASSWORD 'right @:/'")

    right = stack.governed.dsn(user="reader", password="right @:/")
    assert stack.governed.execute("SELECT current_user", dsn=right) == "reader"
    for wrong in ("wrong", None):
        dsn = stack.governed.dsn(user="reader", password=wrong)
        with pytest.raises(CommandError, match="password"):
            stack.governed.execute("SELECT 1", dsn=dsn)


def test_governed_and_sink_are_apart(stack: Stack) -> None:
    stack.governed.execute("CREATE TABLE only_governed (); CREATE DATABASE extra")

    assert stack.sink.execute("SELECT to_regclass('only_governed')") == ""
    assert stack.governed.execute("SELECT 1", database="extra") == "1"


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_postgresql_keeps_port_and_commits(stack: Stack, end: str) -> None:
    stack.sink.execute(f"CREATE TABLE kept_{end} AS SELECT 5 AS n")
    dsn = stack.sink.admin_dsn

    getattr(stack.sink, end)()
    with pytest.raises(CommandError, match="refused"):
        stack.sink.execute("SELECT 1")
    stack.sink.start()

    assert dsn == stack.sink.admin_dsn
    assert stack.sink.execute(f"TABLE kept_{end}") == "5"


def test_log_shows_statements_on_demand_only(stack: Stack) -> None:
    stack.governed.execute("SELECT 'unseen'")
    stack.governed.configure(log_statement="all")
    stack.governed.execute("SELECT 'seen'")
    stack.governed.configure(log_statement="none")

    log = stack.governed.log.read_text()

    assert "SELECT 'seen'" in log
    assert "unseen" not in log


def test_prometheus_takes_rules_and_keeps_its_port(stack: Stack) -> None:
    url = stack.prometheus.url
    stack.prometheus.configure("rule_files: [r.yml]\n", {"r.yml": RULES})

    stack.prometheus.restart()

    assert eventually(lambda: query(stack, "made")) == ["7"]
    assert url == stack.prometheus.url


def test_prometheus_refuses_a_bad_configuration_and_goes_on(stack: Stack) -> None:
    with pytest.raises(CommandError, match="unmarshal errors"):
        stack.prometheus.configure("nonsense: true\n")
    stack.prometheus.restart()

    assert query(stack, "vector(1)") == ["1"]


def test_paused_prometheus_hangs_and_goes_on(stack: Stack) -> None:
    stack.prometheus.pause()
    with pytest.raises(httpx.ReadTimeout):
        query(stack, "vector(1)", timeout=0.3)

    stack.prometheus.resume()

    assert query(stack, "vector(1)") == ["1"]
