"""All that was told, gathered at a quiet point from everybody who was told."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.soak.history import Place
from tests.soak.world import World, chat_path, events_path
from tests.support.asking import health, series
from tests.support.work import Work

from governor.api import API_VERSION
from governor_local.operator_process import NAMESPACE

_CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_FINDING = re.compile(r"^Finding: \S+ (\S+)$", re.MULTILINE)
_SEVERAL = re.compile(r" (\d+) (?:findings\b|policies )")
"""A digest's title, or a source's."""
_ALL_POLICIES = f"/apis/{API_VERSION}/governancepolicies"
_NO_TICKS = "none expected: there are no policies"
"""What a replica says of its timers when it remembers no policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table of findings."""

    id: str
    place: Place
    opened_at: datetime
    resolved_at: datetime | None
    folded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One that was taken."""

    id: str
    word: str
    """`opened`, `reminded` or `resolved`."""
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One that the chat took."""

    at: datetime
    title: str
    finding: str
    """Empty where it is about several."""
    several: int = 0
    """How many it is about then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One work item."""

    finding: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One that fires."""

    policy: str
    finding: str
    heard_at: datetime
    """When Alertmanager last heard of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What there is to judge."""

    at: datetime
    rows: Sequence[Row] = ()
    events: Sequence[str] = ()
    """Of each Kubernetes Event: what its name says of its transition's id."""
    cloud_events: Sequence[CloudEvent] = ()
    """In order of arrival."""
    messages: Sequence[Message] = ()
    """In order of arrival."""
    items: Sequence[Item] = ()
    alerts: Sequence[Alert] = ()
    orphans: Sequence[str] = ()
    """uids of deleted policies that something is still kept of."""
    series: frozenset[str] = frozenset()
    """Names of the policies that a replica has series of, of any metric."""


class Gatherer:
    """Remembers what servers forget: Events are kept for an hour only."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._events: set[str] = set()

    def gather(self) -> Evidence:
        """All of it, as it is now. All servers must be up."""
        world, stack = self._world, self._world.stack
        now = datetime.now().astimezone()
        listing = f"/apis/events.k8s.io/v1/namespaces/{world.namespace}/events"
        names = [each["metadata"]["name"] for each in world.api.items(listing)]
        self._events |= {name.rpartition(".")[2] for name in names}
        work = Work(world.cluster, world.namespace, url="")
        return Evidence(
            at=now,
            rows=[_row(each) for each in world.cluster.rows(world.namespace)],
            events=sorted(self._events),
            cloud_events=[
                _cloud_event(each.body)
                for each in stack.receiver.received(events_path(world.namespace))
            ],
            messages=[
                message_of(each.at, each.body)
                for each in stack.receiver.received(chat_path(world.namespace))
            ],
            items=[_item(each) for each in work.items()],
            alerts=[
                _alert(each)
                for each in stack.alertmanager.alerts()
                if each["labels"].get("namespace") == world.namespace
            ],
            orphans=self._orphans(),
            series=frozenset(self._policies_with_series()),
        )

    def left_of_the_deleted(self) -> list[str]:
        """What is still kept of policies that are no more, and rows of theirs that are open.

        A deletion that no watch told is found by comparing, within two minutes.
        """
        living = {policy.uid for policy in self._world.living}
        named = {policy.name for policy in self._world.living}
        rows = self._world.cluster.rows(self._world.namespace)
        open_rows = [row for row in rows if not row["resolved"] and row["policy_uid"] not in living]
        names = [f"open row {row['id']} of {row['policy']}" for row in open_rows]
        orphans = [f"ConfigMap orphan-{uid}" for uid in self._orphans()]
        series = [f"series of {name}" for name in {*self._policies_with_series()} - named]
        return names + orphans + series + self._timers_of_nothing()

    def _timers_of_nothing(self) -> list[str]:
        """Where there is no policy at all: the replicas that still wait for ticks of one."""
        if self._world.api.items(_ALL_POLICIES):
            return []
        ticks = {
            each.name: health(each, "healthz")[1].get("checks", {}).get("ticks", "no answer")
            for each in self._world.pair.both
        }
        return [f"{name}: {said}" for name, said in ticks.items() if said != _NO_TICKS]

    def _policies_with_series(self) -> Iterator[str]:
        """Names of all policies of the namespace that a replica has series of."""
        for replica in self._world.pair.both:
            if replica.running:
                for labels, _ in series(replica, namespace=self._world.namespace):
                    if "policy" in labels:
                        yield labels["policy"]

    def _orphans(self) -> list[str]:
        kept = [each["metadata"]["name"] for each in self._world.api.items(_CONFIG_MAPS)]
        ours = set(self._world.watch.history.gone)
        return [uid for name in kept if (uid := name.removeprefix("orphan-")) in ours]


def _row(row: dict[str, Any]) -> Row:
    ended = row["resolved_at"]
    return Row(
        id=row["id"],
        place=(row["policy_uid"], row["check_name"], row["event_type"]),
        opened_at=datetime.fromisoformat(row["opened_at"]),
        resolved_at=datetime.fromisoformat(ended) if ended else None,
        folded=row["folded"],
    )


def _cloud_event(body: dict[str, Any]) -> CloudEvent:
    return CloudEvent(
        id=body["id"],
        word=body["type"].split(".")[-2],
        finding=body["subject"],
    )


def message_of(at: datetime, body: dict[str, Any]) -> Message:
    """What a chat got."""
    if found := _FINDING.search(body["message"]):
        return Message(at=at, title=body["title"], finding=found[1])
    several = _SEVERAL.search(body["title"])
    return Message(
        at=at, title=body["title"], finding="", several=int(several[1]) if several else 0
    )


def _item(item: dict[str, Any]) -> Item:
    active = item["dispatch_status"] in {"pending", "dispatched", "executing"}
    return Item(finding=item["governance_event_id"], active=active)


def _alert(alert: dict[str, Any]) -> Alert:
    return Alert(
        policy=alert["labels"]["policy"],
        finding=alert["annotations"]["finding"],
        heard_at=datetime.fromisoformat(alert["updatedAt"]),
    )
