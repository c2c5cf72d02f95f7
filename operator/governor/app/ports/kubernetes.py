"""What is needed of the API server."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKey:
    """Which object: a name can change hands, a uid can't."""

    uid: str
    namespace: str
    """Empty for cluster-scoped kinds."""
    name: str


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

    def policy_seen(self, body: Json) -> None: ...
    def policy_gone(self, uid: str) -> None: ...
    def policy_tick(self, uid: str, tick_seconds: int) -> None: ...
    def source_seen(self, body: Json) -> None: ...
    def source_gone(self, uid: str) -> None: ...
    def channel_seen(self, body: Json) -> None: ...
    def channel_gone(self, uid: str) -> None: ...
    def mute_seen(self, body: Json) -> None: ...
    def mute_gone(self, uid: str) -> None: ...
    def namespace_seen(self, name: str, labels: Mapping[str, str]) -> None: ...
    def namespace_gone(self, name: str) -> None: ...

    def listed(self) -> None:
        """Every source, channel, mute and namespace was told of: one that was not is not there."""
