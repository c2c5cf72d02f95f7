"""What every decision in any test must also show: one at rest is taken alike at any later time."""

from dataclasses import replace
from datetime import datetime, timedelta

from governor.api.status import PolicyStatus
from governor.domain.plans import NOTHING_LEARNED, Snapshot, decide
from governor.domain.resting import at_rest

LATER = (timedelta(0), timedelta(minutes=1), timedelta(days=40))


def stays_if_at_rest(before: Snapshot, status: PolicyStatus, now: datetime) -> None:
    """Decides once more on what was decided, without any news."""
    if at_rest(status, before.surroundings):
        snapshot = replace(before, status=status)
        for later in LATER:
            assert decide(snapshot, (), NOTHING_LEARNED, now + later) == status
