"""What is needed of the API server."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, Self

Json = Mapping[str, Any]


class Kind(StrEnum):
    """What is watched; the value is the plural of its path."""

    POLICIES = "governancepolicies"
    SOURCES = "governancesources"
    CHANNELS = "governancechannels"
    MUTES = "governancemutes"
    NAMESPACES = "namespaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKey:
    """Which object: a name can change hands, a uid can't."""

    uid: str
    namespace: str
    """Empty for cluster-scoped kinds."""
    name: str

    @classmethod
    def of(cls, body: Json) -> Self:
        """The key of an object as the API server gave it."""
        meta = body["metadata"]
        return cls(uid=meta["uid"], namespace=meta.get("namespace", ""), name=meta["name"])


class LiveObjects(Protocol):
    """Knows which objects there are, as the server has them now."""

    async def versions(self, kind: Kind) -> Mapping[ObjectKey, int]:
        """Every object's resourceVersion; none where the kind is not installed any more.

        Nothing that was there before the call and is there after it is left out.

        Raises:
            StoreError: no answer, or a refusal.
        """

    async def read(self, kind: Kind, key: ObjectKey) -> Json:
        """One object, whole.

        Raises:
            GoneError: the server knows that it is absent, or has another uid.
            StoreError: anything else.
        """


class StatusStore(Protocol):
    """Knows how to read policies (or sources) live and to replace their status."""

    async def read(self, key: ObjectKey) -> Json:
        """The object as the server has it now.

        Raises:
            GoneError: absent, or another uid.
            UnavailableError: no answer.
        """

    async def replace_status(self, key: ObjectKey, resource_version: str, status: Json) -> Json:
        """Replaces the whole status if nothing else was written since; the new object.

        Raises:
            ConflictError: another resourceVersion, or another uid (409).
            GoneError: absent (404).
            UnavailableError: timeout, lost connection, 429, 5xx.
            StoreError: any other refusal (a 422 names the field).
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """A Kubernetes Event about an object."""

    name: str
    regarding: ObjectKey
    kind: str
    type: str
    """`Normal` or `Warning`."""
    action: str
    reason: str
    note: str
    """At most 1024 bytes; the adapter cuts it."""
    at: datetime


class EventRecorder(Protocol):
    """Knows how to tell a Kubernetes Event exactly once per name."""

    async def record(self, event: EventRecord) -> None:
        """Creates the Event; one that exists already is a success.

        Raises:
            RejectedError: 403 NamespaceTerminating, 404, 422.
            DeliveryError: anything that may pass.
        """


class SecretReader(Protocol):
    """Knows how to read Secrets of the operator's own namespace."""

    async def read(self, name: str) -> tuple[str, Mapping[str, bytes]] | None:
        """Its resourceVersion and data; None if there is no such Secret.

        Raises:
            UnavailableError: no answer, or no right to read it.
        """


class Informed(Protocol):
    """What the handlers tell the application: what was seen, and when a timer fired.

    Every call returns at once; work happens in tasks of the application's own.
    """

    def seen(self, kind: Kind, body: Json) -> None:
        """An object is there, new or changed."""

    def gone(self, kind: Kind, key: ObjectKey) -> None:
        """An object was deleted."""

    def unwatched(self, kind: Kind) -> None:
        """The kind was not watched for a while: no watch tells what was deleted meanwhile."""

    def listed(self) -> None:
        """Every source, channel, mute and namespace was told of: one that was not is not there."""

    def policy_tick(self, uid: str, tick_seconds: int) -> None:
        """A timer of that length fired for a policy."""


class Watches(Protocol):
    """What the application tells the handlers: what no watch told them."""

    def forget(self, key: ObjectKey) -> None:
        """That object is gone: nothing of it is to be kept."""

    def expect(self, key: ObjectKey) -> None:
        """That policy is there: it should tick before long."""
