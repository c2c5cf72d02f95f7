"""What the sink has open of a policy and its status may not know: for the next decision."""

import asyncio
import logging

from governor.app.services import Services
from governor.domain.takeovers import Known
from governor.errors import DeliveryError

PATIENCE = 2.0
"""Seconds; without an answer the decision is taken on the status alone."""


_log = logging.getLogger(__name__)


class TakingOver:
    """The open rows of one policy, from the sink or from those who compare with it."""

    def __init__(self, uid: str, services: Services, *, foreign: bool) -> None:
        """Knows of none.

        Args:
            uid: the policy.
            services: what the runs of all policies share.
            foreign: whether the status is new, so that the sink may know more.
        """
        self._uid = uid
        self._services = services
        self._foreign = foreign
        self.rows: tuple[Known, ...] = ()
        """What the next decision looks at."""
        self.unanswered = False
        """Whether the sink was asked, and has not answered yet."""

    def distrust(self) -> None:
        """The status is not our own: the sink is asked before it is decided on."""
        self._foreign = True

    def heal(self, rows: tuple[Known, ...]) -> None:
        """The sink has these open."""
        self.rows = rows
        self.unanswered = False

    def looked_at(self, rows: tuple[Known, ...]) -> None:
        """A decision on these stands; what has come in since is for the next one."""
        if self.rows is rows:
            self.rows = ()

    async def ask_once(self) -> None:
        """Asks the sink, if the status is not our own.

        Where it does not answer, its unique index will tell when a finding opens, and those
        who compare with it will soon know whether one is open.
        """
        if not self._foreign:
            return
        self._foreign = False
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._services.sink.open_findings(self._uid)
            self.heal(tuple(row.known() for row in found))
        except (DeliveryError, TimeoutError):
            self.unanswered = True
        except Exception:  # noqa: BLE001 - a bug, or an odd row: no reason not to measure
            _log.exception("what the sink has open can't be read", extra={"policy_uid": self._uid})
            self.unanswered = True
