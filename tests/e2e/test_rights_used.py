"""The operator's main path, under the API server's audit: it needs what it may, and no more.

A new right needs a story here that uses it, unless one of these does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from tests.support import rights
from tests.support.cluster import Cluster, eventually
from tests.support.editing import edited_without_pause
from tests.support.manifests import (
    Manifest,
    channel,
    mute,
    notify,
    number,
    policy,
    prometheus_source,
)
from tests.support.rights import Right
from tests.support.sources import deleted, secret
from tests.support.status_rights import no_right_to_status

from governor_local.audit import Call
from governor_local.operator_process import NAMESPACE, OperatorProcess
from governor_local.stack import Stack

pytestmark = [pytest.mark.e2e]

OWN = "e2e-rights"
"""A source, a channel and a Secret of the test's own."""
NOBODY_USES = Right(verb="list", group="", resource="pods")
PATIENCE = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a story plays."""

    cluster: Cluster
    namespace: str
    since: datetime
    """When the operator was started."""

    def calls(self) -> list[Call]:
        """All that the operator has asked of the API server."""
        audit = self.cluster.stack.control_plane.apiserver.audit
        return list(audit.calls(rights.USER, since=self.since))

    def bad(self, name: str) -> Manifest:
        """A policy that is violated, and tells the test's own channel."""
        checked = number(2, red_line=1, source=OWN)
        return policy(name, self.namespace, checked, notify=notify(OWN))


def a_finding_is_told(place: Place) -> None:
    """Statuses, an Event, the channel's Secret."""
    place.cluster.apply(place.bad("bad"))
    place.cluster.verdict("bad", place.namespace, "Violated")
    place.cluster.told("bad", place.namespace)


def a_policy_is_deleted_while_the_sink_is_down(place: Place) -> None:
    """What was not delivered outlives its policy."""
    sink, namespace = place.cluster.stack.sink, place.namespace
    sink.stop()
    place.cluster.apply(place.bad("gone"))
    place.cluster.verdict("gone", namespace, "Violated")
    place.cluster.stack.kubectl("delete", "governancepolicy", "gone", "-n", namespace)
    sink.start()


def all_is_edited_while_it_is_told(place: Place) -> None:
    """A write that meets a newer version reads what there is."""
    namespace = f"namespaces/{place.namespace}"
    expires = datetime.now(UTC) + timedelta(hours=1)
    muted = mute("edited", place.namespace, "edited", expires)
    edits = {
        f"{namespace}/governancepolicies/edited": lambda n: {"interval": f"{5 + n % 2 * 5}s"},
        f"{namespace}/governancemutes/edited": lambda n: {"reason": f"edit {n}"},
        f"governancesources/{OWN}": lambda n: {"prometheus": {"timeout": f"{5 + n % 2}s"}},
        f"governancechannels/{OWN}": lambda n: {"digestAfter": 5 + n % 2},
    }
    read = [
        Right(verb="get", group="governance.aiops.dev", resource=f"governance{kind}")
        for kind in ("policies", "mutes", "sources", "channels")
    ]
    with deleted(place.cluster, muted):
        place.cluster.apply(place.bad("edited"), muted)
        with edited_without_pause(place.cluster.stack, edits):
            _until_used(place, read)


STORIES: tuple[Callable[[Place], None], ...] = (
    a_finding_is_told,
    a_policy_is_deleted_while_the_sink_is_down,
    all_is_edited_while_it_is_told,
)


@pytest.fixture
def place(
    stack: Stack, cluster: Cluster, operator: OperatorProcess, namespace: str
) -> Iterator[Place]:
    """An operator that starts as on its first day: nothing is there that it made before."""
    stack.prometheus.start()
    objects = [
        secret(OWN, {"url": stack.receiver.apprise_url(f"chat/{OWN}")}),
        prometheus_source(OWN, stack.prometheus.url),
        channel(OWN, "apprise", {"secretRef": {"name": OWN, "key": "url"}}),
    ]
    operator.stop()
    stack.kubectl("delete", "leases,configmaps", "--all", "-n", NAMESPACE)
    since = datetime.now(UTC)
    with deleted(cluster, *objects):
        cluster.apply(*objects)
        operator.start()
        yield Place(cluster=cluster, namespace=namespace, since=since)


def test_no_right_is_unused_and_none_is_missing(stack: Stack, place: Place) -> None:
    """What the shipped roles grant is what the operator asks for."""
    granted = rights.granted(stack)

    for story in STORIES:
        story(place)

    _until_used(place, granted)
    calls = place.calls()
    assert rights.missing(granted, calls) == []
    assert rights.unused([*granted, NOBODY_USES], calls) == ["list pods"]


def test_a_missing_right_is_seen(stack: Stack, cluster: Cluster, place: Place) -> None:
    """Else the test above would prove little."""
    with no_right_to_status(cluster):
        cluster.apply(place.bad("bad"))
        path = f"/namespaces/{place.namespace}/governancepolicies/bad/status"
        eventually(
            lambda: any(
                asked.startswith("update ") and asked.endswith(path)
                for asked in rights.missing(rights.granted(stack), place.calls())
            ),
            PATIENCE,
        )


def _until_used(place: Place, wanted: list[Right]) -> None:
    def used() -> bool:
        assert rights.unused(wanted, place.calls()) == []
        return True

    eventually(used, PATIENCE)
