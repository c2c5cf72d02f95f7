"""Where the soak plays: a stack, two replicas, the governed values, the channels."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.soak.estate import CHANNELS, Agents, Governed, channel_name
from tests.soak.etcd import EtcdWatch
from tests.soak.memory import Scale
from tests.support.api import Api
from tests.support.cluster import Cluster
from tests.support.enforcing import source as enforced_source
from tests.support.manifests import Manifest, allowed_namespace, channel
from tests.support.playbooks import Playbooks
from tests.support.replica_pair import Pair, role
from tests.support.sources import deleted, secret

from governor_local.operator_process import OperatorProcess
from governor_local.stack import Stack
from governor_local.world import Health
from governor_local.world.governed import Platform

LEASE = timedelta(seconds=20)
"""After a disturbance somebody leads within this time."""
_MANY = 100
"""Messages a minute: what the chat is owed comes one by one."""


@dataclass(slots=True)
class Disturbances:
    """When there was perhaps no leader, or one that could not write."""

    spans: list[tuple[datetime, datetime | None]] = field(default_factory=list)

    def begin(self) -> int:
        """One begins now; what to end it by."""
        self.spans.append((datetime.now(UTC), None))
        return len(self.spans) - 1

    def end(self, which: int) -> None:
        """It is over now."""
        self.spans[which] = (self.spans[which][0], datetime.now(UTC))

    def overlap(self, start: datetime, end: datetime) -> int:
        """How many there were within that time, or were felt in it."""
        return sum(
            begun <= end and (over is None or over + LEASE >= start) for begun, over in self.spans
        )


@dataclass(slots=True)
class World:
    """All that is soaked, and what the soak has done to it."""

    cluster: Cluster
    pair: Pair
    platform: Platform
    playbooks: Playbooks
    watch: EtcdWatch
    scale: Scale
    namespace: str
    agents: Agents
    policies: list[Governed]
    drifted: list[str] = field(default_factory=list)
    """Playbooks that were made so that they be deprecated."""
    disturbances: Disturbances = field(default_factory=Disturbances)
    down: set[str] = field(default_factory=set)
    """What is out of order now, by name."""

    @property
    def stack(self) -> Stack:
        """The servers."""
        return self.cluster.stack

    @property
    def api(self) -> Api:
        """The API server, as its administrator."""
        return self.cluster.api

    @property
    def living(self) -> list[Governed]:
        """The policies that are there."""
        return [each for each in self.policies if each.uid]

    def leader(self) -> OperatorProcess | None:
        """The replica that says so of itself, if one does."""
        answering = [each for each in self.pair.both if each.running and each.name not in self.down]
        return next((each for each in answering if role(each) == "leader"), None)

    def served(self) -> bool:
        """Whether the API server serves policies: it is ready a moment earlier."""
        return self.api.policies(self.namespace) is not None

    def create(self, policy: Governed) -> None:
        """The policy is there from now on."""
        policy.uid = self.api.create(policy.manifest())["metadata"]["uid"]

    def delete(self, policy: Governed) -> None:
        """The policy goes."""
        self.api.delete("governancepolicies", policy.name, self.namespace)
        policy.uid = ""

    def become(self, health: Health) -> None:
        """The platform's agents do well, or badly."""
        self.platform.become(health)
        self.agents.health = health


@contextmanager
def soaked(
    stack: Stack,
    pair: Pair,
    platform: Platform,
    namespace: str,
    policies_under: Callable[[Agents], list[Governed]],
) -> Iterator[World]:
    """A world with all its policies in place, and nothing of it afterwards."""
    playbooks, scale = Playbooks(stack), Scale(pair)
    with ExitStack() as opened:
        cluster = opened.enter_context(Cluster.of(stack))
        cluster.apply(allowed_namespace(namespace))
        watch = opened.enter_context(EtcdWatch(stack, namespace))
        needed = [enforced_source("Remediation"), *_channels(stack, namespace)]
        opened.enter_context(deleted(cluster, *needed))
        playbooks.make()
        playbooks.add("trusted", trust="0.9")  # else there is nothing to judge
        opened.callback(playbooks.drop)
        cluster.apply(*needed)
        agents = Agents()
        policies = policies_under(agents)
        world = World(
            cluster=cluster,
            pair=pair,
            platform=platform,
            playbooks=playbooks,
            watch=watch,
            scale=scale,
            namespace=namespace,
            agents=agents,
            policies=policies,
        )
        for each in policies:
            for dial in each.dials:
                dial.turn(dial.value)
            world.create(each)
        opened.callback(lambda: cluster.end_rows(namespace))
        ours = ("governancepolicies,governancemutes", "--all", "-n", namespace)
        opened.callback(lambda: stack.kubectl("delete", *ours))
        opened.enter_context(scale.weighing())
        yield world


def _channels(stack: Stack, namespace: str) -> list[Manifest]:
    """Three, whose receivers know the soak by its namespace."""
    receiver = stack.receiver
    alerts, chat, events = (channel_name(namespace, kind) for kind in CHANNELS)
    return [
        secret(chat, {"url": receiver.apprise_url(chat_path(namespace))}),
        channel(alerts, "alertmanager", {"urls": [stack.alertmanager.url]}),
        channel(chat, "apprise", {"secretRef": {"name": chat, "key": "url"}}, digestAfter=_MANY),
        channel(events, "cloudEvents", {"url": f"{receiver.url}/{events_path(namespace)}"}),
    ]


def chat_path(namespace: str) -> str:
    """Where the receiver hears the chat."""
    return f"chat/{namespace}"


def events_path(namespace: str) -> str:
    """Where the receiver hears CloudEvents."""
    return f"cloudevents/{namespace}"
