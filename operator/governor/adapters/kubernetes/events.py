"""Kubernetes Events, each told once: the name is the transition's, so a repeat is a 409."""

import asyncio

from governor.adapters.kubernetes.connection import Connection, RefusedError
from governor.api import API_VERSION, GROUP
from governor.app.ports import EventRecord, Json
from governor.domain.telling import NOTE_BYTES, cut
from governor.errors import DeliveryError, RejectedError, UnavailableError
from governor.values.moments import rfc3339

AT_A_TIME = 8
"""Events on their way: thousands that come at once must not stand before the statuses, which are
written over the same connections."""

_CONTROLLER = f"{GROUP}/governor"
_WORD_CHARACTERS = 128

_FORBIDDEN = 403
_NOT_FOUND = 404
_EXISTS = 409
_INVALID = 422


class KubernetesEventRecorder:
    """Creates Events of events.k8s.io/v1 (`app.ports.EventRecorder`)."""

    def __init__(self, connection: Connection, *, instance: str) -> None:
        """Tells over a connection, as one replica of the operator.

        Args:
            connection: where to.
            instance: which replica, such as the pod's name.
        """
        self._connection = connection
        self._instance = instance[:_WORD_CHARACTERS] or "governor"
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def record(self, event: EventRecord) -> None:
        """As the port says."""
        path = f"/apis/events.k8s.io/v1/namespaces/{_namespace(event)}/events"
        try:
            async with self._turns:
                await self._connection.request("POST", path, body=self._body(event))
        except UnavailableError as error:
            raise DeliveryError(str(error)) from error
        except RefusedError as error:
            if error.status == _EXISTS:
                return
            if _is_final(error):
                raise RejectedError(str(error)) from error
            raise DeliveryError(str(error)) from error

    def _body(self, event: EventRecord) -> Json:
        regarding = event.regarding
        reference = {
            "apiVersion": API_VERSION,
            "kind": event.kind,
            "name": regarding.name,
            "uid": regarding.uid,
        }
        if regarding.namespace:
            reference["namespace"] = regarding.namespace
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": event.name, "namespace": _namespace(event)},
            "eventTime": rfc3339(event.at),
            "reportingController": _CONTROLLER,
            "reportingInstance": self._instance,
            "type": event.type,
            "action": event.action[:_WORD_CHARACTERS],
            "reason": event.reason[:_WORD_CHARACTERS],
            "note": cut(event.note, NOTE_BYTES),
            "regarding": reference,
        }


def _namespace(event: EventRecord) -> str:
    """Events about cluster-scoped objects live in `default`: the API server insists."""
    return event.regarding.namespace or "default"


def _is_final(error: RefusedError) -> bool:
    if error.status == _FORBIDDEN:
        return "NamespaceTerminating" in error.causes
    return error.status in (_NOT_FOUND, _INVALID)
