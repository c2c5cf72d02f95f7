"""Faults that a test plants into a double of the API server."""

from collections import deque
from typing import Literal

from governor.errors import StoreError, UnavailableError

Fault = Literal["before", "after"]
"""When the connection breaks: before the request is done, or after, the answer lost."""


class Faults:
    """One for each of the next requests."""

    def __init__(self) -> None:
        self._planted: deque[Fault | StoreError] = deque()
        self.away = False
        """While it is, every request is lost."""

    def plant(self, *faults: Fault | StoreError) -> None:
        """An error is raised as it is."""
        self._planted.extend(faults)

    def begin(self) -> Fault | None:
        """A request comes in; what will become of its answer.

        Raises:
            StoreError: it is lost, or refused.
        """
        if self.away:
            raise UnavailableError("planted: it is away")
        fault = self._planted.popleft() if self._planted else None
        if fault == "before":
            raise UnavailableError("planted: lost before the request")
        if isinstance(fault, StoreError):
            raise fault
        return fault

    @staticmethod
    def answer(fault: Fault | None) -> None:
        """The request is done.

        Raises:
            UnavailableError: its answer is lost.
        """
        if fault == "after":
            raise UnavailableError("planted: the answer was lost")
