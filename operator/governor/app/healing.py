"""At start and hourly, every policy's status and the sink are brought to agree.

Sooner is a policy whose status was new or not our own while the sink could not be asked.

What the statuses know is said again to the sink; what the sink has open of a
living policy and its status does not know, the policy takes over.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable

from governor.app.ports import Sink
from governor.app.running import PolicyRunner
from governor.app.scheduling import spread
from governor.domain.takeovers import Known
from governor.errors import DeliveryError

PERIOD_SECONDS = 3600.0
FIRST_AFTER_SECONDS = 15.0
"""The policies have been listed by then."""
RETRY_SECONDS = 60.0
LEASE_SECONDS = 15.0
"""Between two looks for leases that are over."""

_log = logging.getLogger(__name__)


async def keep_healed(runners: Iterable[PolicyRunner], sink: Sink) -> None:
    """Heals until cancelled; while the sink is away, tries again."""
    left = FIRST_AFTER_SECONDS
    while True:
        wait = min(left, RETRY_SECONDS)
        await asyncio.sleep(wait)
        left -= wait
        due = [each for each in runners if left <= 0 or each.unanswered]
        if not due and left > 0:
            continue
        try:
            await heal(due, sink)
            left = left if left > 0 else PERIOD_SECONDS
        except Exception as error:  # noqa: BLE001 - a bug here must not end the term
            _complain("the sink can't be compared now", error)
            left = max(left, RETRY_SECONDS)


async def heal(runners: Iterable[PolicyRunner], sink: Sink) -> None:
    """Compares these policies with the sink, once.

    Raises:
        DeliveryError: the sink did not answer; nothing was changed.
    """
    rows: defaultdict[str, list[Known]] = defaultdict(list)
    for row in await sink.open_findings():
        try:
            rows[row.policy_uid].append(row.known())
        except ValueError as error:  # somebody's hand: it must not keep others from being compared
            _complain(f"row {row.id} of the sink can't be read: look at it", error)
    async for runner in spread(runners):
        runner.heal(tuple(rows[runner.subject.key.uid]))


async def keep_released(sink: Sink) -> None:
    """Has work items whose lease is over offered again, until cancelled."""
    while True:
        try:
            if count := await sink.release_expired():
                _log.info("leases of work items were over", extra={"released": count})
        except DeliveryError as error:
            _log.debug("leases can't be looked at now", extra={"error": str(error)})
        except Exception as error:  # noqa: BLE001 - a bug here must not end the term
            _complain("leases can't be looked at now", error)
        await asyncio.sleep(LEASE_SECONDS)


def _complain(what: str, error: Exception) -> None:
    """What was to be expected, in a line; a bug, with where it is."""
    expected = isinstance(error, DeliveryError)
    _log.warning(what, exc_info=None if expected else error, extra={"error": str(error)})
