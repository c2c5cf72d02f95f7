"""The operator as a process under its own ServiceAccount, beside the session's stack."""

import itertools
from collections.abc import Iterator

import pytest
import yaml
from tests.support.cluster import Cluster

from governor_local import manifests
from governor_local.operator_process import Installation, OperatorProcess, give_logins, install
from governor_local.stack import Stack
from governor_local.world import Health
from governor_local.world.governed import Platform

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(stack: Stack) -> Cluster:
    """The session's stack, as seen through kubectl and the sink."""
    return Cluster(stack)


@pytest.fixture(scope="session")
def installation(stack: Stack) -> Installation:
    """`deploy/base`, the sink's database, and the operator's credentials."""
    return install(stack)


@pytest.fixture(scope="session")
def built_platform(stack: Stack, installation: Installation) -> Platform:
    """The governed platform: tables, metrics, logins, sources."""
    platform = Platform(stack)
    give_logins(stack, platform.build())
    return platform


@pytest.fixture(scope="session")
def sources(stack: Stack, cluster: Cluster, built_platform: Platform) -> None:
    """The sample's sources `platform` and `prometheus`, which measure the platform."""
    samples = manifests.local_samples(stack.binaries.kubectl, stack.prometheus.url)
    cluster.apply(*(m for m in yaml.safe_load_all(samples) if m["kind"] == "GovernanceSource"))


@pytest.fixture
def platform(stack: Stack, built_platform: Platform) -> Platform:
    """The platform in good health, all its servers up, whatever the test before did."""
    stack.governed.start()
    stack.prometheus.start()
    built_platform.become(Health.GOOD)
    return built_platform


@pytest.fixture(scope="session")
def one_operator(stack: Stack, installation: Installation) -> Iterator[OperatorProcess]:
    """The session's only operator: two would evaluate everything twice."""
    operator = OperatorProcess(stack, installation)
    yield operator
    operator.stop()


@pytest.fixture
def operator(stack: Stack, one_operator: OperatorProcess) -> OperatorProcess:
    """The operator, running and ready, with its sink up."""
    stack.sink.start()
    one_operator.start()
    return one_operator


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own that the sample sources allow; its policies end with it."""
    name = f"e2e-{next(_numbers)}"
    labels = {"governance.aiops.dev/platform-data": "allowed"}
    metadata = {"name": name, "labels": labels}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    cluster.stack.kubectl("delete", "governancepolicies", "--all", "-n", name)
