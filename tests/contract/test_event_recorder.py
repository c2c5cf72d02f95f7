"""Every EventRecorder keeps to the same rules: the double and the real API server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from governor.adapters.kubernetes.connection import Connection
from governor.adapters.kubernetes.credentials import load
from governor.adapters.kubernetes.events import KubernetesEventRecorder
from governor.adapters.memory.events import InMemoryEventRecorder
from governor.app.ports import EventRecord, EventRecorder, ObjectKey
from governor.domain.telling import cut
from governor.errors import RejectedError


@dataclass(frozen=True)
class World:
    """A recorder, and a look at what it told."""

    recorder: EventRecorder
    note: Callable[[EventRecord], Awaitable[str]]
    """The note under an event's name."""
    terminating: Callable[[], Awaitable[str]]
    """The name of a namespace that is being terminated."""


def an_event(*, namespace: str = "default") -> EventRecord:
    """A valid one with a name of its own."""
    return EventRecord(
        name=f"policy.{uuid4().hex[:16]}",
        regarding=ObjectKey(uid=str(uuid4()), namespace=namespace, name="policy"),
        kind="GovernancePolicy",
        type="Warning",
        action="Evaluate",
        reason="FindingOpened",
        note="trust-drift is past its red line",
        at=datetime.now(UTC),
    )


def in_memory() -> World:
    """The double."""
    recorder = InMemoryEventRecorder()

    async def note(event: EventRecord) -> str:
        return recorder.events[event.name].note

    async def terminating() -> str:
        recorder.terminate("ending")
        return "ending"

    return World(recorder=recorder, note=note, terminating=terminating)


def event_path(namespace: str, name: str) -> str:
    """Where events.k8s.io keeps it."""
    return f"/apis/events.k8s.io/v1/namespaces/{namespace or 'default'}/events/{name}"


def real(connection: Connection) -> World:
    """The API server."""

    async def note(event: EventRecord) -> str:
        told = await connection.request("GET", event_path(event.regarding.namespace, event.name))
        return str(told["note"])

    async def terminating() -> str:
        name = f"ending-{uuid4().hex[:8]}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await connection.request("POST", "/api/v1/namespaces", body=body)
        await connection.request("DELETE", f"/api/v1/namespaces/{name}")
        return name

    recorder = KubernetesEventRecorder(connection, instance="a-pod")
    return World(recorder=recorder, note=note, terminating=terminating)


@pytest.fixture
async def connection(request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    """To the real API server."""
    stack = request.getfixturevalue("stack")
    async with Connection(load(stack.kubeconfig)) as connection:
        yield connection


@pytest.fixture(params=["memory", "kubernetes"])
def world(request: pytest.FixtureRequest) -> World:
    """Each implementation in turn."""
    if request.param == "memory":
        return in_memory()
    return real(request.getfixturevalue("connection"))


async def test_an_event_is_told(world: World) -> None:
    """Under the name given."""
    event = an_event()

    await world.recorder.record(event)

    assert await world.note(event) == event.note


async def test_an_event_of_the_same_name_is_told_once(world: World) -> None:
    """A repeat succeeds, and changes nothing."""
    event = an_event()
    await world.recorder.record(event)

    await world.recorder.record(replace(event, note="something else"))

    assert await world.note(event) == event.note


async def test_a_namespace_that_ends_rejects_for_good(world: World) -> None:
    """It takes no new objects, so that waiting is in vain."""
    event = an_event(namespace=await world.terminating())

    with pytest.raises(RejectedError):
        await world.recorder.record(event)


async def test_a_namespace_that_is_gone_rejects_for_good(connection: Connection) -> None:
    """404."""
    recorder = KubernetesEventRecorder(connection, instance="a-pod")

    with pytest.raises(RejectedError):
        await recorder.record(an_event(namespace=f"no-{uuid4().hex}"))


async def test_an_invalid_event_is_rejected_for_good(connection: Connection) -> None:
    """422, with the server's word on which field."""
    recorder = KubernetesEventRecorder(connection, instance="a-pod")

    with pytest.raises(RejectedError, match="name"):
        await recorder.record(replace(an_event(), name="Not_A_Name"))


async def test_an_event_says_everything(connection: Connection) -> None:
    """Type, action, reason, time, who tells, and about which object."""
    event = an_event()

    await KubernetesEventRecorder(connection, instance="a-pod").record(event)

    told = await connection.request("GET", event_path("default", event.name))
    expected: dict[str, Any] = {
        "type": "Warning",
        "action": "Evaluate",
        "reason": "FindingOpened",
        "reportingController": "governance.aiops.dev/governor",
        "reportingInstance": "a-pod",
        "eventTime": f"{event.at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "regarding": {
            "apiVersion": "governance.aiops.dev/v1alpha1",
            "kind": "GovernancePolicy",
            "namespace": "default",
            "name": "policy",
            "uid": event.regarding.uid,
        },
    }
    assert expected == {field: told[field] for field in expected}


async def test_an_event_about_a_cluster_scoped_object_lives_in_default(
    connection: Connection,
) -> None:
    """As the API server insists."""
    event = replace(
        an_event(), regarding=ObjectKey(uid=str(uuid4()), namespace="", name="platform")
    )

    await KubernetesEventRecorder(connection, instance="a-pod").record(event)

    told = await connection.request("GET", event_path("default", event.name))
    assert "namespace" not in told["regarding"]


async def test_texts_that_are_too_long_are_cut(connection: Connection) -> None:
    """The API server takes 1024 bytes of note, 128 characters of action and reason."""
    event = replace(an_event(), note="ü" * 2000, action="a" * 200, reason="r" * 200)

    await KubernetesEventRecorder(connection, instance="i" * 300).record(event)

    told = await connection.request("GET", event_path("default", event.name))
    assert len(told["note"].encode()) in (1023, 1024)
    assert (len(told["action"]), len(told["reason"])) == (128, 128)
    assert len(told["reportingInstance"]) == 128


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("short", 10, "short"),
        ("exactly-10", 10, "exactly-10"),
        ("more than 10", 10, "more th…"),
        ("ü" * 5, 10, "ü" * 5),
        ("ü" * 6, 10, "üüü…"),
        ("€€€€", 10, "€€…"),
    ],
)
def test_a_note_is_cut_on_the_border_of_a_character(text: str, size: int, expected: str) -> None:
    """Half a character would be refused, or shown as rubbish."""
    assert cut(text, size) == expected
    assert len(expected.encode()) <= size
