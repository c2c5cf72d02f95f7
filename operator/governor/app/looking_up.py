"""Asks the sink how work items go on, as a decision depends on it."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from governor.api.status import CheckStatus, PolicyStatus
from governor.app.services import Services
from governor.domain.dispatching import LookUp
from governor.domain.episodes import Run
from governor.domain.policies import Policy
from governor.errors import DeliveryError

PATIENCE = 2.0
"""Seconds; without an answer the decision is taken on what was last known."""

PLACE = "sink: work items"
"""What the log calls it when it does not answer."""

FRESH_FOR = timedelta(seconds=20)
"""Between runs an answer is asked anew on every tick but the fastest."""


_log = logging.getLogger(__name__)


class LookingUp:
    """The look-ups of one policy: none where no work item can matter."""

    def __init__(self, uid: str, services: Services) -> None:
        self._uid = uid
        self._services = services
        self._asked_at = services.clock.now() - FRESH_FOR

    async def ask(self, policy: Policy, status: PolicyStatus, runs: Sequence[Run]) -> LookUp | None:
        """The policy's work items; None if they do not matter now, or the sink is silent."""
        if not self._worth_it(policy, status, runs):
            return None
        self._asked_at = self._services.clock.now()
        complaints = self._services.complaints
        try:
            async with asyncio.timeout(PATIENCE):
                records = await self._services.sink.dispatches(self._uid)
        except TimeoutError:
            complaints.failed(PLACE, DeliveryError(f"no answer within {PATIENCE:g} s"))
            return None
        except DeliveryError as error:
            complaints.failed(PLACE, error)
            return None
        except Exception:  # noqa: BLE001 - a bug there must not keep a run from standing
            _log.exception("work items can't be looked up", extra={"policy_uid": self._uid})
            return None
        complaints.delivered(PLACE)
        executors = {c.name: c.dispatch.executor for c in policy.checks if c.dispatch}
        return LookUp(
            dispatches={
                record.check_name: record.dispatch
                for record in records
                if executors.get(record.check_name) == record.dispatch.executor
            }
        )

    def _worth_it(self, policy: Policy, status: PolicyStatus, runs: Sequence[Run]) -> bool:
        declared = {check.name for check in policy.checks if check.dispatch}
        concerned = {check.name for check in status.checks if _under_way(check)} & declared
        if not concerned:
            return False
        measured = {run.check for run in runs}
        stale = self._services.clock.now() - self._asked_at >= FRESH_FOR
        return bool(concerned & measured) or stale


def _under_way(check: CheckStatus) -> bool:
    """Whether the check has a finding, or a work item that may change."""
    known = check.dispatch
    return check.finding is not None or (known is not None and known.finished_at is None)
