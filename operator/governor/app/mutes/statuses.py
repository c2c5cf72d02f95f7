"""Says in each mute's status whether it is honoured, and whom it silences."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from operator import ne

from governor.api.mute import MuteStatus
from governor.app.mutes.entries import Entry, Pace, State
from governor.app.ports import Clock, StatusStore
from governor.app.resources import StatusWriter
from governor.domain.muting import ACCEPTED, EXPIRED, POLICY_NOT_FOUND, judged
from governor.domain.policies import Policy
from governor.domain.surroundings import Mute
from governor.errors import StoreError

PolicyOf = Callable[[str, str], Policy | None]
"""The policy of a namespace and name; None if none is known that can be understood."""

_log = logging.getLogger(__name__)


class Statuses:
    """Judges mutes when they are due, and writes what is new."""

    def __init__(
        self,
        *,
        store: StatusStore,
        clock: Clock,
        policy_of: PolicyOf,
        mutes_of: Callable[[str, str], Sequence[Mute]],
        on_state: Callable[[Entry], None],
        pace: Pace,
    ) -> None:
        """Nothing is due yet.

        Args:
            store: holds the mutes.
            clock: for conditions and ends.
            policy_of: finds policies.
            mutes_of: all mutes of a policy, by its namespace and name.
            on_state: called when a mute's `state` has changed.
            pace: how often to look.
        """
        self._writer = StatusWriter(store, MuteStatus, ne)
        self._clock = clock
        self._policy_of = policy_of
        self._mutes_of = mutes_of
        self._on_state = on_state
        self._pace = pace
        self._due: dict[int, Entry] = {}
        self._some = asyncio.Event()
        self._settled = False

    def due(self, entry: Entry) -> None:
        """It is to be judged: the mute, its policy or the time has changed."""
        self._due[id(entry)] = entry
        self._some.set()

    def settle(self) -> None:
        """From now on, a policy that is not known does not exist."""
        self._settled = True

    async def tell(self) -> None:
        """Waits until something is due, and tells it."""
        await self._some.wait()
        await asyncio.sleep(self._pace.gathering)
        self._some.clear()
        entries, self._due = list(self._due.values()), {}
        for entry in entries:
            try:
                await self._tell(entry)
            except StoreError as error:
                _log.warning(
                    "the status of mute %s/%s could not be written: %s",
                    entry.key.namespace,
                    entry.key.name,
                    error,
                )
                asyncio.get_running_loop().call_later(self._pace.retrying, self.due, entry)
            except Exception:  # noqa: BLE001 - one mute must not stop another
                _log.exception("mute %s/%s could not be told", entry.key.namespace, entry.key.name)

    async def _tell(self, entry: Entry) -> None:
        if not entry.current:
            return
        policy = self._policy_of(entry.key.namespace, entry.policy)

        def decide(before: MuteStatus) -> MuteStatus:
            rivals = self._mutes_of(entry.key.namespace, entry.policy)
            after = judged(before, entry.body, policy, self._clock.now(), rivals=rivals)
            accepted = next(c for c in after.conditions if c.type == ACCEPTED)
            if accepted.reason == POLICY_NOT_FOUND and not self._settled:
                return before
            state = _state(accepted.status == "True", accepted.reason)
            if state != entry.state:
                entry.state = state
                self._on_state(entry)
            return after

        await self._writer.write(entry, decide)


def _state(accepted: bool, reason: str) -> State | None:
    if accepted:
        return "active"
    return None if reason == EXPIRED else "refused"
