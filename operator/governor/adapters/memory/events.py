"""Kubernetes Events, held in memory under the API server's rules."""

from collections import deque
from typing import Literal

from governor.app.ports import EventRecord
from governor.errors import DeliveryError, RejectedError


class InMemoryEventRecorder:
    """A double of `app.ports.EventRecorder` that shows what was told."""

    def __init__(self) -> None:
        self.events: dict[str, EventRecord] = {}
        """What was told, by name: a second one of the same name changes nothing."""
        self.attempts: list[EventRecord] = []
        """Every call, repeats and failures included."""
        self._faults: deque[Literal["before", "after", "rejected"]] = deque()
        self._terminating: set[str] = set()

    def fail(self, *faults: Literal["before", "after", "rejected"]) -> None:
        """Plants faults, one for each of the next calls."""
        self._faults.extend(faults)

    def terminate(self, namespace: str) -> None:
        """From now on the namespace takes no new objects."""
        self._terminating.add(namespace)

    async def record(self, event: EventRecord) -> None:
        """As the port says."""
        self.attempts.append(event)
        fault = self._faults.popleft() if self._faults else None
        if fault == "before":
            raise DeliveryError("planted: lost before the request")
        if fault == "rejected" or event.regarding.namespace in self._terminating:
            raise RejectedError("the namespace is being terminated")
        self.events.setdefault(event.name, event)
        if fault == "after":
            raise DeliveryError("planted: the answer was lost")
