"""The operator as a process under its own ServiceAccount, beside the session's stack."""

import itertools
from collections.abc import Iterator

import pytest
import yaml
from tests.support.cluster import Cluster, eventually
from tests.support.ear import Ear
from tests.support.five_minutes import FiveMinutes
from tests.support.muting import Muting
from tests.support.replica_pair import Pair, replica_pair
from tests.support.sample_policy import GOOD
from tests.support.sources import deleted
from tests.support.work import Work, executors_url

from governor_local import manifests
from governor_local.operator_process import Installation, OperatorProcess, give_logins, install
from governor_local.stack import Stack
from governor_local.world import Health
from governor_local.world.governed import Platform

_numbers = itertools.count(1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes five minutes of the clock comes first: they go by during the others' tests.

    Of those that need the operator, what may take long comes first: nobody waits for it alone.
    """
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if "five_minutes" in getattr(item, "fixturenames", ()):
        return 0
    if item.get_closest_marker("e2e") is None:
        return 1
    return 2 if item.get_closest_marker("timeout") else 3


@pytest.fixture(scope="module")
def five_minutes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FiveMinutes]:
    """Five minutes of an operator, once they are over.

    It ends with its tests: what hangs there would take a socket of this process every second.
    """
    folder = tmp_path_factory.mktemp("stacks") / "five-minutes"
    with FiveMinutes(folder) as five_minutes:
        five_minutes.wait()
        yield five_minutes


@pytest.fixture(scope="session")
def cluster(stack: Stack) -> Iterator[Cluster]:
    """The session's stack, as seen through the API server and the sink."""
    with Cluster.of(stack) as cluster:
        yield cluster


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
    samples = manifests.local_samples(stack.binaries.kubectl, manifests.Addresses.of(stack))
    cluster.apply(*(m for m in yaml.safe_load_all(samples) if m["kind"] == "GovernanceSource"))


@pytest.fixture
def platform(stack: Stack, cluster: Cluster, built_platform: Platform) -> Platform:
    """The platform in good health, all its servers up, whatever the test before did.

    Its SLIs say so, too: they are recorded from what was scraped, an evaluation later.
    """
    stack.governed.start()
    stack.prometheus.start()
    built_platform.become(Health.GOOD)
    eventually(lambda: _slis(cluster) == pytest.approx(_GOOD_SLIS), _RECORDED_SECONDS)
    return built_platform


_GOOD_SLIS = [GOOD[check][2] for check in ("autonomy-rate", "confidence-calibration")]
_RECORDED_SECONDS = 60


def _slis(cluster: Cluster) -> list[float]:
    """The first and the last of those that tell health."""
    queries = "sli:autonomy_rate:5m", "sli:confidence_calibration:1h"
    return [value for query in queries for value in cluster.measured(query)]


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
def pair(stack: Stack, installation: Installation, one_operator: OperatorProcess) -> Iterator[Pair]:
    """Two replicas, instead of the session's operator."""
    one_operator.stop()
    stack.sink.start()
    with replica_pair(stack, installation) as pair:
        yield pair


@pytest.fixture
def namespace(cluster: Cluster, installation: Installation) -> Iterator[str]:
    """A namespace of the test's own that the sample sources allow.

    Its policies end with it, and its findings, too, where no operator ran to end them: the sweep
    for what has vanished would doubt what it sees.
    """
    del installation  # it has what is applied and asked here
    name = f"e2e-{next(_numbers)}"
    labels = {"governance.aiops.dev/platform-data": "allowed"}
    metadata = {"name": name, "labels": labels}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    cluster.stack.kubectl("delete", "governancepolicies", "--all", "-n", name)
    cluster.end_rows(name)


@pytest.fixture
def ear(cluster: Cluster, namespace: str) -> Iterator[Ear]:
    """A channel of the test's own."""
    ear = Ear(cluster, namespace)
    with deleted(cluster, ear.channel()):
        cluster.apply(ear.channel())
        yield ear


@pytest.fixture
def work(stack: Stack, cluster: Cluster, namespace: str, operator: OperatorProcess) -> Work:
    """The work items of the test's own namespace."""
    return Work(cluster, namespace, executors_url(stack))


@pytest.fixture
def muting(cluster: Cluster, namespace: str) -> Muting:
    """Somebody who may mute the policies of the test's own namespace."""
    return Muting(cluster, namespace)
