"""What is needed of the table that keeps every value for some days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from governor.domain.measurements import MeasurementRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of records."""

    stored: int
    """So many are there now, and were not before."""
    homeless: int
    """So many were dropped: the table has no room for their day."""
    homeless_day: date | None = None
    """The earliest such day."""


class Measurements(Protocol):
    """Knows how to keep values, for one cluster: a day at a time, each slot once."""

    async def add(self, records: Sequence[MeasurementRecord]) -> Added:
        """Stores one record for each (policy, check, slot), whoever adds it how often.

        The first stays, but a number takes the place of an Error or a NoData.

        Raises:
            DeliveryError: not now.
            RejectedError: never.
        """

    async def make_room(self, days: int) -> int:
        """Makes room for the slots of so many days back, and of the next two; for how many days.

        Raises:
            DeliveryError: not now.
        """

    async def drop_old(self, days: int) -> int:
        """Drops what is of days longer ago than that; how many days.

        Raises:
            DeliveryError: not now.
        """
